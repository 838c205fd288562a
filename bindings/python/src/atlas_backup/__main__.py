"""The command line: ``python -m atlas_backup get PROJECT CLUSTER SNAPSHOT``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from datetime import datetime, timezone
from typing import List, Optional, Union

from . import AtlasError, Client, Snapshot, __version__
from ._snapshot import DOCUMENTED

DESCRIPTION = """\
Read MongoDB Atlas cloud backup snapshots.

Credentials come from the environment: MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account), or
MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY (an API key), or MONGODB_ATLAS_ACCESS_TOKEN.
"""
EXIT_CODES = """\
exit codes: 0 success, 1 output cannot be written, 2 wrong usage, 10 + number of the error kind: 11 invalid argument,
12 configuration, 13 unauthenticated, 14 forbidden, 15 not found, 16 bad request, 17 rate limited, 18 server,
19 timeout, 20 network, 21 TLS, 22 invalid response, 25 internal; 130 interrupted
"""


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        _write(options.run(options))
        return 0
    except AtlasError as error:
        print(f"atlas_backup: {error}", file=sys.stderr)
        return 10 + error.kind
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader has seen enough
        _forget_stdout()
        return 128 + signal.SIGPIPE
    except OSError as problem:
        _forget_stdout()
        print(f"atlas_backup: cannot write the output: {problem}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m atlas_backup",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"atlas_backup {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    get = commands.add_parser("get", help="show one snapshot", description="Show one snapshot.")
    get.add_argument("project", metavar="PROJECT", help="id of the project, 24 hexadecimal digits")
    get.add_argument("cluster", metavar="CLUSTER", help="name of the cluster")
    get.add_argument("snapshot", metavar="SNAPSHOT", help="id of the snapshot, 24 hexadecimal digits")
    get.add_argument("--json", action="store_true", help="print Atlas' answer as it was received")
    get.add_argument("--envelope", action="store_true", help="ask Atlas for an enveloped answer")
    get.add_argument("--pretty", action="store_true", help="ask Atlas for indented JSON")
    get.set_defaults(run=_get)
    return parser


def _get(options: argparse.Namespace) -> Union[str, bytes]:
    with Client.from_env() as client:
        snapshot = client.get_snapshot(
            options.project, options.cluster, options.snapshot, envelope=options.envelope, pretty=options.pretty
        )
    return snapshot.json if options.json else _table(snapshot)


def _table(snapshot: Snapshot) -> str:
    """The documented fields that are there, for people: a label and a value, or several values one below the other."""
    width = max(map(len, DOCUMENTED)) + 2
    lines = []
    for name in DOCUMENTED:
        label = name.replace("_", " ")
        for value in _values(snapshot, name):
            lines.append(f"{label:{width}}{_printable(value)}\n")
            label = ""
    return "".join(lines)


def _values(snapshot: Snapshot, name: str) -> List[str]:
    value = getattr(snapshot, name)
    if name == "storage_size_bytes" and value is not None:
        return [_size(value)]
    if isinstance(value, datetime):
        return [f"{value:%Y-%m-%d %H:%M:%S} UTC ({_distance(value)})"]
    if isinstance(value, tuple):
        return [" ".join(filter(None, row)) if isinstance(row, tuple) else row for row in value]
    if value is None:  # perhaps a date that could not be read
        value = getattr(snapshot, f"{name}_text", None)
    return [] if value is None else [value]


def _size(size: int) -> str:
    """1.5 GiB (1574477824 bytes)"""
    if size < 1024:
        return f"{size} bytes"
    amount, units = size / 1024, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while amount >= 1023.95 and len(units) > 1:  # would be shown as 1024.0
        amount /= 1024
        del units[0]
    return f"{amount:.1f} {units[0]} ({size} bytes)"


def _distance(moment: datetime) -> str:
    """3 hours ago, in 2 days"""
    seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    for unit, length in (
        ("year", 31556952),
        ("month", 2629746),
        ("day", 86400),
        ("hour", 3600),
        ("minute", 60),
        ("second", 1),
    ):
        if abs(seconds) >= 2 * length:
            break
    count = int(abs(seconds)) // length
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {words}" if seconds > 0 else f"{words} ago"


def _printable(text: str) -> str:
    """Text from the server may not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _write(output: Union[str, bytes]) -> None:
    if sys.stdout is None:
        raise OSError("standard output is closed")
    if isinstance(output, str):
        output = output.encode(sys.stdout.encoding, "backslashreplace")
    elif sys.stdout.isatty():
        output += b"\n"
    rest = memoryview(output)
    while rest:  # with PYTHONUNBUFFERED, a write may be short
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.flush()


def _forget_stdout() -> None:
    """Python flushes standard output once more when it ends, and must not stumble over it again."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())

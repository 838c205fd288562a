"""The command line: ``python -m atlas_backup get|list|wait PROJECT CLUSTER …``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import sys
import time
from datetime import datetime, timezone
from typing import Iterable, Iterator, List, Optional, Union

from . import AtlasError, Client, Snapshot, SnapshotList, __version__, diagnose
from ._errors import hint
from ._snapshot import DOCUMENTED
from ._text import printable

DESCRIPTION = """\
Read MongoDB Atlas cloud backup snapshots.

Credentials come from the environment: MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account), or
MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY (an API key), or MONGODB_ATLAS_ACCESS_TOKEN.
"""
EXIT_CODES = """\
exit codes: 0 success, 1 output cannot be written, 2 wrong usage, 10 + number of the error kind: 11 invalid argument,
12 configuration, 13 unauthenticated, 14 forbidden, 15 not found, 16 bad request, 17 rate limited, 18 server,
19 timeout, 20 network, 21 TLS, 22 invalid response, 24 snapshot failed, 25 internal; 130 interrupted
"""


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(arguments)
    if options.run is diagnose.run:
        return diagnose.run(Client.from_env, options)
    _log(options.verbose)
    try:
        with Client.from_env() as client:
            output = options.run(client, options)
        _write([output] if isinstance(output, (bytes, str)) else output)
        return 0
    except AtlasError as error:
        on_shards = "leave out --sharded" if options.sharded else "add --sharded"
        advice = hint(error, on_timeout=options.on_timeout, on_shards=on_shards)
        print(f"atlas_backup: {error.message}{'' if advice is None else f'; {advice}'}", file=sys.stderr)
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

    def command(name: str, about: str, json: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about[0].lower() + about[1:-1], description=about)
        added.add_argument("project", metavar="PROJECT", help="id of the project, 24 hexadecimal digits")
        added.add_argument("cluster", metavar="CLUSTER", help="name of the cluster")
        if name != "list":
            added.add_argument("snapshot", metavar="SNAPSHOT", help="id of the snapshot, 24 hexadecimal digits")
        added.set_defaults(on_timeout="MONGODB_ATLAS_TIMEOUT_MS sets how many milliseconds it may take")
        added.add_argument("--sharded", action="store_true", help="the cluster is a sharded one")
        added.add_argument("--json", action="store_true", help=json)
        added.add_argument(
            "-v", "--verbose", action="count", default=0, help="tell on stderr what happens; twice: in detail"
        )
        return added

    get = command("get", "Show one snapshot.", "print Atlas' answer as it was received")
    get.add_argument("--envelope", action="store_true", help="ask Atlas for an enveloped answer")
    get.add_argument("--pretty", action="store_true", help="ask Atlas for indented JSON")
    get.set_defaults(run=_get)

    listing = command(
        "list",
        "List the snapshots of a cluster, in Atlas' order.",
        "print JSON Lines: each line one snapshot as it was received",
    )
    listing.set_defaults(run=_list)

    wait = command("wait", "Wait until a snapshot is completed, and show it.", "print Atlas' last answer as received")
    wait.add_argument("--interval", metavar="TIME", type=_duration, help="pause between two looks: 5, 1m (4 seconds)")
    wait.add_argument("--timeout", metavar="TIME", type=_duration, help="give up after: 90, 30m, 2h, 1.5d (never)")
    wait.set_defaults(
        run=_wait,
        on_timeout="--timeout sets how long to wait, MONGODB_ATLAS_TIMEOUT_MS how many milliseconds a look may take",
    )
    diagnose.add_command(commands)
    return parser


def _duration(text: str) -> float:
    """Seconds in "90", "1.5h" or "2d"."""
    parts = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)([smhd]?)", text, re.ASCII)
    seconds = float(parts[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[parts[2]] if parts else 0
    if not 0.001 <= seconds <= 4294967.295:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30, 5m or 2h")
    return seconds


def _log(verbosity: int) -> None:
    """Shows the library's log lines on stderr."""
    if verbosity and sys.stderr is not None:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger = logging.getLogger("atlas_backup")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)


def _get(client: Client, options: argparse.Namespace) -> Union[str, bytes]:
    get = client.get_sharded_snapshot if options.sharded else client.get_snapshot
    snapshot = get(options.project, options.cluster, options.snapshot, envelope=options.envelope, pretty=options.pretty)
    return _shown(snapshot, options)


def _shown(snapshot: Snapshot, options: argparse.Namespace) -> Union[str, bytes]:
    return snapshot.json if options.json else _table(snapshot)


def _list(client: Client, options: argparse.Namespace) -> Iterable[Union[str, bytes]]:
    listed = client.list_sharded_snapshots if options.sharded else client.list_snapshots
    snapshots = listed(options.project, options.cluster)
    return map(_json_line, snapshots) if options.json else _rows(snapshots)


def _json_line(snapshot: Snapshot) -> bytes:
    """What Atlas sent; a line break, which can only stand between tokens, becomes a blank."""
    return snapshot.json.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"


def _rows(snapshots: SnapshotList) -> Iterator[str]:
    """A line for each snapshot, in columns that are wide enough for all values that Atlas documents."""
    if snapshots:
        yield _row("ID", "STATUS", "TYPE", "CREATED", "SIZE", "EXPIRES")
    for snapshot in snapshots:
        size = snapshot.storage_size_bytes
        yield _row(
            snapshot.id,
            snapshot.status_text,
            snapshot.snapshot_type_text,
            _date(snapshot.created_at) or snapshot.created_at_text,
            None if size is None else _short_size(size),
            _date(snapshot.expires_at) or snapshot.expires_at_text,
        )
    yield f"{len(snapshots)} snapshot{'' if len(snapshots) == 1 else 's'}\n"


def _row(*cells: Optional[str]) -> str:
    texts = ["-" if cell is None else printable(cell) for cell in cells]
    return "".join(text.ljust(width) for text, width in zip(texts, (26, 12, 11, 25, 12, 0))) + "\n"


def _wait(client: Client, options: argparse.Namespace) -> Union[str, bytes]:
    wait = client.wait_for_sharded_snapshot if options.sharded else client.wait_for_snapshot
    with _Progress(one_line=not options.verbose) as progress:
        snapshot = wait(
            options.project,
            options.cluster,
            options.snapshot,
            poll_interval=options.interval,
            timeout=options.timeout,
            progress=progress.tell,
        )
    return _shown(snapshot, options)


class _Progress:
    """Tells on stderr how far a snapshot is: on a terminal in one line that changes, else a line for each status."""

    def __init__(self, one_line: bool) -> None:
        self.begin = time.monotonic()
        self.one_line = one_line and sys.stderr is not None and sys.stderr.isatty()
        self.told: Optional[str] = None

    def tell(self, snapshot: Snapshot) -> None:
        status = printable(snapshot.status_text or "status unknown")
        if self.one_line or status != self.told:
            line = f"{status} after {time.monotonic() - self.begin:.0f} s"
            self.told = status
            with contextlib.suppress(OSError):  # the wait goes on, whoever looks
                print(f"\r{line:40}" if self.one_line else line, end="" if self.one_line else "\n", file=sys.stderr)
                if sys.stderr is not None:
                    sys.stderr.flush()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.one_line and self.told is not None:
            print(file=sys.stderr)


def _table(snapshot: Snapshot) -> str:
    """The documented fields that are there, for people: a label and a value, or several values one below the other."""
    width = max(map(len, DOCUMENTED)) + 2
    lines = []
    for name in DOCUMENTED:
        label = name.replace("_", " ")
        for value in _values(snapshot, name):
            lines.append(f"{label:{width}}{printable(value)}\n")
            label = ""
    return "".join(lines)


def _values(snapshot: Snapshot, name: str) -> List[str]:
    value = getattr(snapshot, name)
    if name == "storage_size_bytes" and value is not None:
        return [_size(value)]
    if isinstance(value, datetime):
        return [f"{_date(value)} ({_distance(value)})"]
    if isinstance(value, tuple):
        return [" ".join(filter(None, row)) if isinstance(row, tuple) else row for row in value]
    if value is None:  # perhaps a date that could not be read
        value = getattr(snapshot, f"{name}_text", None)
    return [] if value is None else [value]


def _date(moment: Optional[datetime]) -> Optional[str]:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _size(size: int) -> str:
    """1.5 GiB (1574477824 bytes)"""
    return _short_size(size) if size < 1024 else f"{_short_size(size)} ({size} bytes)"


def _short_size(size: int) -> str:
    """1.5 GiB"""
    if size < 1024:
        return f"{size} bytes"
    amount, units = size / 1024, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while amount >= 1023.95 and len(units) > 1:  # would be shown as 1024.0
        amount /= 1024
        del units[0]
    return f"{amount:.1f} {units[0]}"


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


def _write(output: Iterable[Union[str, bytes]]) -> None:
    if sys.stdout is None:
        raise OSError("standard output is closed")
    piece: Union[str, bytes] = b""
    for piece in output:
        encoded = piece.encode(sys.stdout.encoding, "backslashreplace") if isinstance(piece, str) else piece
        rest = memoryview(encoded)
        while rest:  # with PYTHONUNBUFFERED, a write may be short
            rest = rest[sys.stdout.buffer.write(rest) :]
    if isinstance(piece, bytes) and not piece.endswith(b"\n") and sys.stdout.isatty():
        print()
    sys.stdout.flush()


def _forget_stdout() -> None:
    """Python flushes standard output once more when it ends, and must not stumble over it again."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())

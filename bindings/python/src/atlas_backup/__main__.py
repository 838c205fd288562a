"""The command line: ``atlas-backup get|list|wait|diagnose PROJECT CLUSTER …``, or ``python -m atlas_backup …``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import sys
import threading
import time
from datetime import timedelta
from typing import Any, Callable, Iterable, Iterator, List, NoReturn, Optional, Sequence, Type, Union

from . import AtlasError, Client, FrequencyType, Snapshot, SnapshotType, Status, __version__, _environment, diagnose
from ._library import lib
from ._show import json_array, rows, table, told
from ._text import printable

DESCRIPTION = """\
Read MongoDB Atlas cloud backup snapshots. COMMAND --help tells the options of a command.
"""
EPILOG = f"""\
access tokens:
  With a service account each run fetches an access token and gives it back at its end. Atlas lets few be fetched a
  minute, and 100 live at once. So where runs are many, in monitoring say, share one: with --token-cache it lies in DIR,
  an absolute path, or in ~/.cache/atlas-backup, for an hour, in a file that the user alone can read. Without, nothing
  is left on the disk. API keys and access tokens of yours need no cache.

environment:
  Of the credentials the first complete set counts. An empty variable is as good as unset.

{_environment.HELP}
  --env-file takes them from lines NAME=VALUE, written as for systemd's EnvironmentFile=: quotes may be around a value, a
  # begins a comment at the beginning of a line. They count more than the environment; credentials there replace all of
  the environment's. The file has to belong to the user or to root. Nobody else may change it, and besides its group
  nobody read it.

exit codes: 0 success, 1 output cannot be written, 2 wrong usage, 10 + number of the error kind: 11 invalid argument,
12 configuration, 13 unauthenticated, 14 forbidden, 15 not found, 16 bad request, 17 rate limited, 18 server,
19 timeout, 20 network, 21 TLS, 22 invalid response, 24 snapshot failed, 25 internal; 128 + number of the signal that
ended it: 130 for Ctrl-C
"""
LONGEST_TIMEOUT = 4294967.295
CENTURY = 36525 * 86400.0


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(_spelt_out(sys.argv[1:] if arguments is None else arguments))
    try:
        _take_signals()
        if options.env_file is not None:
            _environment.load(options.env_file)
        if options.run is diagnose.run:
            return int(diagnose.run(lambda: _client(options), options))  # mypy takes it for Any behind `is`
        with _client(options) as client:
            _write(options.run(client, options))
        return 0
    except AtlasError as error:
        print(f"{_name()}: {told(error, options.on_timeout, options.sharded)}", file=sys.stderr)
        return 10 + error.kind
    except KeyboardInterrupt as interrupt:
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    except BrokenPipeError:  # the reader has seen enough
        _forget_stdout()
        return 128 + signal.SIGPIPE
    except OSError as problem:
        _forget_stdout()
        print(f"{_name()}: cannot write the output: {problem}", file=sys.stderr)
        return 1


def _program() -> str:
    """What people type: the console script, or this module."""
    program = os.path.basename(sys.argv[0])
    return "python -m atlas_backup" if program == "__main__.py" else program


def _name() -> str:
    return _program().split()[-1]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if message.endswith(" SNAPSHOT"):  # it is what is missing
            message += f"; {_program()} list PROJECT CLUSTER lists the ids of snapshots"
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    as_it_stands = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog=_program(), description=DESCRIPTION, epilog=EPILOG, formatter_class=as_it_stands)
    version = f"{_name()} {__version__} (libatlas_backup {lib.atlas_backup_version().decode()})"
    parser.add_argument("-V", "--version", action="version", version=version)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, about: str, json: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about[0].lower() + about[1:-1], description=about)
        added.add_argument("project", metavar="PROJECT", help="id of the project, 24 hexadecimal digits")
        added.add_argument("cluster", metavar="CLUSTER", help="name of the cluster")
        if name != "list":
            added.add_argument("snapshot", metavar="SNAPSHOT", help="id of the snapshot, 24 hexadecimal digits")
        added.add_argument("--sharded", action="store_true", help="the cluster is a sharded one")
        added.add_argument("--json", action="store_true", help=json)
        _add_common(added, "90, 30m, 2h, 1.5d (never)" if name == "wait" else "5, 1m (30 seconds)")
        return added

    get = command("get", "Show one snapshot.", "print Atlas' answer as it was received")
    get.add_argument("--envelope", action="store_true", help="ask Atlas for an enveloped answer")
    get.add_argument("--pretty", action="store_true", help="ask Atlas for indented JSON")
    get.set_defaults(run=_get)

    listing = command(
        "list",
        "List the snapshots of a cluster, in Atlas' order.",
        "print a JSON array, each snapshot as it was received and on a line of its own",
    )
    listing.add_argument("--newest", action="store_true", help="only the newest of those that the other options leave")
    for option, words in (("--status", Status), ("--frequency", FrequencyType), ("--type", SnapshotType)):
        listing.add_argument(option, metavar="WORD", type=_one_of(words), help=f"only these: {', '.join(words)}")
    listing.add_argument("--since", metavar="TIME", type=_age, help="only those of the last: 12h, 7d, 7")
    listing.set_defaults(run=_list)

    wait = command("wait", "Wait until a snapshot is completed, and show it.", "print Atlas' last answer as received")
    wait.add_argument("--interval", metavar="TIME", type=_duration, help="pause between two looks: 5, 1m (4 seconds)")
    wait.set_defaults(
        run=_wait,
        on_timeout="--timeout sets how long to wait, MONGODB_ATLAS_TIMEOUT_MS how many milliseconds a look may take",
    )
    _add_common(diagnose.add_command(commands), "5, 1m (30 seconds)")
    return parser


def _add_common(parser: argparse.ArgumentParser, limits: str) -> None:
    """What every command takes, and says at the end of its help."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("-t", "--timeout", metavar="TIME", type=_duration, help=f"give up after: {limits}")
    parser.add_argument(
        "--token-cache", metavar="DIR", nargs="?", const="default", help="share an access token with other runs"
    )
    parser.add_argument("--env-file", metavar="FILE", help="take variables from FILE")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="tell what happens on stderr; twice: all")
    parser.set_defaults(on_timeout="--timeout sets how long it may take")


def _spelt_out(arguments: Sequence[str]) -> List[str]:
    """The same, with a directory after --token-cache, which argparse cannot tell from the project that follows it."""
    words = list(arguments)
    for place, word in enumerate(words):
        if word == "--token-cache" and not "".join(words[place + 1 : place + 2]).startswith("/"):
            words[place] = "--token-cache=default"
    return words


def _duration(text: str, unit: str = "s", longest: float = LONGEST_TIMEOUT) -> float:
    """Seconds in "90", "1.5h" or "2d"; `unit` stands for the letter if there is none."""
    parts = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)([smhd]?)", text, re.ASCII)
    seconds = float(parts[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[parts[2] or unit] if parts else 0
    if not 0.001 <= seconds <= longest:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30, 5m or 2h")
    return seconds


def _age(text: str) -> timedelta:
    return timedelta(seconds=_duration(text, "d", CENTURY))


def _one_of(words: Type[Any]) -> Callable[[str], str]:
    """Reads one of the words, in any case and with hyphens anywhere."""

    def read(text: str) -> str:
        for word in words:
            if word.value.lower() == text.lower().replace("-", ""):
                return str(word)
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(str(word) for word in words)}")

    return read


def _take_signals() -> None:
    """What would end the process ends the call as Ctrl-C does, so that a token is given back."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # and not ignored, as under nohup
            signal.signal(number, interrupt)


@contextlib.contextmanager
def _client(options: argparse.Namespace) -> Iterator[Client]:
    """A client that gives its service account's token back at the end, unless the token cache keeps it for others."""
    settings: Any = {}
    if options.timeout is not None and options.run is not _wait:  # in a wait it bounds that and not each look
        settings["timeout"] = options.timeout
    if options.token_cache is not None:
        settings["token_cache"] = options.token_cache
    lines = _Lines(bool(options.token_cache or os.environ.get("MONGODB_ATLAS_TOKEN_CACHE")))
    if options.verbose or lines.token_is_shared:
        logger = logging.getLogger("atlas_backup")
        logger.addHandler(lines)
        lines.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(options.verbose, 2)])
        logger.setLevel(min(logger.level or lines.level, lines.level))
    with Client.from_env(**settings) as client:
        patience = 2.0
        try:
            yield client
        except BaseException:
            patience = 1.0
            raise
        finally:
            if not lines.token_is_shared:
                _give_back(client, patience)


class _Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """Shows the library's log lines on stderr."""

    def __init__(self, token_is_shared: bool) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.token_is_shared = token_is_shared

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING and "token_cache" in record.getMessage():
            self.token_is_shared = False  # a cache that cannot be used keeps nothing for others
        if sys.stderr is not None:
            super().emit(record)


def _give_back(client: Client, patience: float) -> None:
    """Gives the token back. The command has done its work or failed already, so failing here fails nothing."""
    limit = threading.Timer(patience, client.cancel)
    with contextlib.suppress(RuntimeError):  # no thread to be had
        limit.start()
    try:
        client.revoke_token()
    except AtlasError:
        pass  # -v has shown it
    finally:
        limit.cancel()


_Output = Iterable[Union[str, bytes]]


def _get(client: Client, options: argparse.Namespace) -> _Output:
    get = client.get_sharded_snapshot if options.sharded else client.get_snapshot
    snapshot = get(options.project, options.cluster, options.snapshot, envelope=options.envelope, pretty=options.pretty)
    return _shown(snapshot, options)


def _shown(snapshot: Snapshot, options: argparse.Namespace) -> _Output:
    return [snapshot.json if options.json else table(snapshot)]


def _list(client: Client, options: argparse.Namespace) -> _Output:
    listed = client.list_sharded_snapshots if options.sharded else client.list_snapshots
    snapshots = listed(options.project, options.cluster).filter(
        status=options.status, frequency_type=options.frequency, snapshot_type=options.type, since=options.since
    )
    if options.newest:
        snapshots = snapshots.newest_first()[:1]
    return json_array(snapshots) if options.json else rows(snapshots)


def _wait(client: Client, options: argparse.Namespace) -> _Output:
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


def _write(output: _Output) -> None:
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

"""``python -m atlas_backup diagnose``: what stands between this machine and Atlas, step by step.

Each step is found fine, or says what to do about it. No secret is shown. What decides is one list request that the
library makes; name lookup, connection and certificate are looked at before with Python's own means, which tell more.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import logging
import os
import re
import socket
import ssl
import threading
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple
from urllib.parse import SplitResult, unquote, urlsplit

from ._client import Client
from ._errors import AtlasError, ErrorKind
from ._show import told
from ._text import printable

OK, FAILED, UNKNOWN = "ok", "FAILED", "-"
STEPS = ("settings", "name", "proxy", "connection", "TLS", "clock", "credentials", "address", "cluster", "rate limit")

CLOCK_LIMIT = 60
"""Seconds that this machine's clock may differ from Atlas'."""
RATE_LIMIT = 10
"""Percent of the requests allowed that should be left."""

# Asked for where no project is given: credentials and address are looked at before it.
NO_PROJECT, NO_CLUSTER = "0" * 24, "diagnose"
_SAID_OF_NO_PROJECT = (ErrorKind.NOT_FOUND, ErrorKind.FORBIDDEN, ErrorKind.BAD_REQUEST)

# The steps that are looked at with Python's means.
_LOOKED_AT = ("name", "proxy", "connection", "TLS")

# The library's log lines.
_SETTINGS = re.compile(
    r"atlas-backup \S+: (?P<base_url>\S+) as (?P<who>.*), timeout (?P<timeout>\d+ ms), "
    r"connect timeout (?P<connect_timeout>\d+ ms), (?P<retries>\d+) retries, proxy (?P<proxy>.*), "
    r"token cache (?P<token_cache>.*), application/vnd\.atlas\.(?P<api_version>.*)\+json"
)
_ROUND_TRIP = re.compile(r"(?:GET|POST) (?P<path>\S+) (?P<status>\d{3}|no answer)\b.*")
_HEADERS = re.compile(r"answered with (.*)")

_CREDENTIALS: Sequence[Tuple[Sequence[str], ...]] = (
    (("CLIENT_ID",), ("CLIENT_SECRET", "CLIENT_SECRET_FILE")),
    (
        ("PUBLIC_API_KEY", "PUBLIC_KEY"),
        ("PRIVATE_API_KEY", "PRIVATE_KEY", "PRIVATE_API_KEY_FILE", "PRIVATE_KEY_FILE"),
    ),
    (("ACCESS_TOKEN", "ACCESS_TOKEN_FILE"),),
)
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def add_command(commands: Any) -> argparse.ArgumentParser:
    """Adds the command to those of the command line."""
    about = "Find out what stands between this machine and Atlas."
    added: argparse.ArgumentParser = commands.add_parser("diagnose", help=about[0].lower() + about[1:-1], description=about)
    added.add_argument("project", metavar="PROJECT", nargs="?", help="id of the project, 24 hexadecimal digits")
    added.add_argument("cluster", metavar="CLUSTER", nargs="?", help="name of the cluster")
    added.add_argument("--sharded", action="store_true", help="the cluster is a sharded one")
    added.set_defaults(run=run, wrong_usage=added.error)
    return added


def run(make_client: Callable[[], ContextManager[Client]], options: argparse.Namespace) -> int:
    """Looks at everything with the client that `make_client` makes. 0 if all is well, else 1."""
    if options.project is not None and options.cluster is None:
        options.wrong_usage("CLUSTER is missing")
    report = Report()
    with _listening(report) as lines:
        try:
            with make_client() as client:
                settings = _settings(lines)
                report.settings = origins(options, settings)
                report.note("settings", OK, "complete")
                Way(settings).look(report)
                _ask(client, lines, report, options)
        except AtlasError as error:  # there is no client
            report.settings = origins(options, {})
            report.note("settings", FAILED, error.message)
    return report.write()


class Report:
    """What was found."""

    def __init__(self) -> None:
        self.settings: List[Tuple[str, str, str]] = []
        self.steps: Dict[str, Tuple[str, str]] = {}
        self.warnings: List[str] = []

    def note(self, step: str, state: str, text: str) -> None:
        self.steps[step] = (state, text)

    def failed(self) -> bool:
        return any(state == FAILED for state, _ in self.steps.values())

    def write(self) -> int:
        """Prints it, and returns the exit code."""
        for name, value, origin in self.settings:
            print(printable(f"{name:20}{value}  [{origin}]"))
        print()
        for step in STEPS:
            if step in self.steps or step != "proxy":
                state, text = self.steps.get(step, (UNKNOWN, "not reached"))
                print(printable(f"{state:8}{step:13}{text}"))
        for warning in self.warnings:
            print(printable(f"warning {warning}"))
        return int(self.failed())


@contextlib.contextmanager
def _listening(report: Report) -> Iterator[List[Tuple[float, str]]]:
    """The lines that the library logs meanwhile, with the time of each; the report gets its warnings."""
    lines: List[Tuple[float, str]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((record.created, record.getMessage()))
            if record.levelno == logging.WARNING:
                report.warnings.append(record.getMessage())

    logger, collector = logging.getLogger(__package__), Collector()
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)


def _settings(lines: List[Tuple[float, str]]) -> Dict[str, str]:
    """The settings in force, as the library told them."""
    for _, line in lines:
        told = _SETTINGS.fullmatch(line)
        if told is not None:
            return told.groupdict()
    raise RuntimeError("the library did not log its settings")


def origins(options: argparse.Namespace, settings: Mapping[str, str]) -> List[Tuple[str, str, str]]:
    """A row for each setting: its value, in force or as it was given, and where that came from."""
    env_file = getattr(options, "env_file", None)
    from_file = _names_in(env_file) if env_file else set()

    def named(variable: str) -> str:
        return f"{variable} in {env_file}" if variable in from_file else variable

    def row(name: str, value: Optional[str], default: str, *variables: str) -> Tuple[str, str, str]:
        origin = next((variable for variable in variables if os.environ.get(variable)), None)
        if value is None:
            value = default if origin is None else os.environ[origin]
        return name, value, "default" if origin is None else named(origin)

    def option(name: str) -> bool:
        return getattr(options, name, None) is not None

    ours = "MONGODB_ATLAS_"
    base_urls = [f"{ours}{name}" for name in ("OPS_MANAGER_URL", "BASE_URL", "SERVICE")]
    rows = [
        ("credentials", settings.get("who", "see below"), ", ".join(map(named, _credentials())) or "none"),
        row("base URL", settings.get("base_url"), "https://cloud.mongodb.com", *base_urls),
        row("API version", settings.get("api_version"), "2024-05-30", f"{ours}API_VERSION"),
        row("timeout", settings.get("timeout"), "30000 ms", f"{ours}TIMEOUT_MS"),
        row("connect timeout", settings.get("connect_timeout"), "10000 ms"),
        row("retries", settings.get("retries"), "3"),
        row("token cache", settings.get("token_cache"), "none", f"{ours}TOKEN_CACHE"),
        row("authorities", None, "the system's", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        row("and besides", None, "none", f"{ours}CA_FILE"),
    ]
    name, value, origin = row("proxy", settings.get("proxy", "see below"), "none", *_PROXIES)
    if value == "none" and origin != "default":
        origin += ", but no_proxy or NO_PROXY has the host"
    rows.append((name, value, origin))
    arguments = {"timeout": "timeout", "token cache": "token_cache"}
    return [
        (name, value, f"--{arguments[name].replace('_', '-')}")
        if name in arguments and option(arguments[name])
        else (name, value, origin)
        for name, value, origin in rows
    ]


def _names_in(env_file: str) -> Set[str]:
    """The variables of a file that was read before; none if it could not be."""
    try:
        with open(env_file, encoding="utf-8", errors="replace") as file:
            return set(re.findall(r"^\s*(\w+)=", file.read(), re.MULTILINE | re.ASCII))
    except OSError:
        return set()


def _credentials() -> List[str]:
    """The variables of the complete set that counts, else those that are there."""

    def first(names: Sequence[str]) -> Optional[str]:
        return next((name for name in names if os.environ.get(f"MONGODB_ATLAS_{name}")), None)

    sets = [[first(names) for names in credentials] for credentials in _CREDENTIALS]
    complete = next((names for names in sets if None not in names), None)
    there = complete if complete is not None else [name for names in sets for name in names]
    return [f"MONGODB_ATLAS_{name}" for name in there if name is not None]


class Way:
    """The way to Atlas, looked at without the library."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.base: SplitResult = urlsplit(settings["base_url"])
        self.proxy: Optional[SplitResult] = None if settings["proxy"] == "none" else urlsplit(settings["proxy"])
        self.limit: float = int(settings["connect_timeout"].split()[0]) / 1000
        self.host: str = self.base.hostname or ""
        self.port: int = self.base.port or (80 if self.base.scheme == "http" else 443)

    def look(self, report: Report) -> None:
        """Notes the steps until one fails."""
        near = self.base if self.proxy is None else self.proxy
        host, port = near.hostname or "", near.port or self.port
        try:
            addresses = self._look_up(host, port)
        except OSError as problem:
            why = problem.strerror or str(problem)
            report.note("name", FAILED, f"{host} is not found ({why}): check the name and this machine's DNS")
            return
        shown = ", ".join(dict.fromkeys(str(address[0]) for address in addresses))
        report.note("name", OK, f"{host} is {shown}")
        if not self._connect(report, "connection" if self.proxy is None else "proxy", addresses):
            return
        if self.base.scheme == "http":
            report.note("TLS", UNKNOWN, "none: plain HTTP, to this machine")
        elif self.proxy is not None and self.proxy.scheme != "http":
            report.note("TLS", UNKNOWN, "what lies behind a SOCKS proxy is left to the library")
        else:
            self._shake_hands(report)

    def _look_up(self, host: str, port: int) -> List[Any]:
        """The addresses. A resolver that hangs is left behind after the time for connecting."""
        if host.lower().rstrip(".") == "localhost":  # means this machine, whatever the resolver says
            return [("127.0.0.1", port), ("::1", port)]
        found: List[Any] = []

        def ask() -> None:
            try:
                found.extend(info[4] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except OSError as problem:
                found.append(problem)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self.limit)
        if not found:
            raise OSError("no answer in time")
        if isinstance(found[0], OSError):
            raise found[0]
        return found

    def _connect(self, report: Report, step: str, addresses: List[Any]) -> bool:
        """Whether one of the addresses answers."""
        problems = []
        for address in addresses:
            start = time.monotonic()
            try:
                with socket.create_connection(address[:2], self.limit) as connection:
                    took, own = (time.monotonic() - start) * 1000, connection.getsockname()[0]
            except OSError as problem:
                problems.append(f"{_joined(address)}: {problem.strerror or problem}")
                continue
            report.note(step, OK, f"{_joined(address)} answers after {took:.0f} ms, this machine is {own} there")
            return True
        advice = "check the network and firewalls; is a proxy needed (https_proxy)?"
        if step == "proxy":
            advice = "check the proxy setting, and that the proxy runs"
        report.note(step, FAILED, f"{'; '.join(problems)}: {advice}")
        return False

    def _tunnel(self) -> socket.socket:
        """A connection to Atlas, through the proxy if there is one."""
        if self.proxy is None:
            return socket.create_connection((self.host, self.port), self.limit)
        connection = http.client.HTTPConnection(self.proxy.hostname or "", self.proxy.port or 1080, timeout=self.limit)
        given = next((os.environ[name] for name in _PROXIES if os.environ.get(name)), "")
        login = urlsplit(given if "://" in given else f"http://{given}")
        headers = {}
        if login.username:
            pair = f"{unquote(login.username)}:{unquote(login.password or '')}"
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        connection.set_tunnel(self.host, self.port, headers)
        connection.connect()
        return connection.sock

    def _shake_hands(self, report: Report) -> None:
        context = ssl.create_default_context()
        context.verify_flags |= _PARTIAL_CHAIN  # a server's own certificate may be trusted
        own = os.environ.get("MONGODB_ATLAS_CA_FILE")
        try:
            if own:
                context.load_verify_locations(own)
            with self._tunnel() as connection:
                if self.proxy is not None:
                    report.note("connection", OK, f"the proxy connects to {self.host}:{self.port}")
                with context.wrap_socket(connection, server_hostname=self.host) as tls:
                    report.note("TLS", OK, _described(tls))
        except ssl.SSLCertVerificationError as problem:
            report.note("TLS", FAILED, self._distrust(problem))
        except ssl.SSLError as problem:
            why = problem.reason or str(problem)
            report.note("TLS", FAILED, f"no handshake with {self.host}:{self.port} ({why}): check the base URL and proxies")
        except OSError as problem:
            why = problem.strerror or str(problem)
            if self.proxy is None:
                report.note("TLS", FAILED, f"the handshake broke ({why}): check firewalls and proxies on the way")
            else:
                advice = "has it a login, and does it let this host and port through?"
                report.note("proxy", FAILED, f"it does not connect to {self.host}:{self.port} ({why}): {advice}")

    def _distrust(self, problem: ssl.SSLCertVerificationError) -> str:
        why = problem.verify_message.rstrip(".")
        if problem.verify_code in _DATES:
            return f"{why}: check this machine's clock; else the server needs a new certificate"
        if problem.verify_code in _NAMES:
            return f"{why}: check the base URL"
        return (
            f"{why}; {self._issuer()}: if that is a server of your own, or a proxy that opens TLS, name the certificate "
            "of its authority in MONGODB_ATLAS_CA_FILE"
        )

    def _issuer(self) -> str:
        """Who issued the certificate that is not trusted. It has to be trusted once for Python to read it."""
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with self._tunnel() as connection, context.wrap_socket(connection, server_hostname=self.host) as tls:
                certificate = tls.getpeercert(binary_form=True) or b""
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= _PARTIAL_CHAIN
            context.load_verify_locations(cadata=certificate)
            with self._tunnel() as connection, context.wrap_socket(connection, server_hostname=self.host) as tls:
                return f"it was issued by {_issuer_of(tls.getpeercert() or {})}"
        except (OSError, ValueError):
            return "who issued it cannot be told"


_PARTIAL_CHAIN = ssl.VerifyFlags(0x80000)  # has a name from Python 3.10 on
_DATES, _NAMES = (9, 10), (62, 64)
"""OpenSSL's numbers for what is wrong with a certificate."""


def _joined(address: Any) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _named(parts: Any) -> str:
    """The most telling part of a subject or issuer."""
    names = {name: value for part in parts for name, value in part}
    return str(next((names[name] for name in ("commonName", "organizationName") if name in names), "somebody unnamed"))


def _issuer_of(certificate: Mapping[str, Any]) -> str:
    return _named(certificate.get("issuer", ()))


def _described(tls: ssl.SSLSocket) -> str:
    """Whose certificate it is, until when, and which authority it ends in."""
    certificate = tls.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(certificate.get("notAfter")))
    days = int((ends - time.time()) // 86400)
    until = datetime.fromtimestamp(ends, timezone.utc)
    # It has a public name from Python 3.13 on, and is there from 3.10 on.
    verified = getattr(getattr(tls, "_sslobj", None), "get_verified_chain", list)
    chain = [link.get_info() for link in verified()] or [certificate]
    issuers = " < ".join(dict.fromkeys(_issuer_of(link) for link in chain))
    return f"{tls.version()}; certificate until {until:%Y-%m-%d} ({days} days), issued by {issuers}"


def _ask(client: Client, lines: List[Tuple[float, str]], report: Report, options: argparse.Namespace) -> None:
    """Makes the request, and notes what its answers say."""
    start = len(lines)
    error: Optional[AtlasError] = None
    count = 0
    listed = client.list_sharded_snapshots if options.sharded else client.list_snapshots
    try:
        count = len(listed(options.project or NO_PROJECT, options.cluster or NO_CLUSTER))
    except AtlasError as refusal:
        error = refusal
    trips = [trip for _, line in lines[start:] if (trip := _ROUND_TRIP.fullmatch(line)) is not None]
    answers = [(at, headers[1]) for at, line in lines[start:] if (headers := _HEADERS.fullmatch(line)) is not None]
    if answers:
        _got_through(report)
    _clock(report, answers)
    _rate(report, answers)
    to_token, to_api = _split(trips)
    if any(status not in ("401", "no answer") for status in to_api):
        report.note("credentials", OK, "accepted with a new token" if to_token else "accepted")
        report.note("address", OK, "accepted; Atlas names it only where it refuses it")
    if options.cluster is None:
        report.note("cluster", UNKNOWN, "not asked for: give PROJECT and CLUSTER")
    elif error is None:
        report.note("cluster", OK, f"{count} snapshot{'' if count == 1 else 's'} can be read")
    if error is not None:
        _note_failure(report, error, options)


def _split(trips: List[re.Match[str]]) -> Tuple[List[str], List[str]]:
    """The statuses of the requests to the token endpoint, and of the others."""
    to_token = [trip["status"] for trip in trips if "/api/oauth/" in trip["path"]]
    return to_token, [trip["status"] for trip in trips if "/api/oauth/" not in trip["path"]]


def _note_failure(report: Report, error: AtlasError, options: argparse.Namespace) -> None:
    place = _place(error, report)
    if options.cluster is None and place == "cluster" and error.kind in _SAID_OF_NO_PROJECT:
        return
    if place in _LOOKED_AT and report.steps.get(place, ("", ""))[0] == FAILED:
        return  # Python said more
    message = told(error, "--timeout allows more time", options.sharded)
    report.note(place, FAILED, re.sub(r"^list snapshots of cluster \S+ in project \S+: ", "", message))


def _got_through(report: Report) -> None:
    """What Python could not do, the library could: its connections and certificates are judged by its own rules."""
    for step in _LOOKED_AT:
        state, text = report.steps.get(step, (UNKNOWN, ""))
        if state == FAILED:
            report.note(step, OK, f"the library gets through, though Python says: {text}")


def _place(error: AtlasError, report: Report) -> str:
    """The step that an error is about."""
    if error.code == "IP_ADDRESS_NOT_ON_ACCESS_LIST":
        return "address"
    if error.kind == ErrorKind.RATE_LIMITED:
        return "rate limit"
    if error.kind == ErrorKind.TLS:
        return "TLS"
    if error.kind in (ErrorKind.NETWORK, ErrorKind.TIMEOUT) and error.http_status is None:
        failed = [step for step, (state, _) in report.steps.items() if state == FAILED]
        return failed[0] if failed else "proxy" if "proxy" in report.steps else "connection"
    if error.kind == ErrorKind.UNAUTHENTICATED or "fetch an access token" in error.message:
        return "credentials"
    return "cluster"


def _values(headers: str) -> Dict[str, str]:
    """The headers of a log line."""
    return dict(part.split(": ", 1) for part in headers.split("; ") if ": " in part)


def _clock(report: Report, answers: List[Tuple[float, str]]) -> None:
    dates = [(at, date) for at, headers in answers if (date := _values(headers).get("date")) is not None]
    try:
        at, date = dates[-1]
        ahead = at - parsedate_to_datetime(date).timestamp()
    except (IndexError, ValueError, TypeError):
        report.note("clock", UNKNOWN, "no answer told the time")
        return
    if abs(ahead) <= CLOCK_LIMIT:
        report.note("clock", OK, f"{abs(ahead):.0f} s from Atlas'")
        return
    which = "ahead of" if ahead > 0 else "behind"
    report.note("clock", FAILED, f"this machine's is {abs(ahead):.0f} s {which} Atlas': set it (timedatectl set-ntp true)")


def _rate(report: Report, answers: List[Tuple[float, str]]) -> None:
    for _, headers in reversed(answers):
        values = _values(headers)
        limit, left = values.get("ratelimit-limit", ""), values.get("ratelimit-remaining", "")
        if limit.isdecimal() and left.isdecimal():
            few = int(left) * 100 < int(limit) * RATE_LIMIT
            text = f"{left} of {limit} requests are left"
            report.note("rate limit", FAILED if few else OK, f"{text}: call less often" if few else text)
            return
    report.note("rate limit", UNKNOWN, "Atlas told none")

"""``python -m atlas_backup diagnose``: each thing that can stand between this machine and Atlas is found."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from conftest import Simulator, command_line

STEPS = ["settings", "name", "connection", "TLS", "clock", "credentials", "address", "cluster", "rate limit"]
SECRETS = ["CLIENT_SECRET", "PRIVATE_KEY", "ACCESS_TOKEN"]
Environment = Dict[str, Optional[str]]


def diagnosed(*arguments: str, **environment: Any) -> Tuple[int, Dict[str, Tuple[str, str]], str]:
    """The exit code, state and text of each step, and the settings before them."""
    for name in [*os.environ, *environment]:
        if name.lower().endswith("_proxy"):
            environment.setdefault(name, None)
    done = command_line("diagnose", *arguments, environment=environment)
    said = (done.stdout + done.stderr).decode()
    for name in SECRETS:
        assert Simulator.variable(name) not in said
    assert "Traceback" not in said and not done.stderr, said
    settings, _, steps = done.stdout.decode().partition("\n\n")
    found = {}
    for line in steps.splitlines():
        state, step, text = line[:8].strip(), line[8:21].strip(), line[21:]
        found[step] = (state, text)
    return done.returncode, found, settings


def failing(found: Dict[str, Tuple[str, str]]) -> List[str]:
    return [step for step, (state, _) in found.items() if state == "FAILED"]


@pytest.mark.parametrize("credentials", ["all", "CLIENT_ID", "PUBLIC_API_KEY"])
def test_when_all_is_well_each_step_is_ok(atlas: Simulator, credentials: str) -> None:
    # Without its beginning the set before it no longer counts.
    without: Environment = {} if credentials == "all" else {f"MONGODB_ATLAS_{credentials}": None}
    if credentials == "PUBLIC_API_KEY":
        without["MONGODB_ATLAS_CLIENT_ID"] = None
    code, found, settings = diagnosed(atlas.project, atlas.cluster, **without)
    assert (code, list(found)) == (0, STEPS)
    assert {state for state, _ in found.values()} == {"ok"}, found
    assert "127.0.0.1" in found["name"][1] and "issued by" in found["TLS"][1] and "days" in found["TLS"][1]
    assert found["cluster"][1] == "2 snapshots can be read"
    assert "of 1200 requests are left" in found["rate limit"][1]
    assert f"{atlas.url}  [MONGODB_ATLAS_BASE_URL]" in settings and "30000 ms  [default]" in settings
    who = {"all": "CLIENT_SECRET]", "CLIENT_ID": "PRIVATE_API_KEY]", "PUBLIC_API_KEY": "ACCESS_TOKEN]"}[credentials]
    assert who in settings.splitlines()[0]


def test_without_a_cluster_credentials_and_address_are_looked_at(atlas: Simulator) -> None:
    code, found, _ = diagnosed()
    assert code == 0
    assert found["credentials"][0] == found["address"][0] == found["rate limit"][0] == "ok"
    assert found["cluster"] == ("-", "not asked for: give PROJECT and CLUSTER")


def test_a_project_without_a_cluster_is_wrong_usage(atlas: Simulator) -> None:
    done = command_line("diagnose", atlas.project)
    assert done.returncode == 2 and b"CLUSTER is missing" in done.stderr


@pytest.mark.parametrize(
    ("environment", "step", "said"),
    [
        ({"MONGODB_ATLAS_BASE_URL": "https://no-such-host.invalid"}, "name", "no-such-host.invalid is not found"),
        ({"MONGODB_ATLAS_BASE_URL": "https://localhost:1"}, "connection", "Connection refused"),
        ({"MONGODB_ATLAS_CA_FILE": None}, "TLS", "name the certificate of its authority in MONGODB_ATLAS_CA_FILE"),
        ({"MONGODB_ATLAS_BASE_URL": "BAD_TLS_EXPIRED_URL"}, "TLS", "check this machine's clock"),
        ({"MONGODB_ATLAS_BASE_URL": "BAD_TLS_NOT_YET_VALID_URL"}, "TLS", "check this machine's clock"),
        ({"MONGODB_ATLAS_BASE_URL": "BAD_TLS_WRONG_HOST_URL"}, "TLS", "check the base URL"),
        ({"MONGODB_ATLAS_BASE_URL": "BAD_TLS_UNTRUSTED_URL"}, "TLS", "it was issued by"),
        ({"MONGODB_ATLAS_BASE_URL": "BAD_TLS_PLAIN_TEXT_URL"}, "TLS", "no handshake with"),
        ({"MONGODB_ATLAS_CLIENT_SECRET": "wrong"}, "credentials", "check client id and secret"),
        ({"MONGODB_ATLAS_TIMEOUT_MS": "0"}, "settings", "MONGODB_ATLAS_TIMEOUT_MS"),
        ({"MONGODB_ATLAS_CA_FILE": "/no/such/file"}, "settings", "/no/such/file"),
        ({"https_proxy": "http://localhost:1", "no_proxy": None}, "proxy", "check the proxy setting"),
    ],
)
def test_what_is_wrong_before_a_request_is_answered_is_one_step(
    atlas: Simulator, environment: Environment, step: str, said: str
) -> None:
    for name, value in environment.items():
        if value is not None and value.startswith("BAD_TLS_"):
            environment = {**environment, name: Simulator.variable(value)}
    code, found, _ = diagnosed(atlas.project, atlas.cluster, **environment)
    assert (code, failing(found)) == (1, [step]), found
    assert said in found[step][1], found
    behind = list(found)[list(found).index(step) + 1 :]
    unknown = {found[name][0] for name in behind if name not in ("clock", "rate limit")}
    assert unknown <= {"-"}, found


@pytest.mark.parametrize(
    ("cluster", "step", "said"),
    [
        ("error-403", "cluster", "need the role Project Read Only or Project Backup Manager"),
        ("error-403-ip", "address", "add 203.0.113.7, the address Atlas saw, to the API access list"),
        ("error-404", "cluster", "check the cluster's name"),
        ("error-404-group", "cluster", "check the project id"),
        ("error-401", "credentials", "was refused"),
        ("error-429-bucket", "rate limit", "Atlas asks to wait 55 s"),
        ("error-503-html", "cluster", "the trouble is on Atlas' side"),
        ("sharded0", "cluster", "add --sharded"),
        ("not-a_name", "cluster", "not-a_name"),
    ],
)
def test_what_atlas_says_is_one_step(atlas: Simulator, cluster: str, step: str, said: str) -> None:
    code, found, _ = diagnosed(atlas.project, cluster, MONGODB_ATLAS_CLIENT_ID=None)
    assert (code, failing(found)) == (1, [step]), found
    assert said in found[step][1], found
    assert found["TLS"][0] == "ok"


def test_the_address_is_found_without_a_project(atlas: Simulator) -> None:
    body = b'{"error":403,"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST","parameters":["203.0.113.7"]}'
    atlas.respond(403, body)
    code, found, _ = diagnosed()
    assert (code, failing(found)) == (1, ["address"])
    assert "203.0.113.7" in found["address"][1]


def page(atlas: Simulator, *headers: Tuple[str, str]) -> None:
    atlas.respond(200, b'{"results":[],"totalCount":0}', [("Content-Type", "application/json"), *headers])


@pytest.mark.parametrize(("off", "which"), [(3600, "behind"), (-3600, "ahead of"), (0, None)])
def test_a_clock_that_is_wrong_is_found(atlas: Simulator, off: int, which: Optional[str]) -> None:
    page(atlas, ("Date", formatdate(time.time() + off, usegmt=True)))
    begin = time.monotonic()
    code, found, _ = diagnosed(atlas.project, atlas.cluster, MONGODB_ATLAS_CLIENT_ID=None)
    late = time.monotonic() - begin + 2
    assert (code, failing(found)) == ((0, []) if which is None else (1, ["clock"])), found
    told = re.search(r"(\d+) s", found["clock"][1])
    assert told is not None and abs(int(told[1]) - abs(off)) <= late, found
    assert which is None or f"{which} Atlas'" in found["clock"][1]


@pytest.mark.parametrize(("left", "fine"), [(1200, True), (120, True), (119, False), (0, False)])
def test_a_rate_limit_that_is_nearly_used_up_is_found(atlas: Simulator, left: int, fine: bool) -> None:
    page(atlas, ("RateLimit-Limit", "1200"), ("RateLimit-Remaining", str(left)))
    code, found, _ = diagnosed(atlas.project, atlas.cluster, MONGODB_ATLAS_CLIENT_ID=None)
    assert (code, failing(found)) == ((0, []) if fine else (1, ["rate limit"])), found
    assert f"{left} of 1200 requests are left" in found["rate limit"][1]


class Proxy:
    """Answers CONNECT with this status; with 200 it is a tunnel. It keeps the first line and logins."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.logins: List[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.serve, daemon=True)]
        self.threads[0].start()

    def serve(self) -> None:
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.answer, args=(connection,), daemon=True))
            self.threads[-1].start()

    def answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = connection.recv(1)
                if not byte:
                    return
                head += byte
            lines = head.decode().split("\r\n")
            self.logins += [line for line in lines if line.lower().startswith("proxy-authorization")]
            connection.sendall(f"HTTP/1.1 {self.status} Whatever\r\n\r\n".encode())
            if self.status != 200:
                return
            host, port = lines[0].split()[1].rsplit(":", 1)
            with socket.create_connection((host, int(port))) as far:
                far.settimeout(20)
                back = threading.Thread(target=self.copy, args=(far, connection), daemon=True)
                back.start()
                self.copy(connection, far)
                back.join()

    @staticmethod
    def copy(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(20)
        self.listener.close()


@pytest.fixture
def proxy(request: Any) -> Iterator[Proxy]:
    made = Proxy(request.param)
    yield made
    made.close()


@pytest.mark.parametrize("proxy", [200], indirect=True)
def test_a_proxy_that_connects_is_looked_through(atlas: Simulator, proxy: Proxy) -> None:
    url = f"http://somebody:a%2Fpassword@{proxy.address}"
    code, found, settings = diagnosed(atlas.project, atlas.cluster, https_proxy=url, no_proxy=None, NO_PROXY=None)
    assert (code, failing(found)) == (0, []), found
    assert found["proxy"][0] == found["connection"][0] == found["TLS"][0] == "ok"
    assert f"http://{proxy.address}  [https_proxy]" in settings and "password" not in settings
    assert len(set(proxy.logins)) == 1  # the same from Python and from the library
    code, found, settings = diagnosed(atlas.project, atlas.cluster, https_proxy=url, no_proxy="localhost")
    assert code == 0 and "proxy" not in found and "[https_proxy, but no_proxy or NO_PROXY has the host]" in settings


@pytest.mark.parametrize("proxy", [403, 407], indirect=True)
def test_a_proxy_that_refuses_is_found(atlas: Simulator, proxy: Proxy) -> None:
    url = f"http://{proxy.address}"
    code, found, _ = diagnosed(atlas.project, atlas.cluster, https_proxy=url, no_proxy=None, NO_PROXY=None)
    assert (code, failing(found)) == (1, ["proxy"]), found
    assert str(proxy.status) in found["proxy"][1]


def test_what_an_option_or_a_file_of_variables_sets_is_told(atlas: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "variables"
    path.write_text(f"MONGODB_ATLAS_ACCESS_TOKEN={Simulator.variable('ACCESS_TOKEN')}\nMONGODB_ATLAS_API_VERSION=2024-08-05\n")
    path.chmod(0o600)
    code, _, settings = diagnosed(atlas.project, atlas.cluster, "--env-file", str(path), "--timeout", "9")
    assert code == 0
    assert f"access token  [MONGODB_ATLAS_ACCESS_TOKEN in {path}]" in settings
    assert f"2024-08-05  [MONGODB_ATLAS_API_VERSION in {path}]" in settings and "9000 ms  [--timeout]" in settings


def test_a_warning_is_told_and_is_no_failure(atlas: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(Simulator.variable("ACCESS_TOKEN"))
    path.chmod(0o644)
    variables = {"MONGODB_ATLAS_CLIENT_ID": None, "MONGODB_ATLAS_PUBLIC_API_KEY": None}
    variables.update(MONGODB_ATLAS_ACCESS_TOKEN=None, MONGODB_ATLAS_ACCESS_TOKEN_FILE=str(path))
    done = command_line("diagnose", atlas.project, atlas.cluster, environment=variables)
    assert done.returncode == 0
    assert f"warning MONGODB_ATLAS_ACCESS_TOKEN_FILE {path} can be read by every user" in done.stdout.decode()


def test_a_secret_in_a_file_is_told_by_its_path(atlas: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(Simulator.variable("CLIENT_SECRET") + "\n")
    path.chmod(0o600)
    variables = {"MONGODB_ATLAS_CLIENT_SECRET": None, "MONGODB_ATLAS_CLIENT_SECRET_FILE": str(path)}
    code, found, settings = diagnosed(atlas.project, atlas.cluster, **variables)
    assert (code, failing(found)) == (0, []), found
    assert f"(MONGODB_ATLAS_CLIENT_SECRET_FILE {path})" in settings.splitlines()[0]
    assert settings.splitlines()[0].endswith("[MONGODB_ATLAS_CLIENT_ID, MONGODB_ATLAS_CLIENT_SECRET_FILE]")

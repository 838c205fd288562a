"""What the tests share: the simulator that they run beside, and the command line in a process of its own.

Run them with ``atlas-simulator run --env all -- pytest tests/python``.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set

import pytest

import atlas_backup
from atlas_backup import _blocking

PACKAGE = Path(atlas_backup.__file__).parent
REPOSITORY = Path(__file__).parents[2]


class Simulator:
    """The simulator of Atlas, whose plain port is asked for what happened and told what shall happen."""

    def __init__(self) -> None:
        self.url = self.variable("URL")
        self.plain_url = self.variable("PLAIN_URL")
        self.ca_file = self.variable("CA_FILE")
        self.project = self.variable("PROJECT")
        self.cluster = self.variable("CLUSTER")
        self.snapshot = self.variable("SNAPSHOT")
        self.access_token: Dict[str, Any] = {"access_token": self.variable("ACCESS_TOKEN")}
        self.service_account: Dict[str, Any] = {
            "client_id": self.variable("CLIENT_ID"),
            "client_secret": self.variable("CLIENT_SECRET"),
        }
        self.api_key: Dict[str, Any] = {
            "public_key": self.variable("PUBLIC_KEY"),
            "private_key": self.variable("PRIVATE_KEY"),
        }

    @staticmethod
    def variable(name: str) -> str:
        value = os.environ.get(f"ATLAS_SIMULATOR_{name}")
        if value is None:
            pytest.fail("these tests run beside the simulator: atlas-simulator run --env all -- pytest tests/python")
        return value

    def client(self, **settings: Any) -> atlas_backup.Client:
        """A client over TLS, with the access token unless other credentials are given."""
        here: Dict[str, Any] = {"base_url": self.url, "ca_file": self.ca_file, "timeout": 20}
        if not settings.keys() & {"client_id", "public_key", "access_token"}:
            here.update(self.access_token)
        return atlas_backup.Client(**{**here, **settings})

    def get(
        self, snapshot_id: Optional[str] = None, cluster: Optional[str] = None, **options: Any
    ) -> atlas_backup.Snapshot:
        """One snapshot, fetched with a client of its own."""
        with self.client(max_retries=0) as client:
            return client.get_snapshot(self.project, cluster or self.cluster, snapshot_id or self.snapshot, **options)

    def respond(self, status: int, body: bytes, headers: Any = (("Content-Type", "application/json"),)) -> None:
        """Answers every request for data with this."""
        text = body.decode("utf-8")
        act = {"act": "respond", "status": status, "headers": [list(header) for header in headers], "body": text}
        self.control("POST", "script", {"target": "api", "acts": [act], "forever": True})

    def requests(self) -> List[Dict[str, Any]]:
        """What reached the simulator since the test began."""
        requests: List[Dict[str, Any]] = self.control("GET", "requests")
        return requests

    def control(self, method: str, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.plain_url}/_simulator/{what}", data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.load(answer)


@pytest.fixture(autouse=True)
def no_logging() -> Iterator[None]:
    """pytest listens to all loggers. Clients that log make their calls in another way: see _blocking.py."""
    logger = logging.getLogger("atlas_backup")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


@pytest.fixture(params=["watched", "worker"])
def way(request: Any) -> Iterator[str]:
    """Both ways in which the main thread may make a call; it takes the second if the program handles a signal."""
    before = signal.getsignal(signal.SIGUSR2)
    if request.param == "worker":
        signal.signal(signal.SIGUSR2, lambda *_: None)
    yield request.param
    signal.signal(signal.SIGUSR2, before)


def threads() -> Set[str]:
    """The threads of this process, as the system knows them."""
    return set(os.listdir("/proc/self/task"))


def refuse_threads(patch: pytest.MonkeyPatch) -> None:
    """Has the package start no thread, as if the system had none left, nor use one that it has started."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    patch.setattr(_blocking, "_idle", [])
    _blocking._retire()
    patch.setattr(_blocking, "start_new_thread", refuse)


@pytest.fixture
def atlas() -> Iterator[Simulator]:
    simulator = Simulator()
    simulator.control("POST", "clear")
    yield simulator
    simulator.control("POST", "clear")


def run_python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Runs Python with this package in a new process, with changes to its environment in `environment`."""
    changes: Dict[str, Optional[str]] = {"PYTHONPATH": str(PACKAGE.parent), "PYTHONUNBUFFERED": None}
    changes.update(options.pop("environment", {}))
    merged = {**os.environ, **changes}
    environment = {name: value for name, value in merged.items() if value is not None}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    return subprocess.run([sys.executable, *arguments], env=environment, **options)


def command_line(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Runs ``python -m atlas_backup``."""
    return run_python("-m", "atlas_backup", *arguments, **options)

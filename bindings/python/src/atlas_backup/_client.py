"""The client: settings in, snapshots out."""

from __future__ import annotations

import functools
import math
import operator
import os
import reprlib
import warnings
from ctypes import byref
from datetime import timedelta
from numbers import Integral, Real
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Optional,
    SupportsFloat,
    Tuple,
    Type,
    TypedDict,
    TypeVar,
    Union,
)

from . import _logging
from ._blocking import ask, calling_back, run
from ._errors import AtlasError, ConfigError, InvalidArgumentError, from_library
from ._library import ENVELOPE, PRETTY, ConfigHandle, Error, Owned, ProgressFunction, SnapshotHandle, lib
from ._snapshot import Snapshot, SnapshotList

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

T = TypeVar("T")


class Settings(TypedDict, total=False):
    """The keyword arguments of Client, which says what they mean."""

    client_id: str
    client_secret: str
    client_secret_file: Union[str, os.PathLike[str]]
    public_key: str
    private_key: str
    private_key_file: Union[str, os.PathLike[str]]
    access_token: str
    access_token_file: Union[str, os.PathLike[str]]
    base_url: Optional[str]
    api_version: Optional[str]
    timeout: Optional[Union[float, timedelta]]
    connect_timeout: Optional[Union[float, timedelta]]
    max_retries: Optional[int]
    ca_file: Optional[Union[str, os.PathLike[str]]]
    proxy: Optional[str]
    user_agent: Optional[str]
    token_cache: Optional[Union[str, os.PathLike[str]]]


class Client:
    """Reads cloud backup snapshots from MongoDB Atlas.

    Who you are, exactly one of:

    - `client_id` and `client_secret`: a service account
    - `public_key` and `private_key`: an API key
    - `access_token`: a token that you have already

    Each secret may be in a file instead: `client_secret_file`, `private_key_file` or `access_token_file` is its path. It
    is read here, and again when Atlas has refused what it held, so that a secret can be replaced while the program runs.

    The rest has defaults:

    - `base_url`: where Atlas is, "https://cloud.mongodb.com"
    - `api_version`: a date, "2024-05-30"
    - `timeout`: seconds, or a timedelta, that one call may take altogether, whatever the server does: 30
    - `connect_timeout`: seconds, or a timedelta, for a connection with its TLS handshake: 10
    - `max_retries`: how often a call is tried again when that may help: 3
    - `ca_file`: PEM file of certificates to trust besides the system's: authorities, or a server's own
    - `proxy`: URL of a proxy, "" for none; by default what HTTPS_PROXY and its kin say
    - `user_agent`: put before the library's own: "backup-audit/2.1"
    - `token_cache`: directory in which the processes of this machine share a service account's token, an absolute path (a
      symbolic link is followed) or "default" (~/.cache/atlas-backup): a live token lies there on disk; none by default

    Client(...) takes what it is given and reads no MONGODB_ATLAS_… variable; Client.from_env() reads them. Making a
    client asks nothing of Atlas. Raises ConfigError, which names the setting that is missing or wrong. None leaves a
    setting at its default, but is an error for a credential, so that one missing in os.environ is not overlooked.

    >>> with Client.from_env(timeout=20) as client:
    ...     snapshot = client.get_snapshot("32b6e34b3d91647abb20e7b8", "Cluster0", "5f4007f327a3bd7b6f4103c5")
    >>> print(snapshot.status, snapshot.created_at)
    completed 2019-08-24 14:15:22+00:00

    One client is meant to be kept and shared: by all threads (its connections and its token are shared too), and by
    processes forked later (each makes connections of its own). Close it with ``with`` or `close()`; one that is dropped
    without is freed all the same, with a ResourceWarning, which Python shows when run with ``-X dev``.

    On the main thread Ctrl-C, or an exception from any other signal handler, leaves a call at once. Calls that other
    threads are in with the same client then end with CancelledError.

    What happens on the wire goes to the logger "atlas_backup" of `logging`, without any secret: a line for each round
    trip at level INFO, oddities at WARNING, failed calls at ERROR, details at DEBUG. A client asks once, when it is
    made, which levels are enabled and whether there is a handler, so set up logging before.
    """

    def __init__(self, **settings: Unpack[Settings]) -> None:
        self._open(lib.atlas_config_new(), settings)

    @classmethod
    def from_env(cls, **overrides: Unpack[Settings]) -> Self:
        """A client with the settings of the environment, as the Atlas CLI names them, and `overrides` before them.

        MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET, or MONGODB_ATLAS_PUBLIC_API_KEY and
        MONGODB_ATLAS_PRIVATE_API_KEY, or MONGODB_ATLAS_ACCESS_TOKEN; MONGODB_ATLAS_BASE_URL and the others are in the
        README. MONGODB_ATLAS_CLIENT_SECRET_FILE and its like name files. Credentials given here replace those of the
        environment.
        """
        client = cls.__new__(cls)
        client._open(lib.atlas_config_from_env(), overrides)
        return client

    _owned: Optional[Owned]
    _logs: bool

    # Python calls what it gets here. As in Owned it is no function of Python, in which Ctrl-C would be lost.
    __del__: Any = property(operator.attrgetter("_dropped"))
    _dropped: Callable[[], object] = type(None)

    def get_snapshot(
        self, project_id: str, cluster_name: str, snapshot_id: str, *, envelope: bool = False, pretty: bool = False
    ) -> Snapshot:
        """Fetches one snapshot of a replica set.

        `project_id` and `snapshot_id` are 24 lower-case hexadecimal digits, `cluster_name` is 1 to 64 letters, digits
        and hyphens. `envelope` asks Atlas to wrap its answer, which changes nothing but `Snapshot.json`; `pretty` asks
        it to indent that.

        Raises NotFoundError (a snapshot that expired is gone), UnauthenticatedError, ForbiddenError, AtlasTimeoutError
        when the client's timeout is over, and the other subclasses of AtlasError; InvalidArgumentError (a ValueError),
        which names the argument, before anything is sent. Any thread may call it.

        >>> client.get_snapshot("32b6e34b3d91647abb20e7b8", "Cluster0", "5f4007f327a3bd7b6f4103c5")
        <Snapshot 5f4007f327a3bd7b6f4103c5 completed>
        >>> try:
        ...     client.get_snapshot("32b6e34b3d91647abb20e7b8", "Cluster0", "000000000000000000000000")
        ... except atlas_backup.NotFoundError as error:
        ...     print(error.code)
        RESOURCE_NOT_FOUND
        """
        return self._get(lib.atlas_client_get_snapshot, project_id, cluster_name, snapshot_id, envelope, pretty)

    def get_sharded_snapshot(
        self, project_id: str, cluster_name: str, snapshot_id: str, *, envelope: bool = False, pretty: bool = False
    ) -> Snapshot:
        """Fetches one snapshot of a sharded cluster, whose `members` are its shards and config servers.

        Otherwise the same as `get_snapshot`. For a replica set Atlas refuses it, with BadRequestError or NotFoundError.

        >>> snapshot = client.get_sharded_snapshot("32b6e34b3d91647abb20e7b8", "sharded0", "5f4007f327a3bd7b6f4103d0")
        >>> [member.cloud_provider for member in snapshot.members]
        ['AWS', 'AWS', 'AWS']
        """
        return self._get(lib.atlas_client_get_sharded_snapshot, project_id, cluster_name, snapshot_id, envelope, pretty)

    def list_snapshots(
        self, project_id: str, cluster_name: str, *, envelope: bool = False, pretty: bool = False
    ) -> SnapshotList:
        """Fetches all snapshots of a replica set, in Atlas' order: a sequence that does not change.

        Parameters and errors are those of `get_snapshot`; the client's timeout bounds all pages together. More than
        50,000 snapshots, or 256 MiB of them, are an InvalidResponseError. A cluster without snapshots has an empty list.

        >>> for snapshot in client.list_snapshots("32b6e34b3d91647abb20e7b8", "Cluster0"):
        ...     print(snapshot.id, snapshot.status, snapshot.storage_size_bytes)
        5f4007f327a3bd7b6f4103c5 completed 3221225472
        00000000000000000000d001 completed 1610612736
        """
        return self._list(lib.atlas_client_list_snapshots, project_id, cluster_name, envelope, pretty)

    def list_sharded_snapshots(
        self, project_id: str, cluster_name: str, *, envelope: bool = False, pretty: bool = False
    ) -> SnapshotList:
        """Fetches all snapshots of a sharded cluster. Otherwise the same as `list_snapshots`."""
        return self._list(lib.atlas_client_list_sharded_snapshots, project_id, cluster_name, envelope, pretty)

    def wait_for_snapshot(
        self,
        project_id: str,
        cluster_name: str,
        snapshot_id: str,
        *,
        poll_interval: Optional[Union[float, timedelta]] = None,
        timeout: Optional[Union[float, timedelta]] = None,
        progress: Optional[Callable[[Snapshot], object]] = None,
        envelope: bool = False,
        pretty: bool = False,
    ) -> Snapshot:
        """Asks for a snapshot of a replica set again and again until it is completed, and returns it then.

        `poll_interval` is the pause between two polls in seconds or as a timedelta, give or take a tenth: 4 s if None,
        and at least 0.5 s; Atlas may ask for a longer one. `timeout` is how long to wait altogether, None for ever; the
        client's own timeout bounds each poll.

        `progress` is called with the snapshot of every answer, which it may keep, on the thread that called this
        method. It may do anything, call this client too. What it returns does not matter; to give up let it raise an
        exception, which comes out of this method unchanged.

        Passing failures between polls are ridden out. Raises SnapshotFailedError if Atlas could not take the snapshot,
        NotFoundError also if it was deleted meanwhile, AtlasTimeoutError, which names the last status seen,
        CancelledError after `cancel()`, and what `get_snapshot` raises if it will not pass (a refusal, say).

        >>> def progress(snapshot):
        ...     print(snapshot.status)
        >>> ids = ("32b6e34b3d91647abb20e7b8", "Cluster0", "5f4007f327a3bd7b6f4103c5")
        >>> client.wait_for_snapshot(*ids, timeout=timedelta(hours=2), progress=progress)
        completed
        <Snapshot 5f4007f327a3bd7b6f4103c5 completed>
        """
        return self._wait(
            lib.atlas_client_wait_for_snapshot,
            (project_id, cluster_name, snapshot_id, envelope, pretty),
            poll_interval,
            timeout,
            progress,
        )

    def wait_for_sharded_snapshot(
        self,
        project_id: str,
        cluster_name: str,
        snapshot_id: str,
        *,
        poll_interval: Optional[Union[float, timedelta]] = None,
        timeout: Optional[Union[float, timedelta]] = None,
        progress: Optional[Callable[[Snapshot], object]] = None,
        envelope: bool = False,
        pretty: bool = False,
    ) -> Snapshot:
        """Waits for a snapshot of a sharded cluster. Otherwise the same as `wait_for_snapshot`."""
        return self._wait(
            lib.atlas_client_wait_for_sharded_snapshot,
            (project_id, cluster_name, snapshot_id, envelope, pretty),
            poll_interval,
            timeout,
            progress,
        )

    def revoke_token(self) -> None:
        """Gives the service account's access token back to Atlas and empties its entry in the token cache.

        Atlas allows a service account 100 live tokens, each of which lives an hour, so a program that ends soon gives
        its token back, or shares one with others through `token_cache`. Calls made later fetch a new one. With an API
        key or a token of yours, or before the first call, there is nothing to give back and nothing is done. If it fails
        it raises as `get_snapshot` does, and the token is kept.
        """
        self._call(lambda kind: None, lib.atlas_client_revoke_token)

    def cancel(self) -> None:
        """Ends all calls of this client that other threads are in, with CancelledError; later calls are not touched.

        Any thread may call it, and a signal handler. To end one call alone, give it a client of its own.
        """
        owned = self._owned
        if owned is not None:
            lib.atlas_client_cancel(owned.handle)

    def close(self) -> None:
        """Lets go of connections and wipes secrets, as soon as no other thread is in a call. May be called again.

        The token of a service account lives on; `revoke_token` gives it back before.
        """
        self._owned = None
        self._dropped = type(None)

    @property
    def closed(self) -> bool:
        """Whether the client has been closed. Its methods then raise InvalidArgumentError (a ValueError)."""
        return self._owned is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<atlas_backup.{type(self).__name__} {'closed' if self.closed else 'open'}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Client cannot be pickled: make one in each process, or fork after making it")

    def _open(self, config: ConfigHandle, settings: Settings) -> None:
        """Applies the settings and makes the C client. Frees `config`."""
        level = _logging.wanted()
        try:
            _configure(config, settings)
            lib.atlas_config_set_logger(config, level, _logging.receive if level else _logging.off, None)
            error = Error()
            handle = lib.atlas_client_new(config, byref(error))
        finally:
            lib.atlas_config_free(config)
        if not handle:
            raise from_library(error)
        self._owned = Owned(handle, lib.atlas_client_free)
        self._logs = level > 0
        advice = f"unclosed {self!r}: use it in a with statement, or call close()"
        self._dropped = functools.partial(warnings.warn, advice, ResourceWarning, 1, self._owned)

    def _get(self, function: Any, project: str, cluster: str, snapshot: str, envelope: bool, pretty: bool) -> Snapshot:
        return self._call(
            Snapshot,
            function,
            _encode("project_id", project),
            _encode("cluster_name", cluster),
            _encode("snapshot_id", snapshot),
            _flags(envelope, pretty),
        )

    def _list(self, function: Any, project: str, cluster: str, envelope: bool, pretty: bool) -> SnapshotList:
        return self._call(
            SnapshotList._of,
            function,
            _encode("project_id", project),
            _encode("cluster_name", cluster),
            _flags(envelope, pretty),
        )

    def _wait(
        self,
        function: Any,
        what: Tuple[str, str, str, bool, bool],
        poll_interval: Optional[Union[float, timedelta]],
        timeout: Optional[Union[float, timedelta]],
        progress: Optional[Callable[[Snapshot], object]],
    ) -> Snapshot:
        project, cluster, snapshot, envelope, pretty = what
        problems: List[BaseException] = []

        def seen(user_data: Any, latest: SnapshotHandle) -> int:
            try:
                copy = Snapshot(lib.atlas_snapshot_copy(latest))
                return 0 if ask(lambda: progress(copy)) else 1  # type: ignore[misc]
            except BaseException as problem:
                problems.append(problem)
                return 1

        return self._call(
            Snapshot,
            function,
            _encode("project_id", project),
            _encode("cluster_name", cluster),
            _encode("snapshot_id", snapshot),
            _flags(envelope, pretty),
            0 if poll_interval is None else _pause(poll_interval),
            0 if timeout is None else _milliseconds("timeout", timeout, InvalidArgumentError),
            ProgressFunction() if progress is None else ProgressFunction(seen),
            None,
            calls_back=progress is not None,
            problems=problems,
        )

    def _call(
        self,
        result: Callable[[Any], T],
        function: Any,
        *arguments: Any,
        calls_back: bool = False,
        problems: Optional[List[BaseException]] = None,
    ) -> T:
        """Calls a C function that takes the client first and an error last, and gives `result` what it returns.

        `calls_back` says that it calls what is in `arguments`, which leaves in `problems` what went wrong there.
        """

        def call() -> T:
            error = Error()
            owned = self._owned
            if owned is None:
                raise InvalidArgumentError("this Client has been closed")
            if calls_back or self._logs:
                with calling_back(self.cancel):
                    returned = function(owned.handle, *arguments, byref(error))
            else:
                returned = function(owned.handle, *arguments, byref(error))
            del owned  # the traceback of an error must not keep a closed client alive
            if not error.kind:
                return result(returned)
            raise problems.pop() if problems else from_library(error)

        return run(call, self.cancel, calls_back or self._logs)


def _configure(config: ConfigHandle, settings: Settings) -> None:
    """Hands each setting to the library, which judges it in atlas_client_new()."""
    given: Dict[str, Any] = dict(settings)
    ways_in = [kind for kind, names in _CREDENTIALS.items() if given.keys() & {*names, f"{names[-1]}_file"}]
    if len(ways_in) > 1:
        raise ConfigError("give one kind of credentials: a service account, an API key or an access token")
    for kind in ways_in:
        *names, secret = _CREDENTIALS[kind]
        file = f"{secret}_file"
        if secret in given and file in given:
            raise ConfigError(f"give {secret} or {file}, not both")
        # None stands for a credential that is missing: the library names it.
        texts = [_text(name, given.pop(name, None)) for name in names]
        if file in given:
            getattr(lib, f"atlas_config_set_{kind}_file")(config, *texts, _path(file, given.pop(file)))
        else:
            getattr(lib, f"atlas_config_set_{kind}")(config, *texts, _text(secret, given.pop(secret, None)))
    for name, value in given.items():
        if name not in _SETTINGS:
            raise TypeError(f"there is no setting {name}; there are {', '.join(Settings.__annotations__)}")
        setter, convert = _SETTINGS[name]
        if value is not None:
            getattr(lib, setter)(config, convert(name, value))


def _text(name: str, value: Optional[str]) -> Optional[bytes]:
    return None if value is None else _encode(name, value, ConfigError)


def _path(name: str, value: Optional[Union[str, os.PathLike[str]]]) -> Optional[bytes]:
    return _text(name, os.fspath(value) if isinstance(value, os.PathLike) else value)


def _milliseconds(name: str, value: Union[float, timedelta], refusal: Type[AtlasError] = ConfigError) -> int:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    elif isinstance(value, bool) or not isinstance(value, Real):
        raise _wrong_type(name, "a number of seconds or a timedelta", value)
    seconds = _as_float(value)
    if not 0 < seconds * 1000 <= 2**32 - 1:
        raise refusal(f"{name} is {seconds:g} seconds: it must be more than 0 and less than 4,294,967")
    return math.ceil(seconds * 1000)


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _wrong_type(name, "a whole number", value)
    if not 0 <= value < 2**32:
        raise ConfigError(f"{name} is {_as_float(value):g}: it must be from 0 to 4,294,967,295")
    return int(value)


def _as_float(value: SupportsFloat) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _wrong_type(name: str, wanted: str, value: object) -> TypeError:
    return TypeError(f"{name} must be {wanted}, not {type(value).__name__}: {reprlib.repr(value)}")


_CREDENTIALS = {
    "service_account": ("client_id", "client_secret"),
    "api_key": ("public_key", "private_key"),
    "access_token": ("access_token",),
}
_SETTINGS: Dict[str, Tuple[str, Callable[[str, Any], Any]]] = {
    "base_url": ("atlas_config_set_base_url", _text),
    "api_version": ("atlas_config_set_api_version", _text),
    "timeout": ("atlas_config_set_timeout_ms", _milliseconds),
    "connect_timeout": ("atlas_config_set_connect_timeout_ms", _milliseconds),
    "max_retries": ("atlas_config_set_max_retries", _count),
    "ca_file": ("atlas_config_set_ca_file", _path),
    "proxy": ("atlas_config_set_proxy", _text),
    "user_agent": ("atlas_config_set_user_agent", _text),
    "token_cache": ("atlas_config_set_token_cache", _path),
}


def _flags(envelope: bool, pretty: bool) -> int:
    return (ENVELOPE if envelope else 0) | (PRETTY if pretty else 0)


def _pause(interval: Union[float, timedelta]) -> int:
    if isinstance(interval, bool) or interval not in (0, timedelta(0)):
        return _milliseconds("poll_interval", interval, InvalidArgumentError)
    return 1  # as short as may be; the library takes 0 for its default


def _encode(name: str, value: str, refusal: Type[AtlasError] = InvalidArgumentError) -> bytes:
    """Text for the library. What is no Unicode text becomes no UTF-8, which the library refuses by its own rules."""
    is_setting = refusal is ConfigError  # and may be a secret, or have a password in it
    if not isinstance(value, str):
        raise (
            TypeError(f"{name} must be str, not {type(value).__name__}")
            if is_setting
            else _wrong_type(name, "str", value)
        )
    encoded = value.encode("utf-8", "surrogatepass")
    if b"\0" in encoded:
        shown = "" if is_setting else f", {reprlib.repr(value)},"
        raise refusal(f"{name}{shown} has a NUL character inside; nothing was sent")
    return encoded

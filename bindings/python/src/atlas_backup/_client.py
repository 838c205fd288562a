"""The client: settings in, snapshots out."""

from __future__ import annotations

import math
import os
from ctypes import byref
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple, Type, TypedDict, TypeVar, Union

from ._blocking import run
from ._errors import AtlasError, ConfigError, InvalidArgumentError, from_library
from ._library import ENVELOPE, PRETTY, ConfigHandle, Error, Owned, lib
from ._snapshot import Snapshot

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

T = TypeVar("T")


class Settings(TypedDict, total=False):
    """The keyword arguments of Client, which says what they mean."""

    client_id: str
    client_secret: str
    public_key: str
    private_key: str
    access_token: str
    base_url: Optional[str]
    api_version: Optional[str]
    timeout: Optional[float]
    connect_timeout: Optional[float]
    max_retries: Optional[int]
    ca_file: Optional[Union[str, os.PathLike[str]]]
    proxy: Optional[str]
    user_agent: Optional[str]


class Client:
    """Reads cloud backup snapshots from MongoDB Atlas.

    Who you are, exactly one of:
        client_id, client_secret   a service account
        public_key, private_key    an API key
        access_token               a token that you have already
    The rest has defaults:
        base_url         "https://cloud.mongodb.com"
        api_version      "2024-05-30"
        timeout          seconds that one call may take altogether, whatever the server does: 30
        connect_timeout  seconds for a connection with its TLS handshake: 10
        max_retries      how often a call is tried again when that may help: 3
        ca_file          PEM file of certificates to trust besides the system's
        proxy            URL of a proxy, "" for none; by default what HTTPS_PROXY and its kin say
        user_agent       put before the library's own: "backup-audit/2.1"

    Client(...) takes what it is given and reads no MONGODB_ATLAS_… variable; Client.from_env() reads them. Making a
    client asks nothing of Atlas. Raises ConfigError, which names the setting that is missing or wrong. None leaves a
    setting at its default, but is an error for a credential, so that one missing in os.environ is not overlooked.

    One client is meant to be kept and shared: by all threads (its connections and its token are shared too), and by
    processes forked later (each makes connections of its own). Close it with ``with`` or `close()`.

    On the main thread Ctrl-C, or an exception from any other signal handler, leaves a call at once. Calls that other
    threads are in with the same client then end with CancelledError.
    """

    def __init__(self, **settings: Unpack[Settings]) -> None:
        self._owned = _open(lib.atlas_config_new(), settings)

    @classmethod
    def from_env(cls, **overrides: Unpack[Settings]) -> Self:
        """A client with the settings of the environment, as the Atlas CLI names them, and `overrides` before them.

        MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET, or MONGODB_ATLAS_PUBLIC_API_KEY and
        MONGODB_ATLAS_PRIVATE_API_KEY, or MONGODB_ATLAS_ACCESS_TOKEN; MONGODB_ATLAS_BASE_URL and the others are in the
        README. Credentials given here replace those of the environment.
        """
        client = cls.__new__(cls)
        client._owned = _open(lib.atlas_config_from_env(), overrides)
        return client

    _owned: Optional[Owned]

    def get_snapshot(
        self, project_id: str, cluster_name: str, snapshot_id: str, *, envelope: bool = False, pretty: bool = False
    ) -> Snapshot:
        """Fetches one snapshot.

        `project_id` and `snapshot_id` are 24 lower-case hexadecimal digits. `envelope` asks Atlas to wrap its answer,
        which changes nothing but `Snapshot.json`; `pretty` asks it to indent that.

        Raises NotFoundError, UnauthenticatedError, ForbiddenError and the other subclasses of AtlasError.
        """
        return self._call(
            Snapshot,
            lib.atlas_client_get_snapshot,
            *_ids(project_id, cluster_name, snapshot_id),
            (ENVELOPE if envelope else 0) | (PRETTY if pretty else 0),
        )

    def cancel(self) -> None:
        """Ends all calls of this client that other threads are in, with CancelledError; later calls are not touched."""
        owned = self._owned
        if owned is not None:
            lib.atlas_client_cancel(owned.handle)

    def close(self) -> None:
        """Lets go of connections and wipes secrets, as soon as no other thread is in a call. May be called again."""
        self._owned = None

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

    def _call(self, result: Callable[[Any], T], function: Any, *arguments: Any) -> T:
        """Calls a C function that takes the client first and an error last and returns a handle for `result` to own."""

        def call() -> T:
            error = Error()
            owned = self._owned
            if owned is None:
                raise InvalidArgumentError("this Client has been closed")
            handle = function(owned.handle, *arguments, byref(error))
            del owned  # the traceback of an error must not keep a closed client alive
            if not handle:
                raise from_library(error)
            return result(handle)

        return run(call, self.cancel)


def _open(config: ConfigHandle, settings: Settings) -> Owned:
    """Applies the settings and makes the C client. Frees `config`."""
    try:
        _configure(config, settings)
        error = Error()
        handle = lib.atlas_client_new(config, byref(error))
    finally:
        lib.atlas_config_free(config)
    if not handle:
        raise from_library(error)
    return Owned(handle, lib.atlas_client_free)


def _configure(config: ConfigHandle, settings: Settings) -> None:
    """Hands each setting to the library, which judges it in atlas_client_new()."""
    given: Dict[str, Any] = dict(settings)
    ways_in = [setter for setter, names in _CREDENTIALS.items() if given.keys() & set(names)]
    if len(ways_in) > 1:
        raise ConfigError("give one kind of credentials: a service account, an API key or an access token")
    for setter in ways_in:
        # None stands for a credential that is missing: the library names it.
        getattr(lib, setter)(config, *[_text(name, given.pop(name, None)) for name in _CREDENTIALS[setter]])
    for name, value in given.items():
        if name not in _SETTINGS:
            raise TypeError(f"there is no setting {name}; there are {', '.join(Settings.__annotations__)}")
        setter, convert = _SETTINGS[name]
        if value is not None:
            getattr(lib, setter)(config, convert(name, value))


def _text(name: str, value: Optional[str]) -> Optional[bytes]:
    return None if value is None else _encode(name, value, ConfigError)


def _path(name: str, value: Union[str, os.PathLike[str]]) -> Optional[bytes]:
    return _text(name, os.fspath(value))


def _milliseconds(name: str, seconds: float) -> int:
    if not 0 < seconds * 1000 < 2**32:
        raise ConfigError(f"{name} is {seconds} seconds: it must be more than 0 and less than 4,294,967")
    return math.ceil(seconds * 1000)


def _count(name: str, value: int) -> int:
    if not 0 <= value < 2**32:
        raise ConfigError(f"{name} is {value}: it must be from 0 to 4,294,967,295")
    return value


_CREDENTIALS = {
    "atlas_config_set_service_account": ("client_id", "client_secret"),
    "atlas_config_set_api_key": ("public_key", "private_key"),
    "atlas_config_set_access_token": ("access_token",),
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
}


def _ids(project_id: str, cluster_name: str, snapshot_id: str) -> Tuple[bytes, bytes, bytes]:
    return (
        _encode("project_id", project_id, InvalidArgumentError),
        _encode("cluster_name", cluster_name, InvalidArgumentError),
        _encode("snapshot_id", snapshot_id, InvalidArgumentError),
    )


def _encode(name: str, value: str, refusal: Type[AtlasError]) -> bytes:
    """Text for the library. What is no Unicode text becomes no UTF-8, which the library refuses by its own rules."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    encoded = value.encode("utf-8", "surrogatepass")
    if b"\0" in encoded:
        raise refusal(f"{name} has a NUL character inside; nothing was sent")
    return encoded

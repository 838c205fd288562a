"""The C library: found, loaded, checked and declared. The one place that knows ``ctypes`` types and C names.

``atlas_backup.h`` is the manual of every function below.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import operator
import os
from ctypes import CFUNCTYPE, POINTER, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_void_p
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Final

__version__ = "0.2.0"
"""The version of this package. The library it loads has the same MAJOR, and every function that this package calls."""

VARIABLE: Final = "ATLAS_BACKUP_LIBRARY"
SONAME: Final = "libatlas_backup.so.0"
BUNDLED: Final = Path(__file__).resolve().with_name("libatlas_backup.so")

ENVELOPE: Final = 1
PRETTY: Final = 2
ABSENT: Final = -(2**63)
"""``ATLAS_ABSENT``: what a number or a time is that Atlas did not send."""


class ConfigHandle(c_void_p):
    """``atlas_config *``. Types of their own keep handles from being mixed up, at a third of the price of POINTER."""


class ClientHandle(c_void_p):
    """``atlas_client *``"""


class SnapshotHandle(c_void_p):
    """``atlas_snapshot *``"""


class ListHandle(c_void_p):
    """``atlas_snapshot_list *``"""


LogFunction = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
ProgressFunction = CFUNCTYPE(c_int32, c_void_p, SnapshotHandle)


class Error(ctypes.Structure):
    """``atlas_error``, frozen for ever."""

    _fields_ = [
        ("kind", c_int32),
        ("http_status", c_int32),
        ("retry_after", c_int32),
        ("flags", c_uint32),
        ("code", c_char * 96),
        ("reason", c_char * 64),
        ("detail", c_char * 768),
        ("parameters", c_char * 256),
        ("message", c_char * 768),
        ("reserved", c_uint8 * 80),
    ]


class SnapshotFields(ctypes.Structure):
    """``atlas_snapshot_fields``. Elements of links and members consist of texts, and are read as those."""

    _fields_ = [
        ("id", c_char_p),
        ("cloud_provider", c_char_p),
        ("config_server_type", c_char_p),
        ("created_at", c_char_p),
        ("description", c_char_p),
        ("expires_at", c_char_p),
        ("frequency_type", c_char_p),
        ("master_key_uuid", c_char_p),
        ("mongod_version", c_char_p),
        ("replica_set_name", c_char_p),
        ("snapshot_type", c_char_p),
        ("status", c_char_p),
        ("type", c_char_p),
        ("storage_size_bytes", c_int64),
        ("created_at_ms", c_int64),
        ("expires_at_ms", c_int64),
        ("status_code", c_int32),
        ("cloud_provider_code", c_int32),
        ("frequency_type_code", c_int32),
        ("snapshot_type_code", c_int32),
        ("type_code", c_int32),
        ("http_status", c_int32),
        ("copy_region_count", c_size_t),
        ("copy_regions", POINTER(c_char_p)),
        ("policy_item_count", c_size_t),
        ("policy_items", POINTER(c_char_p)),
        ("snapshot_id_count", c_size_t),
        ("snapshot_ids", POINTER(c_char_p)),
        ("link_count", c_size_t),
        ("links", POINTER(c_char_p)),
        ("member_count", c_size_t),
        ("members", POINTER(c_char_p)),
    ]


FIELDS_SIZE: Final = ctypes.sizeof(SnapshotFields)

ERROR_RETRYABLE: Final = 1
ERROR_TRUNCATED: Final = 2
ERROR_SIZE: Final = 2048
ERROR_OFFSETS: Final = {
    "kind": 0,
    "http_status": 4,
    "retry_after": 8,
    "flags": 12,
    "code": 16,
    "reason": 112,
    "detail": 176,
    "parameters": 944,
    "message": 1200,
    "reserved": 1968,
}


class Owned:
    """A handle that is freed when nothing refers to this object any more.

    Whoever uses the handle refers to this object meanwhile, a call in progress on another thread too, so a handle
    is never freed under anyone. At the end of the process nothing is freed: threads may still be inside a call.
    """

    __slots__ = ("free", "handle", "__weakref__")

    free: Callable[[], object]
    handle: Any

    def __init__(self, handle: Any, free: Callable[[Any], None]) -> None:
        self.free = functools.partial(free, handle)
        self.handle = handle

    # Python calls what it gets here: `self.free`. It is no function, since Ctrl-C may strike in any function of Python,
    # and in this one KeyboardInterrupt would be lost.
    __del__: Any = property(operator.attrgetter("free"))


@atexit.register
def _keep() -> None:
    del Owned.__del__


def _load() -> ctypes.CDLL:
    """Loads the library from the first place that has it."""
    chosen = os.environ.get(VARIABLE)
    report = ["atlas_backup cannot load its library, libatlas_backup.so:"]
    if chosen == "system":
        places = [(f"{VARIABLE}=system", SONAME)]
        remedy = f"Install libatlas_backup (make install, then ldconfig), or correct {VARIABLE}."
    elif chosen:
        places = [(f"{VARIABLE}={chosen}", os.path.abspath(chosen))]
        remedy = f"Correct {VARIABLE}, or unset it to use the library that is installed."
    else:
        report.append(f"  {VARIABLE} is not set")
        places = [("beside the package", str(BUNDLED)), ("installed", SONAME)]
        remedy = (
            "Install libatlas_backup (make install, then ldconfig), or this package with the library inside it "
            f"(pip install ./bindings/python), or set {VARIABLE} to the path of libatlas_backup.so."
        )
    for place, path in places:
        try:
            return ctypes.CDLL(path)
        except OSError as problem:
            report.append(f"  {place}: {problem}{'' if _may_be_library(path) else ', which is no shared library'}")
    raise ImportError("\n".join([*report, remedy]), name=__package__)


def _may_be_library(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:  # the loader said why, or searches for it elsewhere
        return True


_blocking = _load()
_brief = ctypes.PyDLL(_blocking._name, handle=_blocking._handle)

DECLARED: Final[Dict[str, Any]] = {}
"""Every function of the library that has been declared, by its C name."""

lib: Any = SimpleNamespace()
"""The declared functions: ``lib.atlas_client_new(...)``."""


def declare(name: str, result: Any, *parameters: Any, blocks: bool = False) -> Any:
    """Declares the C function `name` and returns it.

    `blocks` says that it may wait or work for long, and so must let other Python threads run. All others keep the
    interpreter's lock: giving it up costs more than they take, and can cost 5 ms when another thread is computing.
    """
    try:
        function = (_blocking if blocks else _brief)[name]
    except AttributeError:
        raise ImportError(
            f"{_blocking._name} has no function {name}: it is older than this package ({__version__})",
            name=__package__,
            path=_blocking._name,
        ) from None
    function.restype = result
    function.argtypes = parameters
    DECLARED[name] = function
    setattr(lib, name, function)
    return function


def _check() -> None:
    """Refuses a library that is not the one this package was written for."""
    if ctypes.sizeof(Error) != ERROR_SIZE or any(
        getattr(Error, member).offset != offset for member, offset in ERROR_OFFSETS.items()
    ):
        raise ImportError("atlas_error is laid out differently on this platform", name=__package__)
    path = _blocking._name
    if not hasattr(_brief, "atlas_backup_version"):
        raise ImportError(
            f"{path} is not libatlas_backup: it has no function atlas_backup_version. Correct {VARIABLE}, or unset it to "
            "use the library that is installed.",
            name=__package__,
            path=path,
        )
    found = (declare("atlas_backup_version", c_char_p)() or b"").decode("utf-8", "replace")
    if found.split(".")[0] != __version__.split(".")[0]:
        raise ImportError(
            f"{path} is libatlas_backup {found}, but the Python package is {__version__}: the first numbers must be "
            f"equal. Install the two together, or point {VARIABLE} to the library that belongs to this package.",
            name=__package__,
            path=path,
        )
    size = declare("atlas_error_size", c_size_t)()
    if size != ERROR_SIZE:
        raise ImportError(f"{path} has an atlas_error of {size} bytes, not {ERROR_SIZE}", name=__package__, path=path)


_check()

# The table of declarations. The accessors of single fields are not among them: SnapshotFields has what they return.

declare("atlas_error_kind_name", c_char_p, c_int32)

declare("atlas_config_new", ConfigHandle)
declare("atlas_config_from_env", ConfigHandle)
declare("atlas_config_free", None, ConfigHandle)
declare("atlas_config_set_service_account", None, ConfigHandle, c_char_p, c_char_p)
declare("atlas_config_set_api_key", None, ConfigHandle, c_char_p, c_char_p)
declare("atlas_config_set_access_token", None, ConfigHandle, c_char_p)
declare("atlas_config_set_service_account_file", None, ConfigHandle, c_char_p, c_char_p)
declare("atlas_config_set_api_key_file", None, ConfigHandle, c_char_p, c_char_p)
declare("atlas_config_set_access_token_file", None, ConfigHandle, c_char_p)
declare("atlas_config_set_base_url", None, ConfigHandle, c_char_p)
declare("atlas_config_set_api_version", None, ConfigHandle, c_char_p)
declare("atlas_config_set_timeout_ms", None, ConfigHandle, c_uint32)
declare("atlas_config_set_connect_timeout_ms", None, ConfigHandle, c_uint32)
declare("atlas_config_set_max_retries", None, ConfigHandle, c_uint32)
declare("atlas_config_set_ca_file", None, ConfigHandle, c_char_p)
declare("atlas_config_set_proxy", None, ConfigHandle, c_char_p)
declare("atlas_config_set_user_agent", None, ConfigHandle, c_char_p)
declare("atlas_config_set_token_cache", None, ConfigHandle, c_char_p)
declare("atlas_config_set_logger", None, ConfigHandle, c_int32, LogFunction, c_void_p)

_ERROR = POINTER(Error)
_CLUSTER = (ClientHandle, c_char_p, c_char_p)
_SNAPSHOT = (*_CLUSTER, c_char_p)
_WAIT = (*_SNAPSHOT, c_uint32, c_uint32, c_uint32, ProgressFunction, c_void_p, _ERROR)

declare("atlas_client_new", ClientHandle, ConfigHandle, _ERROR, blocks=True)
declare("atlas_client_free", None, ClientHandle, blocks=True)
declare("atlas_client_cancel", None, ClientHandle, blocks=True)
declare("atlas_client_revoke_token", c_int32, ClientHandle, _ERROR, blocks=True)
declare("atlas_client_get_snapshot", SnapshotHandle, *_SNAPSHOT, c_uint32, _ERROR, blocks=True)
declare("atlas_client_get_sharded_snapshot", SnapshotHandle, *_SNAPSHOT, c_uint32, _ERROR, blocks=True)
declare("atlas_client_list_snapshots", ListHandle, *_CLUSTER, c_uint32, _ERROR, blocks=True)
declare("atlas_client_list_sharded_snapshots", ListHandle, *_CLUSTER, c_uint32, _ERROR, blocks=True)
declare("atlas_client_wait_for_snapshot", SnapshotHandle, *_WAIT, blocks=True)
declare("atlas_client_wait_for_sharded_snapshot", SnapshotHandle, *_WAIT, blocks=True)

declare("atlas_snapshot_list_parse", ListHandle, c_char_p, c_size_t, _ERROR, blocks=True)
declare("atlas_snapshot_list_count", c_size_t, ListHandle)
declare("atlas_snapshot_list_total_count", c_int64, ListHandle)
declare("atlas_snapshot_list_get", SnapshotHandle, ListHandle, c_size_t)
declare("atlas_snapshot_list_free", None, ListHandle)

declare("atlas_snapshot_parse", SnapshotHandle, c_char_p, c_size_t, _ERROR, blocks=True)
declare("atlas_snapshot_copy", SnapshotHandle, SnapshotHandle)
declare("atlas_snapshot_free", None, SnapshotHandle)
declare("atlas_snapshot_read_fields", c_size_t, SnapshotHandle, POINTER(SnapshotFields), c_size_t)
declare("atlas_snapshot_json", c_char_p, SnapshotHandle, POINTER(c_size_t))
declare("atlas_snapshot_field_count", c_size_t, SnapshotHandle)
declare("atlas_snapshot_field_name", c_char_p, SnapshotHandle, c_size_t)
declare("atlas_snapshot_field", c_char_p, SnapshotHandle, c_char_p)
declare("atlas_snapshot_header", c_char_p, SnapshotHandle, c_char_p)
declare("atlas_snapshot_header_count", c_size_t, SnapshotHandle)
declare("atlas_snapshot_header_name", c_char_p, SnapshotHandle, c_size_t)
declare("atlas_snapshot_header_value", c_char_p, SnapshotHandle, c_size_t)

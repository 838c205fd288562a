"""What can go wrong: one exception class for each kind of error of the library."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any, ClassVar, Dict, Optional, Tuple, Type

from ._library import ERROR_RETRYABLE, ERROR_TRUNCATED, Error


class ErrorKind(IntEnum):
    """The kinds of error, with the library's numbers. A number newer than this package is kept and named UNKNOWN."""

    NONE = 0
    INVALID_ARGUMENT = 1
    CONFIG = 2
    UNAUTHENTICATED = 3
    FORBIDDEN = 4
    NOT_FOUND = 5
    BAD_REQUEST = 6
    RATE_LIMITED = 7
    SERVER = 8
    TIMEOUT = 9
    NETWORK = 10
    TLS = 11
    INVALID_RESPONSE = 12
    CANCELLED = 13
    SNAPSHOT_FAILED = 14
    INTERNAL = 15

    @classmethod
    def _missing_(cls, value: object) -> Optional[ErrorKind]:
        if not isinstance(value, int):
            return None
        kind = int.__new__(cls, value)
        kind._name_ = "UNKNOWN"
        kind._value_ = value
        return kind

    def __reduce_ex__(self, protocol: Any) -> Tuple[Any, ...]:
        return ErrorKind, (int(self),)


class AtlasError(Exception):
    """Base of all errors of the library, and the class of those of a kind that this package does not know yet.

    Each has all that the library knows, also in words: ``str(error)`` is one line that says what was tried, what
    happened and what to do. No secret is ever in it. Errors can be pickled.
    """

    kind: ErrorKind = ErrorKind.NONE
    """What went wrong, to switch on. The class says the same."""
    message: str
    """One line for people, in the library's words."""
    hint: Optional[str] = None
    """What may help, in the words of this package; None if the message says it all. ``str(error)`` has both."""
    http_status: Optional[int] = None
    """HTTP status of Atlas' answer (inside an envelope: the inner one), None if there was no answer."""
    retry_after: Optional[int] = None
    """Seconds to wait before trying again, None if the server named none; 0 is none."""
    retryable: bool = False
    """Whether the same call may succeed later."""
    truncated: bool = False
    """Whether some text here was too long and has been cut, or the answer's body so long that its end was not read."""
    code: Optional[str] = None
    """Atlas' errorCode, "RESOURCE_NOT_FOUND" say, or the OAuth error; None if there was none."""
    reason: Optional[str] = None
    """Atlas' reason, "Not Found" say, None if there was none."""
    detail: Optional[str] = None
    """Atlas' explanation, and the fields of the request that it refused; None if there was none."""
    parameters: Any = None
    """Atlas' parameters, read from their JSON (as text if they were cut), None if there were none."""

    _classes: ClassVar[Dict[int, Type[AtlasError]]] = {}

    def __init_subclass__(cls, kind: Optional[ErrorKind] = None) -> None:
        super().__init_subclass__()
        if kind is not None:
            cls.kind = kind
            AtlasError._classes[kind] = cls

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}; {self.hint}"

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.message,), dict(self.__dict__)


class InvalidArgumentError(AtlasError, ValueError, kind=ErrorKind.INVALID_ARGUMENT):
    """An argument is not as documented (an id is not 24 hex digits, say) or the client is closed. Nothing was sent."""


class ConfigError(AtlasError, kind=ErrorKind.CONFIG):
    """A setting is missing, contradictory or unreadable; the message names it."""


class UnauthenticatedError(AtlasError, kind=ErrorKind.UNAUTHENTICATED):
    """The credentials were refused (401, or by the token endpoint)."""


class ForbiddenError(AtlasError, kind=ErrorKind.FORBIDDEN):
    """403: a role is missing, or this address is not on the access list (see `code`; `parameters` has the address)."""


class NotFoundError(AtlasError, kind=ErrorKind.NOT_FOUND):
    """404: there is no such project, cluster or snapshot, or the snapshot was deleted."""


class BadRequestError(AtlasError, kind=ErrorKind.BAD_REQUEST):
    """400 and every other 4xx."""


class RateLimitedError(AtlasError, kind=ErrorKind.RATE_LIMITED):
    """429, and trying again did not help. `retry_after` says how long to wait, if Atlas did."""


class ServerError(AtlasError, kind=ErrorKind.SERVER):
    """5xx, and trying again did not help."""


class AtlasTimeoutError(AtlasError, TimeoutError, kind=ErrorKind.TIMEOUT):
    """The time was up (or Atlas said so: 408). Also a TimeoutError."""


class NetworkError(AtlasError, ConnectionError, kind=ErrorKind.NETWORK):
    """No connection, or it broke: DNS, connect, proxy, reset. Also a ConnectionError."""


class TLSError(AtlasError, kind=ErrorKind.TLS):
    """The certificate or the handshake was not good; the message says what."""


class InvalidResponseError(AtlasError, kind=ErrorKind.INVALID_RESPONSE):
    """The answer is not what Atlas promises: not a JSON object, not UTF-8, empty, too large, a redirect. Also when
    there is no token endpoint (404), since the base URL is wrong then."""


class CancelledError(AtlasError, kind=ErrorKind.CANCELLED):
    """The call was cancelled."""


class SnapshotFailedError(AtlasError, kind=ErrorKind.SNAPSHOT_FAILED):
    """Atlas could not take the snapshot that was waited for."""


class InternalError(AtlasError, kind=ErrorKind.INTERNAL):
    """A mistake in the library: please report it. Or the library was denied what it cannot do without, which the message
    names: memory, random numbers, waiting (a sandbox), a file descriptor."""


def from_library(error: Error) -> AtlasError:
    """The exception for an ``atlas_error`` that a function filled."""
    exception = AtlasError._classes.get(error.kind, AtlasError)(_text(error.message) or "")
    exception.kind = ErrorKind(error.kind)
    exception.http_status = error.http_status or None
    exception.retry_after = None if error.retry_after < 0 else error.retry_after
    exception.retryable = bool(error.flags & ERROR_RETRYABLE)
    exception.truncated = bool(error.flags & ERROR_TRUNCATED)
    exception.code = _text(error.code)
    exception.reason = _text(error.reason)
    exception.detail = _text(error.detail)
    exception.parameters = _json(_text(error.parameters))
    exception.hint = hint(
        exception,
        on_timeout="timeout= and connect_timeout= of Client set how long a call may take, timeout= of a wait how long to wait",
        on_shards="a sharded cluster has methods of its own, get_sharded_snapshot and so on",
        on_tokens="token_cache= of Client shares one token between processes",
        arguments=("project_id", "cluster_name", "snapshot_id"),
    )
    return exception


def hint(
    error: AtlasError, *, on_timeout: str, on_shards: str, on_tokens: str, arguments: Tuple[str, str, str]
) -> Optional[str]:
    """What helps, in the words of whoever made the call: when the time was up, when Atlas says that a cluster is
    sharded or is not, when a service account has too many tokens, and when one of the `arguments` cannot be what it
    stands for. None for other errors."""
    if error.kind == ErrorKind.INVALID_ARGUMENT:
        for meaning, argument in zip(("project id", "cluster name", "snapshot id"), arguments):
            if f'the {meaning} "' in error.message:
                return f"check {argument}"
    if error.kind == ErrorKind.TIMEOUT and error.http_status is None:
        return on_timeout
    if error.kind == ErrorKind.FORBIDDEN and error.code == "access_denied":
        return on_tokens
    refused = error.kind in (ErrorKind.BAD_REQUEST, ErrorKind.NOT_FOUND)
    return on_shards if refused and "shard" in f"{error.code} {error.detail}".lower() else None


def _text(value: bytes) -> Optional[str]:
    return value.decode("utf-8", "replace") or None


def _json(text: Optional[str]) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text

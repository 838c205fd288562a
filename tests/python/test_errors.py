"""Each error comes out as an exception of its own class that has all that is known about it."""

from __future__ import annotations

import ctypes
import pickle
from typing import Any, Dict, Type

import pytest
from conftest import Simulator

import atlas_backup
from atlas_backup import (
    AtlasError,
    AtlasTimeoutError,
    BadRequestError,
    ErrorKind,
    ForbiddenError,
    InvalidArgumentError,
    InvalidResponseError,
    NetworkError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TLSError,
    UnauthenticatedError,
)
from atlas_backup import _errors, _library

MEMBERS = ("http_status", "retry_after", "retryable", "truncated", "code", "reason", "detail", "parameters")
ERRORS: Dict[str, Any] = {
    "error-400": (BadRequestError, 400, None, False, False, "INVALID_ATTRIBUTE", "Bad Request",
                  "Invalid attribute snapshotId specified.", ["snapshotId", 7]),
    "error-400-flex": (BadRequestError, 400, None, False, False, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", "Bad Request",
                       "Flex cluster error-400-flex cannot be used in the Cluster API.", ["error-400-flex"]),
    "error-400-fields": (BadRequestError, 400, None, False, False, "VALIDATION_ERROR", "Bad Request",
                         'Validation failed.; snapshotId: must match "^([a-f0-9]{24})$"; groupId: must not be null', None),
    "error-401": (UnauthenticatedError, 401, None, False, False, "UNEXPECTED_ERROR", "Unauthorized",
                  "You are not authorized for this resource.", None),
    "error-403": (ForbiddenError, 403, None, False, False, "USER_UNAUTHORIZED", "Forbidden",
                  "The user does not have the role required for this action.", []),
    "error-403-ip": (ForbiddenError, 403, None, False, False, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "Forbidden",
                     "IP address 203.0.113.7 is not allowed to access this resource.", ["203.0.113.7"]),
    "error-404": (NotFoundError, 404, None, False, False, "CLUSTER_NOT_FOUND", "Not Found",
                  "No cluster named error-404 exists in group 32b6e34b3d91647abb20e7b8.",
                  ["error-404", "32b6e34b3d91647abb20e7b8"]),
    "error-404-group": (NotFoundError, 404, None, False, False, "GROUP_NOT_FOUND", "Not Found",
                        "No group with ID 32b6e34b3d91647abb20e7b8 exists.", ["32b6e34b3d91647abb20e7b8"]),
    "error-404-null": (NotFoundError, 404, None, False, False, None, "Not Found",
                       "Could not find the requested snapshot.", None),
    "error-406": (BadRequestError, 406, None, False, False, "INVALID_VERSION_DATE", "Not Acceptable",
                  "Invalid accept header or version date: 2022-12-31.", ["2022-12-31"]),
    "error-409": (BadRequestError, 409, None, False, False, "CONFLICT", "Conflict",
                  "Another operation is in progress.", []),
    "error-410": (BadRequestError, 410, None, False, False, "VERSION_GONE", "Gone",
                  "Version 2023-02-01 is no longer available.", ["2023-02-01"]),
    "error-429": (RateLimitedError, 429, 1, True, False, "RATE_LIMITED", "Too Many Requests",
                  "Rate limit exceeded. Try again later.", []),
    "error-429-bucket": (RateLimitedError, 429, 55, True, False, "RATE_LIMITED_TOKEN_BUCKET", "Too Many Requests",
                         "The rate limit's token bucket is empty.",
                         ["/api/atlas/v2/groups/{groupId}/clusters/{clusterName}/backup/snapshots", 55, 10, 5, 60]),
    "error-500": (ServerError, 500, None, True, False, "UNEXPECTED_ERROR", "Internal Server Error",
                  "Unexpected error.", []),
    "error-502": (ServerError, 502, None, True, False, None, None, None, None),
    "error-503": (ServerError, 503, None, True, False, "SERVICE_UNAVAILABLE", "Service Unavailable",
                  "The service is temporarily unavailable.", []),
    "error-503-html": (ServerError, 503, None, True, False, None, None, None, None),
    "error-504": (ServerError, 504, None, True, False, None, None, None, None),
}  # fmt: skip


@pytest.mark.parametrize("envelope", [False, True], ids=["bare", "enveloped"])
@pytest.mark.parametrize("cluster", ERRORS)
def test_each_documented_error_arrives_with_every_member(atlas: Simulator, cluster: str, envelope: bool) -> None:
    kind, *expected = ERRORS[cluster]
    with pytest.raises(AtlasError) as caught:
        atlas.get(cluster=cluster, envelope=envelope)
    error = caught.value
    assert type(error) is kind and error.kind is kind.kind
    assert {member: getattr(error, member) for member in MEMBERS} == dict(zip(MEMBERS, expected))
    assert str(error) == error.message
    assert cluster in error.message, "the message names what was asked for"
    assert "\n" not in error.message and len(error.message) > 40


def test_an_error_speaks_of_the_parameters_and_methods_of_this_package(atlas: Simulator) -> None:
    with atlas.client(timeout=0.2) as client, pytest.raises(AtlasTimeoutError) as late:
        client.get_snapshot(atlas.project, "silent", atlas.snapshot)
    assert str(late.value) == f"{late.value.message}; {late.value.hint}"
    assert "timeout= and connect_timeout= of Client" in str(late.value) and "timeout_ms" not in str(late.value)
    with pytest.raises(BadRequestError) as wrong:
        atlas.get(cluster="sharded0")
    assert "get_sharded_snapshot" in str(wrong.value) and "_sharded_" not in wrong.value.message
    with atlas.client() as client, pytest.raises(InvalidArgumentError) as argument:
        client.get_snapshot("a\nb", atlas.cluster, atlas.snapshot)
    assert 'the project id "a b" is not' in str(argument.value) and argument.value.hint == "check project_id"
    for ids, name in (
        ((atlas.project, "a_b", atlas.snapshot), "cluster_name"),
        ((atlas.project, "a", "b"), "snapshot_id"),
    ):
        with atlas.client() as client, pytest.raises(InvalidArgumentError, match=f"; check {name}$"):
            client.get_snapshot(*ids)
    with atlas.client() as client, pytest.raises(InvalidArgumentError, match=r"project_id, 'a\\x00b', has a NUL"):
        client.get_snapshot("a\0b", atlas.cluster, atlas.snapshot)
    assert str(pickle.loads(pickle.dumps(late.value))) == str(late.value)


def test_a_refused_address_is_named_in_the_message(atlas: Simulator) -> None:
    with pytest.raises(ForbiddenError, match=r"203\.0\.113\.7"):
        atlas.get(cluster="error-403-ip")


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"access_token": "eyJ-a-wrong-token"}, "access token"),
        ({"client_id": "mdb_sa_id_unknown", "client_secret": "mdb_sa_sk_wrong-secret"}, "service account"),
        ({"public_key": "unknown", "private_key": "wrong-5e1f0c9d"}, "API key"),
    ],
    ids=["access token", "service account", "API key"],
)
def test_a_refusal_says_which_kind_of_credentials_and_no_secret(
    atlas: Simulator, credentials: Dict[str, str], words: str
) -> None:
    with atlas.client(**credentials) as client, pytest.raises(UnauthenticatedError) as caught:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    error = caught.value
    assert error.http_status == 401
    assert words.lower() in str(error).lower()
    for name, secret in credentials.items():
        if name in ("access_token", "client_secret", "private_key"):
            assert secret not in repr(vars(error)) + repr(error)


@pytest.mark.parametrize(
    "cluster", ["no-content", "not-json", "invalid-utf8", "empty-body", "array", "cut-json", "byte-order-mark"]
)
def test_an_answer_that_is_no_snapshot_is_an_invalid_response(atlas: Simulator, cluster: str) -> None:
    with pytest.raises(InvalidResponseError) as caught:
        atlas.get(cluster=cluster)
    assert caught.value.http_status in (200, 204)
    assert not caught.value.retryable


def test_a_redirect_is_not_followed(atlas: Simulator) -> None:
    redirect = {"act": "redirect", "status": 302, "location": f"{atlas.plain_url}/elsewhere"}
    atlas.control("POST", "script", {"target": "api", "acts": [redirect], "forever": True})
    with pytest.raises(InvalidResponseError, match=r"127\.0\.0\.1"):
        atlas.get()
    assert [request["path"] for request in atlas.requests() if "elsewhere" in request["path"]] == []


def test_silence_is_a_timeout(atlas: Simulator) -> None:
    with atlas.client(timeout=0.3, max_retries=0) as client, pytest.raises(AtlasTimeoutError) as caught:
        client.get_snapshot(atlas.project, "silent", atlas.snapshot)
    assert isinstance(caught.value, TimeoutError) and caught.value.retryable
    assert caught.value.http_status is None


@pytest.mark.parametrize("cluster", ["closing", "resetting"])
def test_a_broken_connection_is_a_network_error(atlas: Simulator, cluster: str) -> None:
    with pytest.raises(NetworkError) as caught:
        atlas.get(cluster=cluster)
    assert isinstance(caught.value, ConnectionError) and caught.value.retryable


def test_a_port_where_nobody_listens_is_a_network_error(atlas: Simulator) -> None:
    with atlas.client(base_url="https://127.0.0.1:1", max_retries=0) as client, pytest.raises(NetworkError):
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)


@pytest.mark.parametrize("kind", ["EXPIRED", "WRONG_HOST", "SELF_SIGNED", "UNTRUSTED"])
def test_a_certificate_that_is_not_good_is_a_tls_error(atlas: Simulator, kind: str) -> None:
    url = atlas.variable(f"BAD_TLS_{kind}_URL")
    with atlas.client(base_url=url, max_retries=0) as client, pytest.raises(TLSError) as caught:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    assert not caught.value.retryable
    assert atlas.requests() == []


def test_text_that_is_too_long_is_cut_and_marked(atlas: Simulator) -> None:
    parameters = ["é" * 400]
    body = '{"detail":"%s","error":400,"errorCode":"X","parameters":["%s"],"reason":"Bad Request"}' % (
        "d" * 2000,
        parameters[0],
    )
    atlas.respond(400, body.encode())
    with pytest.raises(BadRequestError) as caught:
        atlas.get()
    error = caught.value
    assert error.truncated and error.code == "X"
    assert error.detail == "d" * 767
    assert isinstance(error.parameters, str) and ('["' + "é" * 400).startswith(error.parameters)


CLASSES = [value for value in vars(atlas_backup).values() if isinstance(value, type) and issubclass(value, AtlasError)]


def test_there_is_a_class_for_each_kind_of_the_library() -> None:
    kinds = {cls.kind: cls for cls in CLASSES}
    assert sorted(kinds) == sorted(ErrorKind) and len(CLASSES) == len(kinds)
    for kind in ErrorKind:
        assert _library.lib.atlas_error_kind_name(kind).decode() == kind.name.lower()
    assert _library.lib.atlas_error_kind_name(len(ErrorKind)) == b"unknown"


def test_a_kind_that_is_new_to_us_is_an_atlas_error_that_keeps_its_number() -> None:
    struct = _library.Error(kind=77, http_status=418, retry_after=-1, message=b"something new")
    error = _errors.from_library(struct)
    assert type(error) is AtlasError
    assert (error.kind, error.kind.name, error.http_status) == (77, "UNKNOWN", 418)
    assert (error.retry_after, error.retryable, error.parameters, str(error)) == (None, False, None, "something new")
    assert pickle.loads(pickle.dumps(error)).kind.name == "UNKNOWN"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_errors_survive_pickling_with_everything(cls: Type[AtlasError]) -> None:
    struct = _library.Error(
        kind=cls.kind or 77, http_status=429, retry_after=5, flags=3, code=b"CODE", reason=b"Reason",
        detail="détail".encode(), parameters=b'["a",1]', message=b"a message",
    )  # fmt: skip
    error = _errors.from_library(struct)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is type(error) is cls
        assert vars(again) == vars(error)
        assert str(again) == "a message" and again.args == error.args
    assert {member: getattr(error, member) for member in MEMBERS} == dict(
        zip(MEMBERS, (429, 5, True, True, "CODE", "Reason", "détail", ["a", 1]))
    )


def test_errors_are_caught_as_their_python_relatives() -> None:
    assert issubclass(AtlasTimeoutError, TimeoutError)
    assert issubclass(NetworkError, ConnectionError)
    assert issubclass(InvalidArgumentError, ValueError)
    assert NotFoundError("by hand").kind is ErrorKind.NOT_FOUND
    assert "secret" not in repr(AtlasError("x"))


def test_atlas_error_has_its_frozen_layout() -> None:
    struct = _library.Error
    offsets = {name: getattr(struct, name).offset for name, *_ in struct._fields_}
    assert offsets == {
        "kind": 0, "http_status": 4, "retry_after": 8, "flags": 12, "code": 16, "reason": 112, "detail": 176,
        "parameters": 944, "message": 1200, "reserved": 1968,
    }  # fmt: skip
    assert ctypes.sizeof(struct) == _library.lib.atlas_error_size() == 2048
    assert ctypes.alignment(struct) == 4


def test_a_call_sets_every_byte_of_its_error() -> None:
    error = _library.Error.from_buffer_copy(b"\xaa" * 2048)
    assert _library.lib.atlas_snapshot_parse(b"{}", 2, ctypes.byref(error))
    expected = _library.Error(retry_after=-1)
    assert bytes(error) == bytes(expected)
    assert not _library.lib.atlas_snapshot_parse(b"[", 1, ctypes.byref(error))
    assert bytes(error.reserved) == bytes(80) and error.kind == ErrorKind.INVALID_RESPONSE

"""The package declares what the header declares: read from include/atlas_backup.h itself."""

from __future__ import annotations

import ctypes
import re
from ctypes import POINTER
from typing import Any, Dict, List, Tuple

import pytest
from expectation import DOCUMENTED_TEXTS, HEADER

import atlas_backup
from atlas_backup import _library

UNCOMMENTED = re.sub(r"/\*.*?\*/", " ", HEADER, flags=re.DOTALL)
CODE = re.sub(r"(?m)^\s*#.*$", "", UNCOMMENTED)
TYPES: Dict[str, Any] = {
    "void": None,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "size_t": ctypes.c_size_t,
    "size_t *": POINTER(ctypes.c_size_t),
    "char *": ctypes.c_char_p,
    "atlas_error *": POINTER(_library.Error),
    "atlas_snapshot_fields *": POINTER(_library.SnapshotFields),
    "char * *": POINTER(ctypes.c_char_p),
    # An element is as many texts as it has members.
    "atlas_link *": POINTER(ctypes.c_char_p),
    "atlas_member *": POINTER(ctypes.c_char_p),
    "atlas_config *": _library.ConfigHandle,
    "atlas_client *": _library.ClientHandle,
    "atlas_snapshot *": _library.SnapshotHandle,
    "atlas_snapshot_list *": _library.ListHandle,
    "atlas_log_fn": _library.LogFunction,
    "atlas_progress_fn": _library.ProgressFunction,
    "void *": ctypes.c_void_p,
}


def type_of(declaration: str, named: bool) -> Any:
    """The ctypes type of a parameter with its name, or of a result without."""
    words = re.findall(r"\w+|\*", declaration)
    words = [word for word in words if word not in ("const", "struct", "enum")]
    if named and len(words) > 1 and words[-1] != "*":
        words.pop()
    return TYPES[" ".join(words)]


def functions() -> Dict[str, Tuple[Any, List[Any]]]:
    """Result and parameters of each function."""
    found = {}
    for statement in re.split("[;{}]", CODE):
        prototype = re.fullmatch(r"\s*([^()]*?)\b(atlas_\w+)\s*\(([^()]*)\)\s*", statement)
        if prototype and "typedef" not in prototype[1]:
            types = [type_of(parameter, named=True) for parameter in prototype[3].split(",")]
            found[prototype[2]] = (type_of(prototype[1], named=False), [] if types == [None] else types)
    return found


FUNCTIONS = functions()
STRUCT = re.search(r"typedef struct atlas_snapshot_fields \{(.*?)\} atlas_snapshot_fields;", HEADER, re.DOTALL)[1]  # type: ignore[index]
IN_STRUCT = set(re.findall(r"`(atlas_\w+)\(\)`", STRUCT)) | {
    name for name in FUNCTIONS if re.match(r"atlas_snapshot_(link|member)_(?!count)", name)
}
"""The accessors whose results are in atlas_snapshot_fields."""
NOT_NEEDED = {
    "atlas_backup_runtime_version",  # Python splits text easily
    "atlas_snapshot_list_newest",  # SnapshotList.newest serves slices and pickled lists, and values that are new
}


def test_the_header_was_understood() -> None:
    names = set(re.findall(r"\b(atlas_\w+)\s*\(", re.sub(r"\(\s*\*\s*\w+\s*\)", "", CODE)))
    assert set(FUNCTIONS) == names
    assert len(FUNCTIONS) > 50


def test_every_function_is_declared_and_no_other() -> None:
    missing = [name for name in DOCUMENTED_TEXTS.values() if not hasattr(atlas_backup.Snapshot, name)]
    assert not missing, f"add {missing} to class Snapshot in bindings/python/src/atlas_backup/_snapshot.py"
    assert sorted(_library.DECLARED) == sorted(FUNCTIONS.keys() - IN_STRUCT - NOT_NEEDED)


# What is not declared fails one test, the one above.
DECLARED = sorted(FUNCTIONS.keys() & _library.DECLARED.keys())


@pytest.mark.parametrize("name", DECLARED)
def test_a_function_is_declared_with_its_types(name: str) -> None:
    result, parameters = FUNCTIONS[name]
    declared = _library.DECLARED[name]
    assert declared.restype is result
    assert list(declared.argtypes) == parameters


def members(declarations: str) -> Dict[str, Any]:
    """The members of a struct with their types."""
    found = {}
    for declaration in re.sub(r"/\*.*?\*/", " ", declarations, flags=re.DOTALL).split(";"):
        if declaration.strip():
            found[declaration.split()[-1].lstrip("*")] = type_of(declaration, named=True)
    return found


def test_the_struct_of_all_fields_is_that_of_the_header() -> None:
    assert list(_library.SnapshotFields._fields_) == list(members(STRUCT).items())
    assert len(IN_STRUCT) > 30 and IN_STRUCT < FUNCTIONS.keys()
    for row, name in ((atlas_backup.Link, "atlas_link"), (atlas_backup.Member, "atlas_member")):
        struct = re.search(rf"typedef struct {name} \{{(.*?)\}} {name};", HEADER, re.DOTALL)
        assert struct and members(struct[1]) == dict.fromkeys(row._fields, ctypes.c_char_p)


def test_a_callback_is_declared_with_its_types() -> None:
    found = re.findall(r"typedef\s+(\w+)\s*\(\*(\w+)\)\(([^()]*)\)", CODE)
    assert {name for _, name, _ in found} == {"atlas_log_fn", "atlas_progress_fn"}
    for result, name, parameters in found:
        assert TYPES[name]._restype_ is type_of(result, named=False)
        assert list(TYPES[name]._argtypes_) == [type_of(parameter, named=True) for parameter in parameters.split(",")]


def constants(pattern: str) -> Dict[str, int]:
    """Enumerators and macros whose name matches, by the part of it in parentheses."""
    found = re.findall(rf"\b{pattern}\s*(?:=\s*)?(-?\d+)u?\b", UNCOMMENTED)
    return {name: int(value) for name, value in found}


@pytest.mark.parametrize(
    ("enum", "prefix"),
    [
        (atlas_backup.Status, "ATLAS_STATUS_"),
        (atlas_backup.CloudProvider, "ATLAS_CLOUD_PROVIDER_"),
        (atlas_backup.FrequencyType, "ATLAS_FREQUENCY_"),
        (atlas_backup.SnapshotType, "ATLAS_SNAPSHOT_TYPE_"),
        (atlas_backup.ClusterType, "ATLAS_CLUSTER_TYPE_"),
    ],
)
def test_members_are_in_the_order_of_the_codes(enum: Any, prefix: str) -> None:
    codes = {member.name: code for code, member in enumerate(enum, start=1)}
    assert {"UNKNOWN": 0, **codes} == constants(f"{prefix}(\\w+)")


def test_numbers_are_those_of_the_header() -> None:
    kinds = constants(r"ATLAS_ERROR_((?!FLAG)\w+)")
    assert kinds == {kind.name: kind.value for kind in atlas_backup.ErrorKind}
    assert constants(r"ATLAS_ERROR_FLAG_(\w+)") == {
        "RETRYABLE": _library.ERROR_RETRYABLE,
        "TRUNCATED": _library.ERROR_TRUNCATED,
    }
    assert constants(r"ATLAS_(ENVELOPE|PRETTY)") == {"ENVELOPE": _library.ENVELOPE, "PRETTY": _library.PRETTY}
    assert re.search(r"#define ATLAS_ABSENT INT64_MIN\b", HEADER) and _library.ABSENT == -(2**63)


def test_package_header_and_library_have_one_version() -> None:
    version = re.search(r'#define ATLAS_BACKUP_VERSION_STRING "([^"]+)"', HEADER)
    assert version and version[1] == atlas_backup.__version__ == _library.lib.atlas_backup_version().decode()


def test_every_function_that_takes_a_handle_or_text_survives_null() -> None:
    for name in DECLARED:
        parameters = FUNCTIONS[name][1]
        result = _library.DECLARED[name](*[kind() for kind in parameters])
        if name.endswith("revoke_token"):
            assert result == atlas_backup.ErrorKind.INVALID_ARGUMENT
        elif name.endswith(("_ms", "_bytes", "_total_count")) and FUNCTIONS[name][0] is ctypes.c_int64:
            assert result == _library.ABSENT, name
        elif parameters and name != "atlas_error_kind_name":
            assert not result, name

"""The package finds the right library, and says what to do when it does not."""

from __future__ import annotations

import ctypes.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Optional

import pytest
from conftest import PACKAGE, REPOSITORY, run_python

import atlas_backup
from atlas_backup import _library

LIBRARY = Path(_library._blocking._name)
VERSION = "import atlas_backup._library as it; print(it._blocking._name, it.lib.atlas_backup_version().decode())"


def load(where: Optional[str], **environment: str) -> Any:
    return run_python("-c", VERSION, environment={"ATLAS_BACKUP_LIBRARY": where, **environment}, cwd="/")


def stand_in(folder: Path, name: str = "other.so", version: str = "0.2.0", size: int = 2048) -> Path:
    """A library that has but these two functions."""
    source = folder / "other.c"
    source.write_text(
        f'const char *atlas_backup_version(void) {{ return "{version}"; }}\n'
        f"unsigned long atlas_error_size(void) {{ return {size}; }}\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / name, source], check=True)
    return folder / name


def refused(result: Any, *words: str) -> None:
    assert result.returncode == 1
    error = result.stderr.decode()
    assert "ImportError" in error
    for word in words:
        assert word in error


def test_the_environment_names_the_library(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.so"
    elsewhere.symlink_to(LIBRARY.resolve())
    result = load(str(elsewhere))
    assert result.stdout.decode() == f"{elsewhere} {atlas_backup.__version__}\n", result.stderr.decode()
    relative = run_python("-c", VERSION, environment={"ATLAS_BACKUP_LIBRARY": "elsewhere.so"}, cwd=tmp_path)
    assert relative.stdout.decode().split()[0] == str(elsewhere), "a name without a slash is a path too"


@pytest.mark.parametrize("content", [None, b"", b"no library", "folder"])
def test_a_library_that_cannot_be_loaded_is_named_with_the_variable(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "lib.so"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    refused(load(str(path)), f"ATLAS_BACKUP_LIBRARY={path}", "Correct ATLAS_BACKUP_LIBRARY")
    if isinstance(content, bytes):
        refused(load(str(path)), ", which is no shared library")


@pytest.fixture
def copied(tmp_path: Path) -> Dict[str, str]:
    """The package somewhere else, with no library beside it."""
    shutil.copytree(PACKAGE, tmp_path / "site" / "atlas_backup", ignore=shutil.ignore_patterns("__pycache__", "*.so*"))
    return {"PYTHONPATH": str(tmp_path / "site"), "LD_LIBRARY_PATH": str(tmp_path / "system")}


def test_the_variable_may_name_the_systems_library(tmp_path: Path, copied: Dict[str, str]) -> None:
    refused(load("system", **copied), "ATLAS_BACKUP_LIBRARY=system: libatlas_backup.so.0: cannot open", "ldconfig")
    (tmp_path / "site" / "atlas_backup" / "libatlas_backup.so").symlink_to("/nowhere")
    installed = tmp_path / "system" / "libatlas_backup.so.0"
    installed.parent.mkdir()
    installed.symlink_to(LIBRARY.resolve())
    assert load("system", **copied).stdout.decode().split()[0] == "libatlas_backup.so.0"


def test_the_library_beside_the_package_comes_before_the_installed_one(tmp_path: Path, copied: Dict[str, str]) -> None:
    installed = tmp_path / "system" / "libatlas_backup.so.0"
    installed.parent.mkdir()
    installed.symlink_to(LIBRARY.resolve())
    for unset in (None, ""):
        result = load(unset, **copied)
        assert result.stdout.decode().split() == ["libatlas_backup.so.0", atlas_backup.__version__], (
            result.stderr.decode()
        )
    bundled = tmp_path / "site" / "atlas_backup" / "libatlas_backup.so"
    bundled.symlink_to(LIBRARY.resolve())
    assert load(None, **copied).stdout.decode().split()[0] == str(bundled)


def test_without_a_library_the_error_names_every_place_and_what_to_do(tmp_path: Path, copied: Dict[str, str]) -> None:
    refused(
        load(None, **copied),
        "ATLAS_BACKUP_LIBRARY is not set",
        str(tmp_path / "site" / "atlas_backup" / "libatlas_backup.so"),
        "libatlas_backup.so.0: cannot open shared object file",
        "make install",
        "pip install",
    )


@pytest.mark.parametrize("version", ["1.1.0", "2", ""])
def test_a_library_of_another_major_version_is_refused(tmp_path: Path, version: str) -> None:
    path = stand_in(tmp_path, version=version)
    refused(load(str(path)), str(path), f"libatlas_backup {version}", atlas_backup.__version__, "first numbers")


def test_a_library_with_another_atlas_error_is_refused(tmp_path: Path) -> None:
    refused(load(str(stand_in(tmp_path, size=2064))), "2064", "2048")


@pytest.mark.parametrize("version", ["0.0.9", "0.1.99", "0.3.0"])
def test_a_library_that_lacks_a_function_is_refused(tmp_path: Path, version: str) -> None:
    refused(load(str(stand_in(tmp_path, version=version))), "has no function atlas_", "older")


def test_a_library_that_is_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.c").write_text("int nothing;")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "other.so", tmp_path / "other.c"], check=True)
    for library in (str(tmp_path / "other.so"), ctypes.util.find_library("c") or "libc.so.6"):
        found = run_python("-c", f"import ctypes; ctypes.CDLL({library!r}); print(open('/proc/self/maps').read())")
        path = re.findall(rb"(/\S*%s)" % re.escape(os.path.basename(library).encode()), found.stdout)[0].decode()
        refused(load(path), f"{path} is not libatlas_backup", "has no function atlas_backup_version", "Correct ATLAS")


def test_the_package_has_the_version_of_the_crate() -> None:
    crate = (REPOSITORY / "Cargo.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{atlas_backup.__version__}"\n' in crate


def test_everything_public_is_exported_and_explained() -> None:
    for name in atlas_backup.__all__:
        value = getattr(atlas_backup, name)
        assert name == "__version__" or value.__doc__, name
    assert sorted(atlas_backup.__all__) == list(atlas_backup.__all__)
    assert (PACKAGE / "py.typed").exists()
    assert os.path.samefile(
        PACKAGE, REPOSITORY / "bindings" / "python" / "src" / "atlas_backup"
    ) or "site-packages" in str(PACKAGE)

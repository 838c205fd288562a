"""Wheels and sdists, built, installed and run in empty virtual environments. Slow: make test STEPS=wheel."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from conftest import REPOSITORY, Simulator

import atlas_backup
from atlas_backup import _library

pytestmark = pytest.mark.wheel

PROJECT = REPOSITORY / "bindings" / "python"
LIBRARY = str(Path(_library._blocking._name).resolve())
HERE = sysconfig.get_platform().replace("-", "_").replace(".", "_")
PACKAGE_FILES = {
    f"atlas_backup/{path.name}"
    for path in Path(atlas_backup.__file__).parent.iterdir()
    if path.suffix in (".py", ".typed")
}


def run(*command: Any, code: int = 0, **environment: Optional[str]) -> str:
    """Runs a command without this run's Python settings; returns what it printed."""
    changes: Dict[str, Optional[str]] = {"PYTHONPATH": None, "ATLAS_BACKUP_LIBRARY": None, **environment}
    merged = {name: value for name, value in {**os.environ, **changes}.items() if value is not None}
    result = subprocess.run(
        list(map(str, command)), env=merged, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    assert result.returncode == code, result.stdout
    return result.stdout


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with pip and hatchling, for builds without another download."""
    folder = tmp_path_factory.mktemp("tools")
    venv.create(folder, with_pip=True)
    try:
        run(folder / "bin" / "pip", "install", "--quiet", "hatchling>=1.27")
    except AssertionError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"wheels: pip cannot get hatchling: {str(problem).strip().splitlines()[-1]}")
    return folder / "bin"


def build(tools: Path, source: Any, folder: Path, code: int = 0, **environment: Optional[str]) -> str:
    return run(
        tools / "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        source,
        code=code,
        **environment,
    )


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Python in a virtual environment that has nothing else."""
    venv.create(tmp_path / "empty", with_pip=False)
    return tmp_path / "empty" / "bin" / "python"


def install(tools: Path, python: Path, *what: Any) -> None:
    """What `pip install` does in an environment without compiler, cargo or network."""
    run(tools / "python", "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", *what, PATH="/nowhere")


def works(python: Path, atlas: Simulator) -> None:
    """The installed package loads its own library and fetches a snapshot."""
    where = "import atlas_backup._library as it; print(it._blocking._name)"
    library = Path(run(python, "-c", where, PATH="/nowhere").strip())
    assert library.name == "libatlas_backup.so" and library.parent.name == "atlas_backup"
    fetches(python, atlas)


def fetches(python: Path, atlas: Simulator, **environment: str) -> None:
    """The package fetches a snapshot, run as a module and as a console script."""
    script = python.with_name("atlas-backup")
    for command, prefix in (((python, "-m", "atlas_backup"), "python -m atlas_backup"), ((script,), "atlas-backup")):
        assert f"usage: {prefix} [-h]" in run(*command, "--help", **environment)
        shown = run(*command, "get", atlas.project, atlas.cluster, atlas.snapshot, **environment)
        assert atlas.snapshot in shown and "completed" in shown
        said = run(*command, "get", atlas.project, "a_b", "c", code=11, **environment)
        assert said.startswith(f"{prefix.split()[-1]}: ")


def test_a_prebuilt_library_is_packed_and_runs_in_an_empty_environment(
    atlas: Simulator, tools: Path, tmp_path: Path, empty: Path
) -> None:
    build(tools, PROJECT, tmp_path, ATLAS_BACKUP_LIBRARY=LIBRARY, PATH="/usr/bin:/bin", CARGO="/nowhere/cargo")
    wheel = only(tmp_path, "*.whl")
    assert wheel.name == f"atlas_backup-{atlas_backup.__version__}-py3-none-{HERE}.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        packed = {name for name in names if ".dist-info/" not in name}
        assert packed == PACKAGE_FILES | {"atlas_backup/libatlas_backup.so"}
        assert archive.read("atlas_backup/libatlas_backup.so") == Path(LIBRARY).read_bytes()
        information = {name.rsplit("/", 1)[-1]: archive.read(name).decode() for name in names if ".dist-info/" in name}
    assert "Root-Is-Purelib: false" in information["WHEEL"]
    assert information["LICENSE"] == (REPOSITORY / "LICENSE").read_text()
    assert information["THIRD-PARTY-NOTICES"] == (REPOSITORY / "THIRD-PARTY-NOTICES").read_text()
    assert '"bomFormat": "CycloneDX"' in information["atlas-backup.cdx.json"]
    assert "\nRequires-Dist" not in information["METADATA"]
    install(tools, empty, wheel)
    works(empty, atlas)


def test_pip_builds_the_library_of_a_checkout_with_cargo(
    atlas: Simulator, tools: Path, tmp_path: Path, empty: Path
) -> None:
    build(tools, PROJECT, tmp_path)
    install(tools, empty, only(tmp_path, f"*-py3-none-{HERE}.whl"))
    works(empty, atlas)


def test_a_distributions_package_has_no_library_and_loads_the_systems(
    atlas: Simulator, tools: Path, tmp_path: Path, empty: Path
) -> None:
    build(tools, PROJECT, tmp_path, ATLAS_BACKUP_LIBRARY="system", PATH="/usr/bin:/bin", CARGO="/nowhere/cargo")
    wheel = only(tmp_path, "*.whl")
    assert wheel.name == f"atlas_backup-{atlas_backup.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if ".so" in name]
    install(tools, empty, wheel)
    run(empty, "-c", "import atlas_backup", code=1)
    (tmp_path / "libatlas_backup.so.0").symlink_to(LIBRARY)
    where = "import atlas_backup._library as it; print(it._blocking._name)"
    assert run(empty, "-c", where, LD_LIBRARY_PATH=str(tmp_path)) == "libatlas_backup.so.0\n"
    fetches(empty, atlas, LD_LIBRARY_PATH=str(tmp_path))


def test_the_environment_names_the_platform(tools: Path, tmp_path: Path) -> None:
    build(
        tools,
        PROJECT,
        tmp_path,
        ATLAS_BACKUP_LIBRARY=LIBRARY,
        ATLAS_BACKUP_WHEEL_PLATFORM="manylinux_2_17_x86_64",
    )
    assert only(tmp_path, "*.whl").name.endswith("-py3-none-manylinux_2_17_x86_64.whl")


def test_without_cargo_or_library_the_message_says_what_to_do(tools: Path, tmp_path: Path) -> None:
    said = build(tools, PROJECT, tmp_path, code=1, CARGO="/nowhere/cargo")
    assert "https://rustup.rs" in said and "ATLAS_BACKUP_LIBRARY" in said and "/nowhere/cargo" in said
    assert "Traceback" not in said
    said = build(tools, PROJECT, tmp_path, code=1, ATLAS_BACKUP_LIBRARY="/nowhere/lib.so")
    assert "ATLAS_BACKUP_LIBRARY=/nowhere/lib.so: there is no such file" in said and "Traceback" not in said
    assert not list(tmp_path.glob("*.whl"))


def test_an_sdist_has_what_a_wheel_is_built_from(atlas: Simulator, tools: Path, tmp_path: Path, empty: Path) -> None:
    script = "import sys, os; from hatchling import build; os.chdir(sys.argv[1]); print(build.build_sdist(sys.argv[2]))"
    run(tools / "python", "-c", script, PROJECT, tmp_path)
    with tarfile.open(only(tmp_path, "*.tar.gz")) as archive:
        names: List[str] = archive.getnames()
        assert len(names) == len(set(names)) and not [name for name in names if name.endswith(".so")]
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(tmp_path)
    source = only(tmp_path, "atlas_backup-*[0-9]")
    assert {"rust", "src", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE"} <= set(os.listdir(source))
    assert not (source / "rust" / "tests").exists()
    # From the sdist alone, with cargo.
    build(tools, source, tmp_path / "wheel")
    wheel = only(tmp_path / "wheel", "*.whl")
    assert wheel.stat().st_size < 4_000_000
    install(tools, empty, wheel)
    works(empty, atlas)


def test_an_editable_install_runs_sources_with_the_newest_library(
    atlas: Simulator, tools: Path
) -> None:
    link = PROJECT / "src" / "atlas_backup" / "libatlas_backup.so"
    before = os.readlink(link) if link.is_symlink() else None
    try:
        options = ("--no-deps", "--no-build-isolation", "--editable")
        run(tools / "pip", "install", *options, PROJECT, ATLAS_BACKUP_LIBRARY=LIBRARY)
        assert os.readlink(link) == LIBRARY
        works(tools / "python", atlas)
        assert str(PROJECT) in run(tools / "python", "-c", "import atlas_backup; print(atlas_backup.__file__)")
    finally:
        link.unlink(missing_ok=True)
        run(tools / "pip", "uninstall", "--yes", "atlas-backup")
        if before is not None:
            link.symlink_to(before)


def test_the_license_is_the_repositorys() -> None:
    assert (PROJECT / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()

"""Builds libatlas_backup with cargo and puts it into the wheel beside the package.

The Rust sources are those of the repository; in an sdist they are in the folder "rust", as `cargo package` packs them:
without the tests and the simulator, and with a Cargo.lock that is right for that.

Environment:
    ATLAS_BACKUP_LIBRARY         a library that was built already, to be packed instead of building one; or "system":
                                 none is packed, and the package loads the one that is installed, as distributions do it
    ATLAS_BACKUP_WHEEL_PLATFORM  the platform in the wheel's name, "manylinux_2_17_x86_64" say, if the library is more
                                 portable than this machine's
    CARGO                        the cargo to run
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Dict, List

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PACKED = HERE / "rust"
NAME = "libatlas_backup.so"
BILL = "atlas-backup.cdx.json"


class Problem(SystemExit):
    """Ends the build with a message and no traceback."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(["", *lines, ""]))


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    scratch: str = ""

    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        if self.target_name == "sdist":
            self._pack_sources(build_data)
        elif os.environ.get("ATLAS_BACKUP_LIBRARY") == "system":
            self.app.display_info("Packing no library: the package will load the one that is installed")
        elif self.target_name == "wheel":
            library = self._library()
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform()}"
            if version == "editable":
                # Python loads the package from the source tree, so the library has to be there; a link, so that it is
                # always the one that cargo built last.
                link = HERE / "src" / "atlas_backup" / NAME
                link.unlink(missing_ok=True)
                link.symlink_to(library)
            else:
                include = build_data["force_include"]
                include[str(library)] = f"atlas_backup/{NAME}"
                # Whoever gets the library gets the licences of what is inside it.
                root = PACKED if PACKED.exists() else REPOSITORY
                about = f"{self.build_config.builder.project_id}.dist-info"
                include[str(root / "THIRD-PARTY-NOTICES")] = f"{about}/licenses/THIRD-PARTY-NOTICES"
                include[str(root / "packaging" / BILL)] = f"{about}/sboms/{BILL}"

    def finalize(self, version: str, build_data: Dict[str, Any], artifact_path: str) -> None:
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _library(self) -> Path:
        """The library to pack: the one that the environment names, or a new one."""
        chosen = os.environ.get("ATLAS_BACKUP_LIBRARY")
        if chosen:
            library = Path(chosen).resolve()
            if not library.is_file():
                raise Problem(f"ATLAS_BACKUP_LIBRARY={chosen}: there is no such file to put into the wheel.")
            self.app.display_info(f"Packing {library}, which ATLAS_BACKUP_LIBRARY names")
            return library
        if PACKED.exists():
            # The files of an sdist are dated 2020, so cargo would take what it built of another sdist for theirs.
            os.utime(PACKED / "src" / "lib.rs")
        command = ["rustc", "--lib", "--release", "--locked", "--crate-type", "cdylib"]
        # As the Makefile has it: a smaller library at nearly the same speed.
        smaller = ["--", "-C", "llvm-args=-inline-threshold=50"]
        messages = _cargo(*command, "--message-format", "json-render-diagnostics", *smaller)
        for line in messages.splitlines():
            message = json.loads(line) if line.startswith("{") else {}
            if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "atlas_backup":
                for path in message["filenames"]:
                    if path.endswith(".so"):
                        return Path(path)
        raise Problem("cargo built no shared library on this system; this package is for Linux.")

    def _pack_sources(self, build_data: Dict[str, Any]) -> None:
        """Has cargo pack the crate, and puts it into the sdist."""
        if PACKED.exists():  # an sdist of an sdist
            return
        self.scratch = tempfile.mkdtemp()
        _cargo("package", "--quiet", "--no-verify", "--allow-dirty", "--locked", "--target-dir", self.scratch)
        (crate,) = Path(self.scratch, "package").glob("*.crate")
        shutil.unpack_archive(crate, self.scratch, "gztar", **_only_data())
        sources = Path(self.scratch, crate.name[: -len(".crate")])
        include = build_data["force_include"]
        include[str(sources)] = "rust"
        settings = REPOSITORY / ".cargo" / "config.toml"
        if settings.exists():
            include[str(settings)] = "rust/.cargo/config.toml"


def _cargo(*arguments: str) -> str:
    """Runs cargo on the Rust sources and returns what it prints."""
    root = PACKED if PACKED.exists() else REPOSITORY
    if not (root / "Cargo.toml").exists():
        raise Problem(
            f"The Rust sources of libatlas_backup are not in {root}. Install from a checkout of the whole repository",
            "with pip 21.3 or newer (pip install ./bindings/python), or from an sdist or a wheel.",
        )
    cargo = os.environ.get("CARGO") or "cargo"
    command: List[str] = [cargo, *arguments]
    try:
        result = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, encoding="utf-8")
    except OSError as problem:
        raise Problem(
            f"atlas-backup contains a library written in Rust, and cargo, which builds it, cannot be run: {problem}.",
            "Install Rust (https://rustup.rs), or install a wheel, which has the library inside; or set",
            "ATLAS_BACKUP_LIBRARY to the path of a libatlas_backup.so that was built already.",
        ) from None
    if result.returncode:
        raise Problem(f"{' '.join(command)} failed in {root}; the reason is above.")
    return result.stdout


def _only_data() -> Dict[str, Any]:
    """How to ask newer Pythons, which warn otherwise, not to unpack anything odd."""
    return {"filter": "data"} if hasattr(tarfile, "data_filter") and sys.version_info >= (3, 12) else {}


def _platform() -> str:
    platform = os.environ.get("ATLAS_BACKUP_WHEEL_PLATFORM") or sysconfig.get_platform()
    return platform.replace("-", "_").replace(".", "_")

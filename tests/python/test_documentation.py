"""What docstrings and README show is what happens: their examples run as they stand, against the simulator."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import textwrap
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from conftest import REPOSITORY, Simulator

import atlas_backup

MODULES = [importlib.import_module(f"atlas_backup.{it.name}") for it in pkgutil.iter_modules(atlas_backup.__path__)]
EXAMPLES = [
    test for module in MODULES for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples
]


def names(**more: Any) -> Dict[str, Any]:
    """What an example may use without importing it."""
    public = {name: getattr(atlas_backup, name) for name in atlas_backup.__all__}
    return {
        **public,
        "atlas_backup": atlas_backup,
        "datetime": datetime,
        "timedelta": timedelta,
        "timezone": timezone,
        **more,
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.name))
def test_the_examples_of_a_docstring_show_what_happens(atlas: Simulator, example: doctest.DocTest) -> None:
    with atlas.client(**atlas.service_account) as client:
        example.globs = names(client=client)
        problems: List[str] = []
        doctest.DocTestRunner().run(example, out=problems.append)
    assert not problems, "".join(problems)


def test_each_method_of_a_client_and_each_way_to_read_has_an_example() -> None:
    shown = {example.name for example in EXAMPLES}
    for cls, methods in (
        (atlas_backup.Client, ("get_snapshot", "list_snapshots", "wait_for_snapshot", "get_sharded_snapshot")),
        (atlas_backup.Snapshot, ("parse", "field", "to_dict")),
        (atlas_backup.SnapshotList, ("newest_first", "filter")),
    ):
        missing = [method for method in methods if f"{cls.__module__}.{cls.__name__}.{method}" not in shown]
        assert not missing, cls


def public() -> Iterator[Any]:
    """Each public class, function, method and property, with its name."""
    for name in atlas_backup.__all__:
        value = getattr(atlas_backup, name)
        yield name, value
        for attribute, member in vars(value).items() if isinstance(value, type) else ():
            if not attribute.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
                yield f"{name}.{attribute}", member


def test_everything_public_has_a_docstring() -> None:
    assert [name for name, value in public() if name != "__version__" and not inspect.getdoc(value)] == []


def blocks(file: Path) -> List[str]:
    return re.findall(r"```python\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL)


README = REPOSITORY / "bindings" / "python" / "README.md"
MODULE = textwrap.dedent(re.findall(r"\n\n(    import .*?)\n\n\S", atlas_backup.__doc__ or "", re.DOTALL)[0])


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        (blocks(REPOSITORY / "README.md"), "completed 2019-08-24 14:15:22+00:00 3221225472"),
        (blocks(README)[:1], "2019-08-24 14:15:22+00:00 3221225472"),
        (blocks(README), "2019-08-24 14:15:22+00:00 3221225472"),
        ([MODULE], "completed 2019-08-24 14:15:22+00:00 3221225472"),
    ],
    ids=["README", "README of the package, begin", "README of the package", "docstring of the package"],
)
def test_the_examples_run_as_they_stand(
    atlas: Simulator,
    source: List[str],
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make = atlas_backup.Client.__init__
    here = {"base_url": atlas.url, "ca_file": atlas.ca_file}
    monkeypatch.setattr(atlas_backup.Client, "__init__", lambda self, **settings: make(self, **here, **settings))
    space: Dict[str, Any] = {"project": atlas.project, "cluster": atlas.cluster}
    for block in source:
        for name, value in atlas.service_account.items():
            block = block.replace(f"mdb_sa_{'id' if name == 'client_id' else 'sk'}_…", value)
        exec(block, space)
    assert printed in capsys.readouterr().out

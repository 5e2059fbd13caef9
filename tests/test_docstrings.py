"""Examples in docstrings run, and give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import clusterx

PACKAGE = Path(clusterx.__file__).parent


def modules_with_examples() -> list[str]:
    files = (path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text("utf-8"))
    places = (file.relative_to(PACKAGE.parent).with_suffix("") for file in files)
    return sorted(".".join(place.parts).removesuffix(".__init__") for place in places)


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0, "the output above says which"


def test_no_public_name_loses_its_examples() -> None:
    """To a decorator, say, behind which doctest does not look."""
    finder = doctest.DocTestFinder(recurse=True)
    for name in clusterx.__all__:
        public = getattr(clusterx, name)
        if not callable(public) or ">>> " not in (public.__doc__ or ""):
            continue
        found = finder.find(import_module(public.__module__))
        assert any(test.name.endswith(f".{name}") and test.examples for test in found), name

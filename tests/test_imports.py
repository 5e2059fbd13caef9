"""Importing clusterx is light, and what it promises is there."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest

import clusterx

HEAVY = {"cupy", "torch", "dask", "numba", "matplotlib", "PIL", "typer", "rich", "pandas", "kneed"}


def loaded_by(statement):
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(child.stdout)}


def test_import_is_light():
    loaded = loaded_by("import clusterx")
    assert "clusterx" in loaded
    # scikit-learn imports pandas by itself where it is installed
    assert (loaded & HEAVY) <= loaded_by("import sklearn.base") & {"pandas"}


@pytest.mark.parametrize("module", ["metrics", "plotting", "selection"])
def test_modules_are_light(module):
    loaded = loaded_by(f"import clusterx; clusterx.{module}")
    # scikit-learn's own metrics import pandas and rich where they are installed
    assert (loaded & HEAVY) <= loaded_by("import sklearn.metrics") & {"pandas", "rich"}


def test_public_names_are_unique():
    assert len(set(clusterx.__all__)) == len(clusterx.__all__)


@pytest.mark.parametrize("name", clusterx.__all__)
def test_public_names_are_importable(name):
    assert getattr(clusterx, name) is not None
    assert name in dir(clusterx)


def test_type_checkers_read_the_annotations():
    # without the marker of PEP 561 all of clusterx is Any to them
    assert (files("clusterx") / "py.typed").is_file()

"""The lowest versions that pyproject.toml allows are those that `.ci/run --lowest` installs."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What the tests use; other extras need a GPU or are not for users.
EXTRAS = ("image", "plot", "tables", "test")
BOUND = re.compile(r"(?P<name>[\w-]+)>=(?P<version>[\d.]+)")
PIN = re.compile(r"^(?P<name>[\w-]+)==(?P<version>[\d.]+)$", re.MULTILINE)


def test_lowest_versions_are_those_that_are_run():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [one for name in EXTRAS for one in extras[name]]
    bounds = {m["name"]: m["version"] for one in wanted if (m := BOUND.fullmatch(one))}
    assert len(bounds) == sum("clusterx[" not in one for one in wanted)
    text, _, others = (ROOT / "tests/lowest.txt").read_text().partition("# not ours")
    assert dict(PIN.findall(text)) == bounds
    assert not set(dict(PIN.findall(others))) & set(bounds)

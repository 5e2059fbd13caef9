"""Imports point downwards, and what is private to a file stays there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import clusterx

PACKAGE = Path(clusterx.__file__).parent
#: Folders and files of the package from the ground up; those of one line do not import each other.
LAYERS = (
    ("properties", "files", "archive", "arithmetic"),
    ("arrays",),
    ("blocks",),
    ("kernels",),
    ("validation",),
    ("rows",),
    ("fitted",),
    ("checkpoints",),
    ("base",),
    ("neighbors",),
    ("centroid", "connectivity", "density", "metrics"),
    ("distribution", "graph", "neural"),
    ("selection",),
    ("image",),
    ("accel", "models", "page", "plotting"),
    ("cli",),
)
#: Families of kernels in the order in which they may use each other.
FAMILIES = (
    ("statistics",),
    ("runtime", "mixture"),
    ("reductions",),
    ("distances",),
    ("kmeans",),
    ("neighbors",),
    (
        "graphs",
        "reachability",
        "labels",
        "color",
        "dither",
        "feature_trees",
        "maps",
        "messages",
        "medians",
        "medoids",
    ),
    ("linkage",),
)
LEVELS = 7


@cache
def modules() -> dict[str, Path]:
    """Module names, from `clusterx` on, and their files."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ["clusterx", *path.relative_to(PACKAGE).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> tuple[tuple[str, str, bool], ...]:
    """What a module imports of the package: the module, the name, and whether it does at once."""
    path = modules()[module]
    tree = ast.parse(path.read_text())
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    typing = {
        id(n)
        for f in ast.walk(tree)
        if isinstance(f, ast.If) and "TYPE_CHECKING" in ast.unparse(f.test)
        for n in ast.walk(f)
    }
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or id(node) in typing:
            continue
        base = node.module or ""
        if node.level:
            up = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*up, *([node.module] if node.module else [])])
        if base.split(".")[0] != "clusterx":
            continue
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            target = whole if whole in modules() else base
            found.append((target, alias.name, id(node) not in inside))
    return tuple(found)


def rank(name: str, order: tuple[tuple[str, ...], ...]) -> int | None:
    return next((i for i, names in enumerate(order) if name in names), None)


def test_every_part_of_the_package_has_a_layer():
    parts = {m.split(".")[1] for m in modules() if m != "clusterx"}
    assert parts == {name for names in LAYERS for name in names}


def test_every_family_of_kernels_has_its_place():
    found = {m.split(".")[2] for m in modules() if m.startswith("clusterx.kernels.")}
    ground = {"cpu", "cuda", "compiling"}
    assert found - ground == {name for names in FAMILIES for name in names}


def test_imports_point_downwards():
    wrong = []
    for module in modules():
        here = module.split(".")[1] if "." in module else None
        for target, _, _ in imports(module):
            there = target.split(".")[1] if "." in target else None
            if here is None or there in (None, here):
                continue
            if rank(there, LAYERS) >= rank(here, LAYERS):  # type: ignore[operator]
                wrong.append(f"{module} -> {target}")
    assert wrong == []


def test_families_of_kernels_use_those_below_them():
    """And the ground, `cpu` and `cuda`, uses no family."""
    wrong = []
    for module in modules():
        parts = module.split(".")
        if parts[1:2] != ["kernels"] or len(parts) < 3:
            continue
        for target, _, _ in imports(module):
            there = target.split(".")
            if there[1:2] != ["kernels"] or len(there) < 3 or there[2] == parts[2]:
                continue
            mine, other = rank(parts[2], FAMILIES), rank(there[2], FAMILIES)
            ground = mine is None and other is not None and there[2] != "statistics"
            upward = mine is not None and other is not None and other >= mine
            if ground or upward:
                wrong.append(f"{module} -> {target}")
    assert wrong == []


def test_no_cycles_and_few_levels():
    levels: dict[str, int] = {}

    def level(module: str, path: tuple[str, ...] = ()) -> int:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in levels:
            used = {t for t, _, at_once in imports(module) if at_once and t != module}
            # a package is there before its modules are, and does not use them as they do it
            used -= {module.rpartition(".")[0], "clusterx"}
            levels[module] = 1 + max((level(t, (*path, module)) for t in used), default=0)
        return levels[module]

    for module in modules():
        level(module)
    kernels = {m for m in modules() if m.startswith("clusterx.kernels")}
    floor = max(levels[m] for m in ("clusterx.arrays", "clusterx.blocks"))
    assert max(levels[m] for m in kernels) - floor <= LEVELS


def test_what_is_private_to_a_file_stays_there():
    wrong = [
        f"{module}: {name} of {target}"
        for module in modules()
        for target, name, _ in imports(module)
        if name.startswith("_") and not name.startswith("__")
    ]
    assert wrong == []


def test_nothing_outside_rows_asks_which_rows_it_has():
    asks = re.compile(r"isinstance\(.*\b(Blocks|InMemory|DaskRows)\b")
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] != "rows"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if asks.search(line)
    ]
    assert found == []

"""The output of `fit`, `predict` and `elbow`: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..selection import SweepResult
from ..selection.result import CRITERIA

if TYPE_CHECKING:
    from .elbow import Choice
    from .fit import Run

#: most clusters shown in a table
_MOST_CLUSTERS = 50
#: width of a column of numbers, including its margin
_COLUMN = 12


def dumps(facts: dict[str, Any]) -> str:
    return json.dumps(facts, allow_nan=False)


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """A parameter as a value that JSON can hold."""
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


# -- fit -----------------------------------------------------------------------------------------


def fit_facts(run: Run, written: dict[str, str | None]) -> dict[str, Any]:
    """The result, for JSON; an undefined silhouette is null."""
    ids, centers = run.centers()
    sizes = [run.sizes[int(i)] for i in ids]
    names = run.rows.table.names
    inertia = getattr(run.model, "inertia_", None)
    return {
        "input": run.name,
        "output": written,
        "algorithm": type(run.model).__name__,
        "parameters": {name: _plain(value) for name, value in run.model.get_params().items()},
        "standardized": run.rows.scaler is not None,
        "rows": run.rows.n,
        "columns": list(names),
        "clusters": [
            {
                "cluster": int(i),
                "rows": int(size),
                "share": size / run.rows.n,
                "center": dict(zip(names, map(finite, center), strict=True)),
            }
            for i, size, center in zip(ids, sizes, centers, strict=True)
        ],
        "inertia": None if inertia is None else finite(inertia),
        "silhouette": finite(run.silhouette),
        "silhouette_rows": run.silhouette_rows,
        "iterations": getattr(run.model, "n_iter_", None),
        "seconds": {stage: round(t, 6) for stage, t in run.seconds.items()},
        "device": run.rows.backend,
    }


def fit_table(run: Run, written: dict[str, str | None], width: int) -> RenderableType:
    """The clusters with their sizes and centres, and what is worth knowing about the result."""
    facts = _facts()
    names = run.rows.table.names
    facts.add_row(
        "data",
        f"{escape(_source(run.name))}, {run.rows.n:,} rows, {_counted(len(names), 'column')}",
    )
    for what, name in written.items():
        if name is not None:
            facts.add_row(what, "stdout" if name == "-" else escape(name))
    facts.add_row("algorithm", escape(_algorithm(run)))
    inertia = getattr(run.model, "inertia_", None)
    if inertia is not None:
        scaled = ", of the standardised columns" if run.rows.scaler is not None else ""
        facts.add_row("inertia", f"{inertia:.6g}{scaled}")
    facts.add_row("silhouette", _silhouette(run.silhouette, run.silhouette_rows, run.rows.n))
    facts.add_row("seconds", _seconds(run.seconds))
    facts.add_row("backend", run.rows.backend)
    return Group(*_clusters(run, width), facts, "")


# -- predict -------------------------------------------------------------------------------------


def predict_facts(
    name: str, model: str, output: str, fitted: Any, sizes: Counter[int], seconds: dict[str, float]
) -> dict[str, Any]:
    """The result of the assignment, for JSON."""
    n = sizes.total()
    return {
        "input": name,
        "model": model,
        "algorithm": type(getattr(fitted, "steps", [("", fitted)])[-1][1]).__name__,
        "output": output,
        "rows": n,
        "clusters": [
            {"cluster": i, "rows": size, "share": size / n} for i, size in sorted(sizes.items())
        ],
        "seconds": {stage: round(t, 6) for stage, t in seconds.items()},
    }


def predict_table(facts: dict[str, Any]) -> RenderableType:
    """The number of rows in each cluster."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("cluster", "rows", "share"):
        table.add_column(column, justify="right")
    clusters = facts["clusters"]
    for found in clusters[:_MOST_CLUSTERS]:
        who = "noise" if found["cluster"] == -1 else str(found["cluster"])
        table.add_row(who, f"{found['rows']:,}", f"{found['share']:.1%}")
    shown = _facts()
    shown.add_row("data", f"{escape(_source(facts['input']))}, {facts['rows']:,} rows")
    shown.add_row("model", f"{escape(facts['model'])}, {facts['algorithm']}")
    shown.add_row("labels", "stdout" if facts["output"] == "-" else escape(facts["output"]))
    shown.add_row("seconds", _seconds(facts["seconds"]))
    rest = len(clusters) - _MOST_CLUSTERS
    more = [f"and {_counted(rest, 'cluster')} more"] if rest > 0 else []
    return Group(table, *more, "", shown, "")


def _algorithm(run: Run) -> str:
    text = " ".join(repr(run.model).split())
    iterations = getattr(run.model, "n_iter_", None)
    return text if iterations is None else f"{text}, {_counted(iterations, 'iteration')}"


def _clusters(run: Run, width: int) -> list[RenderableType]:
    ids, centers = run.centers()
    sizes = [run.sizes[int(i)] for i in ids]
    names = run.rows.table.names
    fitting = max(1, (width - 28) // _COLUMN)
    shown = names[:fitting]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cluster", justify="right")
    table.add_column("rows", justify="right")
    table.add_column("share", justify="right")
    for name in shown:
        table.add_column(escape(name), justify="right", max_width=_COLUMN + 4, overflow="ellipsis")
    for i, size, center in list(zip(ids, sizes, centers, strict=True))[:_MOST_CLUSTERS]:
        cells = [f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}" for value in center]
        who = "noise" if i == -1 else str(i)
        table.add_row(who, f"{size:,}", f"{size / run.rows.n:.1%}", *cells[: len(shown)])
    parts: list[RenderableType] = [table]
    if len(ids) > _MOST_CLUSTERS:
        parts.append(f"and {_counted(len(ids) - _MOST_CLUSTERS, 'cluster')} more")
    if len(names) > len(shown):
        parts.append(f"and {_counted(len(names) - len(shown), 'column')} more")
    return [*parts, ""]


# -- elbow ---------------------------------------------------------------------------------------


def sweep_facts(
    name: str, result: SweepResult, choices: list[Choice], seconds: dict[str, float]
) -> dict[str, Any]:
    """The sweep, for JSON; a score that has no value is null."""
    return {
        "input": name,
        "algorithm": type(result.estimators[0]).__name__,
        "rows": result.n_samples,
        "k": list(result.n_clusters),
        "scores": {score: [finite(v) for v in found] for score, found in result.scores.items()},
        "silhouette_rows": result.silhouette_samples,
        "best": {choice.criterion: choice.k for choice in choices},
        "fit_seconds": [round(float(t), 6) for t in result.fit_seconds],
        "seconds": {stage: round(t, 6) for stage, t in seconds.items()},
    }


def sweep_table(
    name: str, result: SweepResult, choices: list[Choice], seconds: dict[str, float], backend: str
) -> RenderableType:
    """The scores of each k, and the k that each criterion chooses."""
    marked = {(CRITERIA[choice.criterion][0], choice.k) for choice in choices}
    columns = [score for score in result.scores if score != "gap_error"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("k", *columns, "seconds"):
        table.add_column(column.replace("_", " "), justify="right", overflow="fold")
    for i, k in enumerate(result.n_clusters):
        scores = (((score, k) in marked, result.scores[score][i]) for score in columns)
        cells = [_score(value, best) for best, value in scores]
        table.add_row(str(k), *cells, f"{result.fit_seconds[i]:.3f}")
    facts = _facts()
    for k in sorted({choice.k for choice in choices if choice.k is not None}):
        who = ", ".join(choice.criterion for choice in choices if choice.k == k)
        facts.add_row(f"k = {k}", f"* by {who.replace('_', ' ')}")
    for choice in choices:
        if choice.k is None:
            facts.add_row(choice.criterion.replace("_", " "), escape(choice.note))
    facts.add_row("data", f"{escape(_source(name))}, {result.n_samples:,} rows")
    facts.add_row("algorithm", type(result.estimators[0]).__name__)
    drawn, n = result.silhouette_samples, result.n_samples
    if "silhouette" in result.scores and drawn < n:
        facts.add_row("silhouette", f"over {drawn:,} rows drawn out of {n:,}")
    facts.add_row("seconds", _seconds(seconds))
    facts.add_row("backend", backend)
    return Group(table, "", facts, "")


def _score(value: float, best: bool) -> Text:
    text = f"{value:.5g}" if math.isfinite(value) else "-"
    return Text(f"{text}*", style="bold") if best else Text(f"{text} ")


# -- both ----------------------------------------------------------------------------------------


def _facts() -> Table:
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    return facts


def _silhouette(value: float, drawn: int, n: int) -> str:
    if not math.isfinite(value):
        return "none: it needs two clusters, and fewer than rows"
    return f"{value:.4f}" + (f", over {drawn:,} rows drawn out of {n:,}" if drawn < n else "")


def _seconds(seconds: dict[str, float]) -> str:
    parts = ", ".join(f"{stage} {t:.3f}" for stage, t in seconds.items())
    return f"{parts}; {sum(seconds.values()):.3f} in all"


def _source(name: str) -> str:
    return "stdin" if name == "-" else name


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"

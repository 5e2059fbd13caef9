"""`clusterx report`: one page about the clusters in a table, to look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from ..image.device import describe, move
from ..page import Analysis, analyse, page
from ..page.analysis import Column
from ..page.columns import number_column, text_column
from . import report
from .clustering import TableRows, advice, rows_of
from .common import UsageError, check_outputs, reporting_errors, tell, timed, write_output
from .elbow import numbers, progress_bar
from .number_format import is_missing
from .options import DataArgument, Reading, Running, flat


@flat
def report_page(
    data: DataArgument,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT", help="The page to write, as .html.")
    ],
    span: Annotated[
        str,
        typer.Option("--k", "-k", metavar="K", help="Numbers of clusters: 2:10, 2,4,8 or 5."),
    ] = "2:10",
    most: Annotated[
        int,
        typer.Option("--rows", metavar="N", min=10, help="Of more rows, N are drawn at random."),
    ] = 20_000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")] = 0,
    *,
    reading: Reading,
    running: Running,
) -> None:
    """Write a page that shows columns, the number of clusters, models and what sets clusters apart.

    The page is one HTML file that needs no network. It follows dark and light, and can be printed.
    """
    notes = Console(stderr=True)
    seconds: dict[str, float] = {}
    with reporting_errors(notes, data, quiet=running.quiet):
        if not output.lower().endswith((".html", ".htm")):
            raise UsageError(f"--output {output}: a page is written as .html. Let the name end so.")
        ks = numbers(span)
        check_outputs(data, {"--output": output}, force=running.force)
        with timed(seconds, "read"):
            rows = rows_of(
                reading.source(data), standardize=reading.standardize, device="cpu", whole=True
            )
            X, values, table = _drawn(rows, most, seed)
        if ks[-1] > len(values):
            raise UsageError(f"--k goes up to {ks[-1]}, and {len(values)} rows of {data} are used.")
        with timed(seconds, "analyse"), progress_bar(notes, quiet=running.quiet) as bar:
            moved = move(X, running.device.value, from_file=True)
            found = analyse(
                moved, values, ks=list(ks), seed=seed, progress=bar, name=_title(data),
                rows=rows.n, drawn=len(values), names=rows.table.names,
                standardized=rows.scaler is not None, columns=tuple(_columns(rows, values, table)),
                notes=tuple(advice(rows)), backend=describe(moved),
            )  # fmt: skip
        with timed(seconds, "write"):
            write_output(output, page(found).encode(), force=running.force)
        if running.as_json:
            tell(Console(), report.dumps(_facts(data, output, found, seconds)))
        elif not running.quiet:
            tell(Console(), f"{output}: {found.k} clusters in {found.drawn:,} rows of {data}\n")


def _title(data: str) -> str:
    return "the table from stdin" if data == "-" else PurePath(data).name


def _drawn(rows: TableRows, most: int, seed: int) -> tuple[np.ndarray, np.ndarray, Any]:
    """The rows as clustered, the same rows in the file's units, and all columns of these rows."""
    n = rows.n
    places = np.arange(n)
    if n > most:
        places = np.sort(np.random.RandomState(seed).choice(n, most, replace=False))
    if rows.table.streamed:
        values = _from_pieces(rows, places)
        X = values if rows.scaler is None else rows.scaler.transform(values)
        return np.asarray(X), values, None
    values = np.asarray(rows.table.values)[places]
    whole = rows.table.whole
    table = whole.iloc[places] if hasattr(whole, "iloc") else None
    return np.asarray(rows.X)[places], values.astype(np.float64), table


def _from_pieces(rows: TableRows, places: np.ndarray) -> np.ndarray:
    found, a = [], 0
    for piece in rows.table.pieces():
        inside = places[(places >= a) & (places < a + len(piece))] - a
        found.append(np.asarray(piece)[inside].astype(np.float64))
        a += len(piece)
    return np.concatenate(found)


def _columns(rows: TableRows, values: np.ndarray, table: Any) -> list[Column]:
    """All columns of the file; those that are not clustered by are described from their text.

    Missing values of rows that were dropped count.
    """
    names, dropped = rows.table.names, rows.table.dropped
    own = {name: number_column(name, values[:, i], used=True) for i, name in enumerate(names)}
    if table is None:
        return list(own.values())
    found = []
    for name in table.columns:
        column = own.get(str(name)) or _other(str(name), table[name].tolist())
        gaps = 0 if dropped is None else len(dropped) - len(_present(dropped[name].tolist()))
        found.append(replace(column, missing=column.missing + gaps))
    return found


def _present(given: list) -> list:
    return [v for v in given if v is not None and v == v and not is_missing(str(v))]


def _other(name: str, given: list) -> Column:
    texts = _present(given)
    missing = len(given) - len(texts)
    try:
        found = number_column(name, np.array(texts, np.float64), used=False, missing=missing)
    except (TypeError, ValueError):
        return text_column(name, texts, missing)
    return found if texts else replace(found, kind="empty")


def _facts(data: str, output: str, found: Analysis, seconds: dict[str, float]) -> dict[str, Any]:
    """The content of the page, for JSON."""
    return {
        "input": data,
        "output": output,
        "rows": found.rows,
        "drawn": found.drawn,
        "columns": list(found.names),
        "k": found.k,
        "choices": found.choices,
        "silhouette": report.finite(found.silhouette),
        "models": [
            {
                "model": model.name,
                "clusters": model.clusters,
                "silhouette": report.finite(model.silhouette),
                "seconds": report.finite(model.seconds),
            }
            for model in found.models
        ],
        "seconds": {stage: round(t, 6) for stage, t in seconds.items()},
    }

"""`clusterx elbow`: how many clusters are there?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from ..selection import SweepResult, sweep
from ..selection.result import CRITERIA
from ..selection.sweep import METRICS
from . import report
from .clustering import (
    advise,
    algorithm,
    check_plot,
    clusters_parameter,
    estimator,
    fitting,
    picture,
    rows_of,
)
from .common import UsageError, check_outputs, reporting_errors, require, tell, timed, write_output
from .options import Algorithm, DataArgument, Reading, Running, flat


class Choice(NamedTuple):
    """The k that a criterion chooses, or why it chooses none."""

    criterion: str
    k: int | None
    note: str = ""


@flat
def elbow(
    data: DataArgument,
    span: Annotated[
        str,
        typer.Option(
            "--k", "-k", metavar="K", help="2:10 is 2 to 10, 2:20:3 every third, 2,4,8 a list."
        ),
    ] = "2:10",
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help=f"Scores, with commas between: {', '.join(METRICS)}; or all."
        ),
    ] = None,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Picture of the scores.")
    ] = None,
    *,
    chosen: Algorithm,
    reading: Reading,
    running: Running,
) -> None:
    """Cluster with several numbers of clusters, and show which one fits the data."""
    notes = Console(stderr=True)
    seconds: dict[str, float] = {}
    quiet, seed = running.quiet, chosen.seed
    with reporting_errors(notes, data, quiet=quiet):
        ks, model = numbers(span), _estimator(chosen.name, chosen.params, seed)
        check_plot(plot)
        check_outputs(data, {"--plot": plot}, force=running.force)
        wanted = _metrics(metrics, model)
        if wanted is None or {"inertia", "gap"} & set(wanted):  # the gap gives inertia, too
            require("kneed", "kneed", "plot", "The elbow")
        source = reading.source(data)
        with timed(seconds, "read"):
            rows = rows_of(source, standardize=reading.standardize, device=running.device.value)
        if not quiet:
            advise(rows, notes)
        if ks[-1] > rows.n:
            raise UsageError(f"--k goes up to {ks[-1]}, and {data} has {rows.n} rows.")
        with timed(seconds, "sweep"), fitting(model), progress_bar(notes, quiet=quiet) as bar:
            result = sweep(model, rows.X, ks, metrics=wanted, random_state=seed, progress=bar)
        choices = _choices(result)
        if plot is not None:
            with timed(seconds, "plot"):
                write_output(plot, _curves(result, choices, plot), force=running.force)
        shown = Console()
        if running.as_json:
            tell(shown, report.dumps(report.sweep_facts(data, result, choices, seconds)))
        elif not quiet:
            tell(shown, report.sweep_table(data, result, choices, seconds, rows.backend))


@contextmanager
def progress_bar(notes: Console, *, quiet: bool) -> Iterator[Callable[[int, int], None] | bool]:
    """A callback that shows the progress of a sweep on the terminal."""
    if quiet or not notes.is_terminal:
        yield False
        return
    moving = Progress(console=notes, transient=True, redirect_stdout=False, redirect_stderr=False)
    with moving as bar:
        task = bar.add_task("Fitting", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def numbers(span: str) -> Sequence[int]:
    """The numbers of clusters that --k names; a span includes both ends."""
    text = span.replace(" ", "")
    wrong = UsageError(f"--k {span}: is not of the form 2:10, 2:20:3 or 2,4,8, from 1 on.")
    if re.fullmatch(r"\d{1,18}:\d{1,18}(:\d{1,18})?", text):
        first, last, *step = map(int, text.split(":"))
        if first < 1 or last < first or step == [0]:
            raise wrong
        return range(first, last + 1, *step)  # not a list: it may be very long
    if not re.fullmatch(r"\d{1,18}(,\d{1,18})*", text):
        raise wrong
    found = sorted(set(map(int, text.split(","))))
    if found[0] < 1:
        raise wrong
    return found


def _estimator(name: str, params: list[str] | None, seed: int) -> Any:
    parameter = clusters_parameter(name)
    if parameter is None:
        raise UsageError(
            f"--algorithm: {algorithm(name).__name__} finds the number of clusters by itself. "
            "Use clusterx fit."
        )
    model = estimator(name, params, seed=seed)
    if any(param.partition("=")[0].strip() == parameter for param in params or ()):
        raise UsageError(f"--param: {parameter} is what --k goes through. Leave it out.")
    return model


def _metrics(text: str | None, model: Any) -> tuple[str, ...] | None:
    if text is None:
        return None
    if text.strip() == "all":
        return tuple(m for m in METRICS if m not in ("bic", "aic") or hasattr(model, m))
    names = tuple(m.strip().replace("-", "_") for m in text.split(",") if m.strip())
    for name in names:
        if name not in METRICS:
            raise UsageError(f"--metrics: there is no {name!r}. Choose from {', '.join(METRICS)}.")
    if not names:
        raise UsageError(f"--metrics: is empty. Choose from {', '.join(METRICS)}.")
    return names


def _choices(result: SweepResult) -> list[Choice]:
    """The choice of each criterion whose score was computed."""
    found = []
    for criterion, (score, _) in CRITERIA.items():
        if score not in result.scores:
            continue
        try:
            found.append(Choice(criterion, result.best(criterion)))
        except ValueError as error:
            found.append(Choice(criterion, None, str(error)))
    return found


def _curves(result: SweepResult, choices: list[Choice], plot: str) -> memoryview:
    """A plot of the elbow, the silhouette, or both side by side, whichever was computed."""
    import matplotlib.pyplot as plt

    from ..plotting import ElbowDisplay, SilhouetteSweepDisplay

    best = {choice.criterion: choice.k for choice in choices}
    drawn = [
        name
        for name in ("inertia", "silhouette")
        if name in result.scores and np.isfinite(result.scores[name]).any()
    ]
    if not drawn:
        raise UsageError(
            "--plot draws inertia and silhouette, and there is none: add one of them to --metrics. "
            "A silhouette needs two clusters, and fewer than rows."
        )
    figure, axes = plt.subplots(
        1, len(drawn), figsize=(6 * len(drawn), 4), layout="constrained", squeeze=False
    )
    for name, ax in zip(drawn, axes[0], strict=True):
        ks, values = result.n_clusters, result.scores[name]
        kind = type(result.estimators[0]).__name__
        if name == "inertia":
            ElbowDisplay.from_predictions(ks, values, best=best["elbow"], name=kind, ax=ax)
        else:
            SilhouetteSweepDisplay.from_predictions(ks, values, name=kind, ax=ax)
    return picture(figure, plot)

"""`clusterx fit`: cluster the rows of a file."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from sklearn.utils.validation import has_fit_parameter

from ..arrays import to_host
from ..models import model_bytes
from ..rows.progress import watched
from ..selection.scores import Data, drawn_rows, silhouette_of
from . import report
from .clustering import (
    TableRows,
    advise,
    algorithm,
    check_plot,
    choose_eps,
    clusters_parameter,
    estimator,
    fitting,
    picture,
    rows_of,
    sampled_start,
)
from .common import UsageError, check_outputs, echo, reporting_errors, tell, timed, write_output
from .labels import Labels, Part, check_output, count, labels_aside, part_of, parts_of
from .options import Algorithm, DataArgument, Reading, Running, column_names, flat
from .progress import passes_shown
from .tables import TOO_LARGE

#: most rows for the silhouette; of more, this many are drawn at random
SILHOUETTE_ROWS = 10_000
_PICKLES = (".pkl", ".pickle", ".joblib")


class PlotKind(StrEnum):
    """What --plot draws."""

    SCATTER = "scatter"
    DENDROGRAM = "dendrogram"


@dataclass(frozen=True)
class Writing:
    """The files to write about a fitted model."""

    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The cluster of each row, as .csv, .tsv, .parquet or .npy; - is CSV on stdout.",
        ),
    ] = None
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Write all columns of DATA beside the clusters.")
    ] = False
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Write the probability of each cluster, too."),
    ] = False
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="FILE",
            help="The fitted model, for `clusterx predict` and clusterx.load_model.",
        ),
    ] = None
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Picture of the clusters.")
    ] = None
    plot_kind: Annotated[
        PlotKind,
        typer.Option("--plot-kind", help="The rows by cluster, or the tree of a hierarchy."),
    ] = PlotKind.SCATTER
    plot_columns: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Axes of the picture; principal components by default."),
    ] = None

    def check(self, data: str, *, drop_missing: bool, force: bool) -> None:
        """Refuse outputs that can't be written, before anything is computed."""
        check_output(self.output, with_data=self.with_data, drop_missing=drop_missing)
        if self.model is not None and self.model.lower().endswith(_PICKLES):
            raise UsageError(
                f"--model {self.model}: models are written in files of their own, which run no "
                "code when they are read, and not as pickles. Let the name end in .clusterx, and "
                "read the file by clusterx.load_model."
            )
        check_plot(self.plot)
        named = {"-o": self.output, "--model": self.model, "--plot": self.plot}
        check_outputs(data, named, force=force)

    def write(self, run: Run, axes: tuple[str, ...] | None, *, force: bool) -> None:
        with timed(run.seconds, "write"):
            if self.output is not None:
                parts = run.parts(probabilities=self.probabilities)
                Labels(run.name, run.rows.table, parts).write(self.output, force=force)
            if self.model is not None:
                write_output(self.model, model_bytes(run.saved()), force=force)
            if self.plot is not None:
                tree = self.plot_kind is PlotKind.DENDROGRAM
                drawn = _tree(run, self.plot) if tree else _scatter(run, self.plot, axes)
                write_output(self.plot, drawn, force=force)


@flat
def fit(
    data: DataArgument,
    clusters: Annotated[
        int | None, typer.Option("--clusters", "-k", metavar="K", min=1, help="How many clusters.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", "-w", metavar="COLUMN", help="Weight of each row."),
    ] = None,
    *,
    chosen: Algorithm,
    reading: Reading,
    writing: Writing,
    running: Running,
) -> None:
    """Cluster the rows of a table; write the cluster of each, the model, a picture."""
    notes = Console(stderr=True)
    with reporting_errors(notes, data, quiet=running.quiet):
        if writing.output == "-" and running.as_json:
            raise UsageError("--json and -o - would both write to stdout. Write to a file.")
        writing.check(data, drop_missing=reading.drop_missing, force=running.force)
        source = reading.source(data)
        axes = _plot_columns(writing.plot, writing.plot_columns)
        model = _estimator(chosen, clusters)
        _check_abilities(model, weights, writing)
        seconds: dict[str, float] = {}
        with timed(seconds, "read"):
            rows = rows_of(
                source,
                standardize=reading.standardize,
                device=running.device.value,
                whole=writing.with_data,
                weights=weights,
            )
        if writing.plot is not None and rows.table.streamed:
            raise UsageError(f"--plot: {data} {TOO_LARGE} Draw a sample of the rows.")
        choose_eps(model, rows, notes, quiet=running.quiet)
        _note_default(model, chosen, clusters, notes, quiet=running.quiet)
        with ExitStack() as until_written:
            aside = None
            if rows.table.streamed:
                aside = until_written.enter_context(labels_aside(writing.output))
            quiet, seed = running.quiet, chosen.seed
            start = sampled_start(model, rows, seed, notes, quiet=quiet)
            with passes_shown(notes, type(model).__name__, quiet=quiet), start:
                run = Run.of(source.name, model, rows, seconds, seed=seed, aside=aside)
            if not running.quiet:
                advise(run.rows, notes)
            if axes is not None:
                _check_axes(axes, run.rows.table.names)
            with passes_shown(notes, "writing", quiet=running.quiet):
                writing.write(run, axes, force=running.force)
            written = {"labels": writing.output, "model": writing.model, "plot": writing.plot}
            _tell(run, written, running)


def _tell(run: Run, written: dict[str, str | None], running: Running) -> None:
    shown = Console(stderr=written["labels"] == "-")
    if running.as_json:
        tell(shown, report.dumps(report.fit_facts(run, written)))
    elif not running.quiet:
        tell(shown, report.fit_table(run, written, shown.width))


@dataclass(eq=False)
class Run:
    """A fitted model and the facts that are reported about it."""

    name: str
    rows: TableRows
    model: Any
    labels: np.ndarray
    silhouette: float
    silhouette_rows: int
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sizes: Counter[int] = Counter()
        for part in parts_of(self.labels):
            count(self.sizes, part)

    @classmethod
    def of(
        cls,
        name: str,
        model: Any,
        rows: TableRows,
        seconds: dict[str, float],
        *,
        seed: int,
        aside: Path | None = None,
    ) -> Run:
        """Fit the model; labels go to the file `aside`, if there is one."""
        with timed(seconds, "fit"), fitting(model):
            labels = _fitted_labels(model, rows, aside)
        with timed(seconds, "silhouette"):
            # rows in blocks were checked as they were read
            known = rows.X, rows.X, rows.X, None, None
            data = Data(*known) if rows.table.streamed else Data.of(model, rows.X, None)
            rng = np.random.RandomState(seed)
            sample = drawn_rows(model, data, ("silhouette",), SILHOUETTE_ROWS, rng)
            found = silhouette_of(model, data, labels, to_host(labels), sample)
        drawn = rows.n if sample is None else len(sample.rows)
        host = labels if isinstance(labels, np.memmap) else to_host(labels)
        return cls(name, rows, model, host, found, drawn, seconds)

    def parts(self, *, probabilities: bool) -> Iterator[Part]:
        """The labels of all rows, beside the probabilities of their clusters if these are wanted.

        They come at once for rows in memory, and some at a time for others.
        """
        rows, a = self.rows, 0
        if not probabilities:
            streamed = rows.table.streamed
            found = parts_of(self.labels)
            for part in watched(found, rows.n) if streamed else found:
                yield part, None
            return
        predict_proba = self.model.predict_proba
        if rows.table.streamed:
            several = rows.X.labels_by_parts(predict_proba)
        else:
            several = iter([to_host(predict_proba(rows.X))])
        for shares in several:
            b = a + len(shares)
            yield part_of(self.labels, a, b), shares
            a = b

    def saved(self) -> Any:
        """The model, with its scaler if any, which predicts for rows in the units of the file."""
        model = self.model
        if self.rows.table.streamed and hasattr(model, "labels_"):
            model = copy.copy(model)
            del model.labels_  # they may be more than memory holds
        if self.rows.scaler is None:
            return model
        from sklearn.pipeline import make_pipeline

        return make_pipeline(self.rows.scaler, model)

    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the clusters, and their centres in the units of the file."""
        fitted = getattr(self.model, "cluster_centers_", None)
        if fitted is None:
            ids = np.array(sorted(self.sizes))
            return ids, self.rows.means(lambda a, b: part_of(self.labels, a, b), self.sizes)
        fitted = self.rows.original(to_host(fitted).astype(np.float64))
        return np.arange(len(fitted)), fitted


def _fitted_labels(model: Any, rows: TableRows, aside: Path | None) -> Any:
    """Fit the model, and return the labels: in the file `aside`, if the model can write one."""
    weights = {} if rows.weights is None else {"sample_weight": rows.weights}
    if aside is None:
        model.fit(rows.X, **weights)
        labels = getattr(model, "labels_", None)
        return model.predict(rows.X) if labels is None else labels
    if has_fit_parameter(model, "labels_out"):
        model.fit(rows.X, labels_out=aside)
        return model.labels_
    model.fit(rows.X)
    labels = getattr(model, "labels_", None)
    return model.predict(rows.X, labels_out=aside) if labels is None else labels


def _estimator(chosen: Algorithm, clusters: int | None) -> Any:
    name = chosen.name
    parameter = clusters_parameter(name)
    if clusters is None:
        return estimator(name, chosen.params, seed=chosen.seed)
    if parameter is None:
        raise UsageError(
            f"--clusters: {algorithm(name).__name__} finds the number of clusters by itself. Leave "
            "the option out."
        )
    return estimator(name, chosen.params, seed=chosen.seed, **{parameter: clusters})


def _note_default(
    model: Any, chosen: Algorithm, clusters: int | None, notes: Console, *, quiet: bool
) -> None:
    """Say how many clusters there will be only because nobody said how many."""
    parameter = clusters_parameter(chosen.name)
    given = any(text.startswith(f"{parameter}=") for text in chosen.params or ())
    if quiet or clusters is not None or parameter is None or given:
        return
    k = getattr(model, parameter)
    if k is not None:
        echo(
            notes,
            f"clusterx: without -k, {type(model).__name__} makes {k} cluster{'s' * (k > 1)}. "
            "`clusterx elbow` shows which number fits the data.",
        )


def _check_abilities(model: Any, weights: str | None, writing: Writing) -> None:
    """Refuse options that the algorithm doesn't support, before anything is read."""
    kind = type(model).__name__
    if weights is not None and not has_fit_parameter(model, "sample_weight"):
        raise UsageError(f"--weights: {kind} takes none. Leave the option out.")
    _check_kind(type(model), writing)
    if not writing.probabilities:
        return
    if not hasattr(model, "predict_proba"):
        raise UsageError(
            f"--probabilities: {kind} has none. Use a mixture, such as -a gaussian-mixture."
        )
    if writing.output is None or writing.output.lower().endswith(".npy"):
        raise UsageError("--probabilities: says what -o writes; add -o OUT.csv or OUT.parquet.")


def _check_kind(kind: type, writing: Writing) -> None:
    if writing.plot_kind is PlotKind.SCATTER:
        return
    if writing.plot is None:
        raise UsageError("--plot-kind: says what --plot draws; add --plot FILE.")
    if writing.plot_columns is not None:
        raise UsageError("--plot-columns: a dendrogram has no such axes. Leave the option out.")
    merging = any("children_" in vars(base).get("__annotations__", {}) for base in kind.__mro__)
    if not (merging or hasattr(kind, "linkage_matrix_")):
        raise UsageError(
            f"--plot-kind dendrogram: {kind.__name__} builds no tree of merges. Use a hierarchy, "
            "such as -a agglomerative."
        )


# -- the picture ---------------------------------------------------------------------------------


def _plot_columns(plot: str | None, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    if plot is None:
        raise UsageError("--plot-columns: says what --plot draws; add --plot FILE.")
    names = column_names([text])
    if names is None or len(names) != 2:
        raise UsageError(f"--plot-columns {text}: two columns are wanted, as age,income.")
    return names


def _check_axes(axes: tuple[str, ...], names: tuple[str, ...]) -> None:
    for name in axes:
        if name not in names:
            raise UsageError(
                f"--plot-columns: {name!r} is none of the columns that were clustered: "
                f"{', '.join(names[:20])}."
            )


def _tree(run: Run, plot: str) -> memoryview:
    """The tree of merges."""
    from ..plotting import DendrogramDisplay

    with fitting(run.model):
        return picture(DendrogramDisplay.from_estimator(run.model).figure_, plot)


def _scatter(run: Run, plot: str, axes: tuple[str, ...] | None) -> memoryview:
    """A plot of the rows, coloured by cluster: two columns in their units, or principal axes."""
    from ..plotting import ClusterScatterDisplay

    kind, names, values = type(run.model).__name__, run.rows.table.names, run.rows.table.values
    if axes is None and len(names) > 2:
        # components of the rows as clustered, or columns of large numbers would dominate
        shown = ClusterScatterDisplay.from_estimator(run.model, run.rows.X, name=kind)
        return picture(shown.figure_, plot)
    ids, centers = run.centers()
    shown = ClusterScatterDisplay.from_predictions(
        values,
        run.labels,
        centers=centers if np.array_equal(ids, np.arange(len(centers))) else None,
        features=axes and [names.index(name) for name in axes],
        name=kind,
    )
    return picture(shown.figure_, plot)

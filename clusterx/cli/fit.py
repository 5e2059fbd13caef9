"""`clusterx fit`: cluster the rows of a file."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from ..arrays import to_host
from ..selection.scores import Data, Fit, drawn_rows
from . import report
from .clustering import (
    AlgorithmOption,
    ArrayOption,
    ColumnsOption,
    DataArgument,
    DecimalOption,
    DelimiterOption,
    DeviceOption,
    DropMissingOption,
    EncodingOption,
    ForceOption,
    HeaderOption,
    ParamOption,
    QuietOption,
    Rows,
    SeedOption,
    StandardizeOption,
    ThousandsOption,
    advise,
    algorithm,
    check_plot,
    clusters_parameter,
    column_names,
    estimator,
    fitting,
    picture,
    rows_of,
)
from .common import Device, UsageError, check_outputs, need, put, tell, timed, told
from .source import Source

#: of more rows, so many are drawn for the silhouette
SILHOUETTE_ROWS = 10_000
_ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".npy")


def fit(
    data: DataArgument,
    name: AlgorithmOption = "kmeans",
    clusters: Annotated[
        int | None, typer.Option("--clusters", "-k", metavar="K", min=1, help="How many clusters.")
    ] = None,
    params: ParamOption = None,
    columns: ColumnsOption = None,
    standardize: StandardizeOption = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The cluster of each row, as .csv, .tsv, .parquet or .npy; - is CSV on stdout.",
        ),
    ] = None,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Write all columns of DATA beside the clusters.")
    ] = False,
    model_file: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="FILE", help="Pickle of the fitted model."),
    ] = None,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Picture of the clusters.")
    ] = None,
    plot_columns: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Axes of the picture; principal components by default."),
    ] = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    thousands: ThousandsOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = None,
    drop_missing: DropMissingOption = False,
    array: ArrayOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.AUTO,
    force: ForceOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of the table.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Cluster the rows of a table; write the cluster of each, the model, a picture."""
    notes = Console(stderr=True)
    with told(notes, data, quiet=quiet):
        if output == "-" and as_json:
            raise UsageError("--json and -o - would both write to stdout. Write to a file.")
        _check_output(output, with_data, drop_missing)
        check_plot(plot)
        check_outputs(data, {"-o": output, "--model": model_file, "--plot": plot}, force=force)
        source = Source(
            data,
            column_names(columns),
            delimiter=delimiter,
            header=header,
            array=array,
            decimal=decimal,
            thousands=thousands,
            encoding=encoding,
            drop_missing=drop_missing,
        )
        axes = _plot_columns(plot, plot_columns)
        model = _estimator(name, params, clusters, seed)
        run = Run.of(source, model, standardize, device.value, whole=with_data, seed=seed)
        if not quiet:
            advise(run.rows, notes)
        if axes is not None:
            _check_axes(axes, run.rows.table.names)
        with timed(run.seconds, "write"):
            if output is not None:
                put(output, _labels_file(output, run), force=force)
            if model_file is not None:
                put(model_file, pickle.dumps(run.saved()), force=force)
            if plot is not None:
                put(plot, _scatter(run, plot, axes), force=force)
        written = {"labels": output, "model": model_file, "plot": plot}
        shown = Console(stderr=output == "-")
        if as_json:
            tell(shown, report.dumps(report.fit_facts(run, written)))
        elif not quiet:
            tell(shown, report.fit_table(run, written, shown.width))


@dataclass(eq=False)
class Run:
    """A fitted model and what is told of it."""

    name: str
    rows: Rows
    model: Any
    labels: np.ndarray
    silhouette: float
    silhouette_rows: int
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, source: Source, model: Any, standardize: bool, device: str, *, whole: bool, seed: int
    ) -> Run:
        seconds: dict[str, float] = {}
        with timed(seconds, "read"):
            rows = rows_of(source, standardize=standardize, device=device, whole=whole)
        with timed(seconds, "fit"), fitting(model):
            model.fit(rows.X)
        with timed(seconds, "silhouette"):
            data = Data.of(model, rows.X, None)
            rng = np.random.RandomState(seed)
            sample = drawn_rows(model, data, ("silhouette",), SILHOUETTE_ROWS, rng)
            found = Fit.of(model, data, ("silhouette",), sample)
        drawn = rows.n if sample is None else len(sample.rows)
        labels = to_host(found.labels)
        return cls(source.name, rows, model, labels, found.scores["silhouette"], drawn, seconds)

    def saved(self) -> Any:
        """The model that predicts for rows as they are in the file."""
        if self.rows.scaler is None:
            return self.model
        from sklearn.pipeline import make_pipeline

        return make_pipeline(self.rows.scaler, self.model)

    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the clusters, and their centres in the units of the file."""
        ids = np.unique(self.labels)
        fitted = getattr(self.model, "cluster_centers_", None)
        if fitted is None:
            return ids, self.rows.means(self.labels, ids)
        fitted = self.rows.original(to_host(fitted).astype(np.float64))
        return np.arange(len(fitted)), fitted


def _estimator(name: str, params: list[str] | None, clusters: int | None, seed: int) -> Any:
    parameter = clusters_parameter(name)
    if clusters is None:
        return estimator(name, params, seed=seed)
    if parameter is None:
        raise UsageError(
            f"--clusters: {algorithm(name).__name__} finds the number of clusters by itself. Leave "
            "the option out."
        )
    return estimator(name, params, seed=seed, **{parameter: clusters})


# -- files ---------------------------------------------------------------------------------------


def _check_output(output: str | None, with_data: bool, drop_missing: bool) -> None:
    if output is None or output == "-":
        if with_data and output is None:
            raise UsageError("--with-data: says what -o writes; add -o OUT.")
        return
    if not output.lower().endswith(_ENDINGS):
        raise UsageError(
            f"-o {output}: clusters are written as {', '.join(_ENDINGS)}. Let the name end so."
        )
    if output.lower().endswith(".npy"):
        if with_data:
            raise UsageError(f"--with-data: {output} holds one array. Write .csv or .parquet.")
        if drop_missing:
            raise UsageError(
                f"--drop-missing: {output} can't say which rows are left. Write .csv or .parquet."
            )
        return
    need("pandas", "pandas", "tables", f"Writing {output}")
    if output.lower().endswith((".parquet", ".pq")):
        need("pyarrow", "pyarrow", "tables", f"Writing {output}")


def _labels_file(output: str, run: Run) -> bytes | memoryview:
    """The clusters of the rows in the format that the name ends in."""
    file = io.BytesIO()
    ending = output.lower().rpartition(".")[2]
    if ending == "npy":
        np.save(file, run.labels)
        return file.getbuffer()
    import pandas as pd

    table = run.rows.table
    places = np.arange(len(run.labels)) if table.kept is None else table.kept
    frame = pd.DataFrame({"row": places, "cluster": run.labels})
    whole = table.whole
    if whole is not None:
        taken = [name for name in ("row", "cluster") if name in whole.columns]
        if taken:
            raise UsageError(
                f"--with-data: {run.name} has a column {taken[0]!r} of its own, and one of that "
                "name is added. Rename it, or leave --with-data out."
            )
        frame = pd.concat([frame, whole.reset_index(drop=True)], axis=1)
    if ending in ("parquet", "pq"):
        if whole is not None and hasattr(table.values, "columns"):  # numbers, not their texts
            frame[list(table.names)] = table.values
        frame.to_parquet(file, index=False)
        return file.getbuffer()
    return frame.to_csv(index=False, sep="\t" if ending == "tsv" else ",").encode()


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


def _scatter(run: Run, plot: str, axes: tuple[str, ...] | None) -> memoryview:
    """The rows coloured by cluster: two columns in their units, or principal components."""
    from ..plotting import ClusterScatterDisplay

    kind, names, values = type(run.model).__name__, run.rows.table.names, run.rows.table.values
    if axes is None and len(names) > 2:
        # of what was clustered, or else the columns of large numbers would be all there is
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

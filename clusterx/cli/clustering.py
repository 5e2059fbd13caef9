"""What `fit` and `elbow` share: the choice of an algorithm, rows ready for it, pictures."""

from __future__ import annotations

import ast
import difflib
import io
import numbers
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console
from sklearn.base import ClusterMixin, DensityMixin
from sklearn.utils.random import sample_without_replacement

import clusterx

from ..arrays import on_host, to_host
from ..image.device import describe, move
from ..neighbors.knee import knee_of
from ..rows import Blocks
from ..validation import check_number
from .common import UsageError, echo, require
from .source import TableFile
from .tables import TOO_LARGE, NumberTable, numbers_rows, read

#: ratio of standard deviations from which the user is warned about columns
UNEQUAL = 30
#: values of the rows among which k-means++ chooses where it does not read all, and how many rows
#: per centre these are at least
START_VALUES, START_ROWS = 1 << 21, 100
#: formats in which a plot can be written
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg")


# -- the algorithm -------------------------------------------------------------------------------


def algorithms() -> dict[str, type]:
    """The public estimators that label rows, by their names on the command line."""
    public = (getattr(clusterx, name) for name in clusterx.__all__)
    return {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "-", found.__name__).lower(): found
        for found in public
        if isinstance(found, type)
        and issubclass(found, ClusterMixin | DensityMixin)
        and not isinstance(found.__dict__.get("fit_predict"), property)  # which labels columns
    }


def algorithm(name: str) -> type:
    """The estimator of that name, however the words of the name are joined."""
    known = algorithms()
    by_letters = {_letters(key): found for key, found in known.items()}
    if _letters(name) not in by_letters:
        raise UsageError(f"--algorithm: there is no {name!r}. Choose from {', '.join(known)}.")
    return by_letters[_letters(name)]


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower()).removesuffix("clustering")


def estimator(name: str, params: list[str] | None, *, seed: int, **given: Any) -> Any:
    """An estimator with its parameters.

    Parameters
    ----------
    name : str
    params : list of str, optional
        ``key=value``; a value that is not a Python literal is taken as a string.
    seed : int
        For `random_state`, where the estimator has it.
    **given
        Parameters from other options; None for options that were not given.
    """
    kind = algorithm(name)
    known = kind().get_params()
    values: dict[str, Any] = {"random_state": seed} if "random_state" in known else {}
    values |= {key: value for key, value in given.items() if value is not None}
    for param in params or ():
        key, found, text = param.partition("=")
        key = key.strip()
        if not found:
            raise UsageError(f"--param {param}: is not of the form key=value, as n_init=10.")
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"--param: {kind.__name__} has no parameter {key!r}.{guess} It has "
                f"{', '.join(sorted(known))}."
            )
        if given.get(key) is not None:
            raise UsageError(f"--param {param}: {key} is given by another option too. Drop one.")
        values[key] = _literal(text)
    return kind(**values)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text


def choose_eps(model: Any, rows: TableRows, notes: Console, *, quiet: bool) -> None:
    """Turn DBSCAN's ``eps="auto"`` into the knee of the k-distance curve, and say so."""
    if not (isinstance(model, clusterx.DBSCAN) and model.eps == "auto"):
        return
    k = model.min_samples
    names = ("metric", "metric_params", "p", "algorithm", "leaf_size", "n_jobs")
    known = {name: getattr(model, name) for name in names}
    known["p"] = 2 if known["p"] is None else known["p"]
    with fitting(model):
        check_number(model, "min_samples", k, numbers.Integral, least=2)
        if k > rows.n:
            raise ValueError(f"eps=auto looks at min_samples={k} rows, and there are {rows.n}.")
        search = clusterx.NearestNeighbors(n_neighbors=int(k), **known).fit(rows.X)
        distances = np.sort(to_host(search.kth_distances()))
        eps = float(distances[knee_of(distances)])
        if not eps > 0:
            raise ValueError(
                f"eps=auto finds a radius of 0, because most rows equal {k - 1} others. Give eps."
            )
    model.set_params(eps=eps)
    if not quiet:
        echo(
            notes,
            f"clusterx: eps={eps:.6g}, the knee of the k-distance curve for min_samples={k}. "
            "KDistanceDisplay draws it.",
        )


@contextmanager
def sampled_start(
    model: Any, rows: TableRows, seed: int, notes: Console, *, quiet: bool
) -> Iterator[None]:
    """In the ``with`` body, KMeans starts from centres that k-means++ chose among drawn rows.

    This is for rows that are read block by block: k-means++ over all of them would read them twice
    per centre, and keep a number per row in memory.
    """
    plain = isinstance(model, clusterx.KMeans) and model.init == "k-means++"
    drawn = max(START_ROWS * model.n_clusters, START_VALUES // rows.X.shape[1]) if plain else 0
    if not (plain and rows.table.streamed and rows.n > drawn):
        yield
        return
    rng = np.random.RandomState(seed)
    sample = rows.X.subset(np.sort(sample_without_replacement(rows.n, drawn, random_state=rng)))
    init, _ = clusterx.kmeans_plusplus(sample.X, model.n_clusters, random_state=rng)
    model.set_params(init=init)
    if not quiet:
        echo(notes, f"clusterx: the first centres are chosen among {drawn:,} rows drawn at random.")
    try:
        yield
    finally:
        model.set_params(init="k-means++")


def clusters_parameter(name: str) -> str | None:
    """The parameter of the algorithm that is the number of clusters, if it has one."""
    known = algorithm(name)().get_params()
    return next((key for key in ("n_clusters", "n_components") if key in known), None)


@contextmanager
def fitting(model: Any) -> Iterator[None]:
    """Blame errors on the parameters, because the rows have been checked already.

    The output of a verbose model goes to stderr: stdout is for data.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (TypeError, ValueError) as error:
        raise UsageError(f"{type(model).__name__}: {error}") from error


# -- the rows ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TableRows:
    """Rows as they are clustered, and what is needed to convert results to the file's units.

    Parameters
    ----------
    table : Table
    X : DataFrame or array of shape (n, d)
        What is fitted: standardised if asked for, on the device.
    scaler : StandardScaler, optional
    backend : str
        Where X is.
    weights : array of shape (n,), optional
        Of the rows.
    """

    table: NumberTable
    X: Any
    scaler: Any
    backend: str
    weights: Any = None

    @property
    def n(self) -> int:
        return self.X.shape[0]

    def original(self, centers: np.ndarray) -> np.ndarray:
        """Centres in the units of the file."""
        return centers if self.scaler is None else self.scaler.inverse_transform(centers)

    def means(self, labels: Callable[[int, int], np.ndarray], sizes: Counter[int]) -> np.ndarray:
        """Means (k, d) of the clusters, in the order of their numbers and in the file's units.

        labels(a, b) gives the labels of rows a..b; `sizes` has how many rows have each label.
        """
        ids, a = sorted(sizes), 0
        sums = np.zeros((len(ids), len(self.table.names)))
        for piece in self.table.pieces():
            own = labels(a, a + len(piece))
            a += len(piece)
            values = np.asarray(piece)
            sums += np.stack([values[own == i].sum(axis=0, dtype=np.float64) for i in ids])
        return sums / np.array([sizes[i] for i in ids])[:, None]


def rows_of(
    source: TableFile,
    *,
    standardize: bool,
    device: str,
    whole: bool = False,
    weights: str | None = None,
) -> TableRows:
    """Read, check, standardise and move the rows; `weights` names the column of their weights.

    Raises
    ------
    FileNotFoundError, TableError, UsageError, MissingPackageError
        As in `tables.read`; or a column can't be standardised because it is constant.
    DeviceError
    """
    w = None
    if weights is not None and source.columns is not None and weights not in source.columns:
        source = replace(source, columns=(*source.columns, weights))
    table = read(source, whole=whole)
    if table.streamed:
        return _streamed(source, table, standardize, device, weights)
    if weights is not None:
        table, w = _without_weights(table, weights)
    X, scaler = table.values, None
    if standardize:
        _refuse_constant(source, table)
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler()
        with np.errstate(over="ignore", invalid="ignore"):  # the rows are checked again
            X = scaler.fit_transform(X, sample_weight=w)
    moved = move(np.asarray(X), device, from_file=True)
    # keep a data frame, because the model records its column names
    return TableRows(table, X if on_host(moved) else moved, scaler, describe(moved), w)


def _streamed(
    source: TableFile, table: NumberTable, standardize: bool, device: str, weights: str | None
) -> TableRows:
    """Rows that are read block by block, on the GPU if it is named."""
    if weights is not None:
        raise UsageError(f"--weights: {source.called} {TOO_LARGE} Leave the option out.")
    rows, scaler = table.values, None
    given: Any = rows.source
    if standardize:
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler()
        for piece in table.pieces():
            scaler.partial_fit(piece)

        def given() -> Iterator[np.ndarray]:
            return map(scaler.transform, table.pieces())

    if standardize or device == "cuda":
        rows = Blocks(given, device="cuda" if device == "cuda" else "cpu")
    return TableRows(table, rows, scaler, describe(rows.like))


def _without_weights(table: NumberTable, name: str) -> tuple[NumberTable, np.ndarray]:
    """The table without the column of that name, and the column."""
    if name not in table.names:
        raise UsageError(
            f"--weights: {name!r} is none of the columns: {', '.join(table.names[:20])}."
        )
    place = table.names.index(name)
    names = tuple(n for n in table.names if n != name)
    if not names:
        raise UsageError(f"--weights: {name!r} is the only column, so that none is left.")
    values = np.asarray(table.values)
    weights = values[:, place].astype(np.float64)
    if hasattr(table.values, "columns"):
        return replace(table, values=table.values.drop(columns=name), names=names), weights
    return replace(table, values=np.delete(values, place, axis=1), names=names), weights


def _refuse_constant(source: TableFile, table: NumberTable) -> None:
    values = table.values
    low, high = np.asarray(values.min(axis=0)), np.asarray(values.max(axis=0))
    for name, least, most in zip(table.names, low, high, strict=True):
        if least == most:
            raise UsageError(
                f"--standardize: column {name!r} is constant ({least:g} in every row), so that it "
                "has no standard deviation to scale by, and tells no rows apart. Leave it out "
                "with --columns."
            )


def check_plot(plot: str | None) -> None:
    """Refuse formats that no plot can be written in, and notice early if matplotlib is missing."""
    if plot is None:
        return
    if not plot.lower().endswith(PICTURES):
        raise UsageError(
            f"--plot {plot}: a picture is written as {', '.join(PICTURES)}. Let the name end so."
        )
    # a window is neither wanted nor always possible; a notebook's backend is not always installed
    os.environ["MPLBACKEND"] = "Agg"
    require("matplotlib", "matplotlib", "plot", "--plot")
    import matplotlib

    matplotlib.use("Agg")


def picture(figure: Any, plot: str) -> memoryview:
    """The figure as a file's bytes, in the format that the name's ending says."""
    import matplotlib.pyplot as plt

    file = io.BytesIO()
    figure.savefig(file, format=plot.rpartition(".")[2].lower(), dpi=150)
    plt.close(figure)
    return file.getbuffer()


def advise(rows: TableRows, notes: Console) -> None:
    """Print how the file was read, and which columns are likely to spoil the clusters."""
    for note in advice(rows):
        echo(notes, f"clusterx: {note}")


def advice(rows: TableRows) -> Iterator[str]:
    """Notes on how the file was read, and on columns that are likely to spoil the clusters."""
    yield from rows.table.notes
    values = rows.table.values
    if not hasattr(values, "columns"):
        return
    for name in rows.table.names:
        if numbers_rows(values[name].to_numpy()):
            yield (
                f"column {name!r} numbers the rows, which sets apart what may be alike. "
                "Leave it out with --columns."
            )
    with np.errstate(over="ignore"):
        spreads = values.std(axis=0, ddof=0).to_numpy()
    least, most = int(np.argmin(spreads)), int(np.argmax(spreads))
    if rows.scaler is None and 0 < spreads[least] * UNEQUAL < spreads[most] < np.inf:
        yield (
            f"column {rows.table.names[most]!r} spreads "
            f"{spreads[most] / spreads[least]:,.0f} times as wide as {rows.table.names[least]!r}, "
            "and decides almost alone. --standardize weighs the columns alike."
        )

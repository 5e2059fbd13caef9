"""The content of the page: columns, numbers of clusters, models side by side, and profiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from .. import metrics
from ..arrays import to_host
from ..centroid import KMeans
from ..connectivity import AgglomerativeClustering
from ..density import HDBSCAN
from ..distribution import GaussianMixture
from ..kernels.compiling import listening
from ..selection import SweepResult, sweep

#: Most rows whose silhouettes are computed: all pairs are compared, 25 million per second.
SILHOUETTE_ROWS = 5000
#: Most rows for agglomerative clustering by Ward's linkage, which takes a second for them.
TREE_ROWS = 10_000
#: Most columns for full covariances in a mixture: 465 numbers per component.
FULL_COLUMNS = 30


@dataclass(frozen=True)
class Column:
    """Facts about a column: a range for numbers, examples for other values."""

    name: str
    kind: str
    used: bool
    missing: int
    distinct: int
    least: float = math.nan
    mean: float = math.nan
    most: float = math.nan
    spread: float = math.nan
    bins: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A model and its scores, to compare with others; undefined scores are NaN."""

    name: str
    clusters: int = 0
    noise: float = 0.0
    silhouette: float = math.nan
    calinski_harabasz: float = math.nan
    davies_bouldin: float = math.nan
    agreement: float = math.nan
    seconds: float = math.nan
    note: str = ""


@dataclass(frozen=True)
class Cluster:
    """A cluster of the chosen model.

    Parameters
    ----------
    label, rows : int
    means : ndarray of shape (d,)
        In the units of the file.
    differences : ndarray of shape (d,)
        From the mean of all rows, in standard deviations of all rows.
    silhouette : float
        Mean silhouette of its rows.
    """

    label: int
    rows: int
    means: np.ndarray
    differences: np.ndarray
    silhouette: float


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that the page shows."""

    name: str
    rows: int
    drawn: int
    names: tuple[str, ...]
    standardized: bool
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    sweep: SweepResult
    choices: dict[str, int]
    k: int
    why: str
    models: tuple[Compared, ...]
    clusters: tuple[Cluster, ...]
    labels: np.ndarray
    silhouettes: np.ndarray
    silhouette_labels: np.ndarray
    silhouette: float
    components: np.ndarray
    shares: tuple[float, float]
    backend: str
    seconds: dict[str, float] = field(default_factory=dict)


def analyse(
    X: Any,
    values: np.ndarray,
    *,
    ks: Sequence[int],
    seed: int = 0,
    progress: Callable[[int, int], None] | bool = False,
    **known: Any,
) -> Analysis:
    """Cluster the rows, and gather what the page says about them.

    Parameters
    ----------
    X : array of shape (n, d)
        The rows as they are clustered, on any device.
    values : ndarray of shape (n, d)
        The same rows in the units of the file.
    ks : sequence of int
        Numbers of clusters to try. With one there is nothing to choose.
    seed : int
    progress : bool or callable
        As in `sweep`.
    **known
        Fields of `Analysis` that don't follow from the data.

    Returns
    -------
    Analysis
    """
    started = perf_counter()
    swept = sweep(
        KMeans(random_state=seed, n_init=3), X, ks, metrics=("inertia", "silhouette"),
        silhouette_sample_size=SILHOUETTE_ROWS, random_state=seed, progress=progress,
    )  # fmt: skip
    choices = _choices(swept)
    k, why = _chosen(swept, choices)
    labels = to_host(swept.labels(k))
    seconds = {"k": perf_counter() - started}
    started = perf_counter()
    models = tuple(_compared(X, k, labels, swept.fit_seconds[list(ks).index(k)], seed))
    seconds["models"] = perf_counter() - started
    part = _drawn(len(labels), SILHOUETTE_ROWS, seed)
    widths = np.full(len(part), math.nan)
    if 1 < len(np.unique(labels[part])) < len(part):
        widths = to_host(metrics.silhouette_samples(_take(X, part), labels[part]))
    components, shares = _principal(np.asarray(to_host(X), np.float64))
    return Analysis(
        sweep=swept, choices=choices, k=k, why=why, models=models, labels=labels,
        clusters=tuple(_clusters(values, labels, widths, labels[part])),
        silhouettes=widths, silhouette_labels=labels[part],
        silhouette=float(np.mean(widths)), components=components, shares=shares,
        seconds=seconds, **known,
    )  # fmt: skip


def _drawn(n: int, most: int, seed: int) -> np.ndarray:
    """Indices of up to `most` rows drawn at random, in rising order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.RandomState(seed).choice(n, most, replace=False))


def _take(X: Any, places: np.ndarray) -> Any:
    return X[places] if len(places) < X.shape[0] else X


def _choices(swept: SweepResult) -> dict[str, int]:
    """The k that each criterion chooses, without criteria that choose none."""
    found = {}
    for criterion in ("silhouette", "elbow"):
        try:
            found[criterion] = swept.best(criterion)
        except (ValueError, ImportError):  # no knee, one k only, or kneed is not installed
            continue
    return found


def _chosen(swept: SweepResult, choices: dict[str, int]) -> tuple[int, str]:
    if len(swept.n_clusters) == 1:
        return swept.n_clusters[0], "as asked"
    if "silhouette" in choices:
        return choices["silhouette"], "the largest silhouette"
    return swept.n_clusters[0], "no k has a silhouette"


# -- models --------------------------------------------------------------------------------------


def _compared(X: Any, k: int, labels: np.ndarray, seconds: float, seed: int) -> list[Compared]:
    """k-means, and the other models that the size of the data allows."""
    n, d = X.shape
    part = _drawn(n, SILHOUETTE_ROWS, seed)
    found = [_scored("KMeans", X, labels, labels, part, float(seconds))]
    kind = "full" if d <= FULL_COLUMNS else "diag"
    mixture = GaussianMixture(n_components=k, covariance_type=kind, random_state=seed)
    others: list[tuple[str, Any, str]] = [(f"GaussianMixture, {kind}", mixture, "")]
    tree = AgglomerativeClustering(n_clusters=k)
    large = f"left out: more than {TREE_ROWS:,} rows" if n > TREE_ROWS else ""
    others.append(("AgglomerativeClustering, ward", tree, large))
    density = HDBSCAN(min_cluster_size=max(5, n // 100), copy=True)
    others.append((f"HDBSCAN, at least {density.min_cluster_size} rows", density, ""))
    for name, model, reason in others:
        if reason or n <= max(k, 5):
            found.append(Compared(name, note=reason or "left out: too few rows"))
            continue
        own, took = _timed_fit(model, X)
        found.append(_scored(name, X, own, labels, part, took))
    return found


class _Compiling:
    """Adds up the seconds that kernels are compiled."""

    seconds = 0.0
    _started = 0.0

    def begin(self) -> None:
        self._started = perf_counter()

    def end(self) -> None:
        self.seconds += perf_counter() - self._started


def _timed_fit(model: Any, X: Any) -> tuple[np.ndarray, float]:
    """The labels, and the seconds of the fit without those of compiling kernels."""
    compiling, started = _Compiling(), perf_counter()
    with listening(compiling):
        labels = to_host(model.fit_predict(X))
    return labels, perf_counter() - started - compiling.seconds


def _scored(
    name: str, X: Any, labels: np.ndarray, first: np.ndarray, part: np.ndarray, seconds: float
) -> Compared:
    """Scores of a model on the rows that are in a cluster; noise is left out."""
    inside = labels >= 0
    clusters = len(np.unique(labels[inside]))
    facts = {
        "clusters": clusters, "noise": float(1 - inside.mean()), "seconds": seconds,
        "agreement": float(metrics.adjusted_rand_score(first, labels)),
    }  # fmt: skip
    some = part[inside[part]]
    if not (1 < clusters < inside.sum() and 1 < len(np.unique(labels[some])) < len(some)):
        return Compared(name, note="no scores: fewer than two clusters", **facts)  # type: ignore[arg-type]
    rows, own = _take(X, np.flatnonzero(inside)), labels[inside]
    return Compared(
        name,
        silhouette=float(metrics.silhouette_score(_take(X, some), labels[some])),
        calinski_harabasz=float(metrics.calinski_harabasz_score(rows, own)),
        davies_bouldin=float(metrics.davies_bouldin_score(rows, own)),
        **facts,  # type: ignore[arg-type]
    )


# -- clusters ------------------------------------------------------------------------------------


def _clusters(
    values: np.ndarray, labels: np.ndarray, widths: np.ndarray, of_widths: np.ndarray
) -> list[Cluster]:
    mean, spread = values.mean(axis=0), values.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    found = []
    for label in np.unique(labels):
        own = values[labels == label].mean(axis=0)
        mine = widths[of_widths == label]
        width = float(mine.mean()) if len(mine) else math.nan
        rows = int(np.count_nonzero(labels == label))
        found.append(Cluster(int(label), rows, own, (own - mean) / scale, width))
    return found


def _principal(X: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The rows (n, 2) along the first two principal axes, and the shares of their variance."""
    centred = X - X.mean(axis=0)
    _, spreads, axes = np.linalg.svd(centred.T @ centred, hermitian=True)
    total = spreads.sum() or 1.0
    # the largest entry of an axis is positive, so that pictures don't flip
    axes = (
        axes[:2] * np.sign(axes[np.arange(min(2, len(axes))), np.abs(axes[:2]).argmax(1)])[:, None]
    )
    found = np.zeros((len(X), 2))
    found[:, : len(axes)] = centred @ axes.T
    shares = [float(s / total) for s in spreads[:2]] + [0.0]
    return found, (shares[0], shares[1])

"""Fit one estimator for several numbers of clusters, over rows that are prepared once."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..arrays import Array
from .gap import REFERENCES, gap_statistic, reference_rows
from .result import SweepResult
from .scores import Data, ScoredFit, drawn_rows, is_precomputed

METRICS = ("inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "gap", "bic", "aic")
#: parameters for the number of clusters, in the order of search
_PARAMETERS = ("n_clusters", "n_components")
#: scores that are computed by default, if possible
_USUAL = METRICS[:4]

Advance = Callable[[], None]


def sweep(
    estimator: Any,
    X: Any,
    n_clusters: Iterable[int] = range(2, 11),
    *,
    metrics: Iterable[str] | None = None,
    sample_weight: Any = None,
    silhouette_sample_size: int | None = 10_000,
    n_refs: int = 10,
    reference: str = "pca",
    random_state: Any = None,
    parameter: str | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> SweepResult:
    """Fit a model for each number of clusters, and score them: how many clusters are there?

    Models of clusterx share checked and prepared rows, and all cuts of a hierarchy share one tree.
    Each model is the same, bit for bit, as one fitted on its own.

    Parameters
    ----------
    estimator : clusterer or mixture model
        An estimator of clusterx, scikit-learn or similar: it can be cloned, and has `fit` and
        `labels_` or `predict`. It is not changed.
    X : array, CSR matrix, data frame or Blocks of shape (n_samples, n_features)
        Scores are computed where X is.
    n_clusters : iterable of int, default=range(2, 11)
    metrics : iterable of str, optional
        Scores to compute: ``'inertia'`` (for a model without it, the squared distances to the means
        of its clusters), ``'silhouette'`` (in the estimator's own `metric`, if it has one),
        ``'calinski_harabasz'``, ``'davies_bouldin'``, ``'gap'``, and for models with such methods
        ``'bic'`` and ``'aic'``. By default all that are possible for X, except the gap; for
        precomputed distances the silhouette.
    sample_weight : array of shape (n_samples,), optional
        Passed to `fit`. Scores other than inertia count every row once.
    silhouette_sample_size : int or None, default=10_000
        The silhouette compares all pairs of rows. If there are more rows than this, a random sample
        of this size is used, the same for all k. None uses all rows.
    n_refs : int, default=10
        Number of reference sets for the gap; each is clustered for each k.
    reference : {'pca', 'box'}, default='pca'
        References are uniform over a box along the principal axes of X or along its columns.
    random_state : int, RandomState or None
        For the sample and the references; the estimator has its own.
    parameter : str, optional
        The parameter to sweep; by default ``n_clusters`` or ``n_components``, whichever the
        estimator has.
    progress : bool or callable, default=False
        True shows a bar on stderr, which needs rich. A callable is called after each fit with the
        number of fits done and the total.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        Missing or invalid numbers of clusters, more clusters than rows, a metric that is unknown or
        impossible for X, or an estimator without a parameter for the number of clusters.

    References
    ----------
    Tibshirani, Walther and Hastie, "Estimating the number of clusters in a data set via the gap
    statistic", J. R. Stat. Soc. B 63(2), 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import KMeans, sweep
    >>> corners = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.0]])
    >>> X = np.repeat(corners, 25, axis=0) + np.random.default_rng(0).normal(size=(100, 2))
    >>> result = sweep(KMeans(random_state=0), X, range(2, 8))
    >>> result.best("silhouette"), result.best("elbow")
    (4, 4)
    """
    ks = _numbers_of_clusters(n_clusters)
    parameter = _swept_parameter(estimator, parameter)
    data = Data.of(estimator, X, sample_weight)
    if ks[-1] > data.n:
        raise ValueError(
            f"n_clusters goes up to {ks[-1]}, but X has {data.n} rows: sweep fewer clusters."
        )
    names = _wanted(metrics, estimator, data)
    _check_reference(n_refs, reference)
    rng = check_random_state(random_state)
    sample = drawn_rows(estimator, data, names, silhouette_sample_size, rng)
    gap = "gap" in names
    names = tuple(name for name in names if name != "gap")
    with _progress(progress, len(ks) * (1 + n_refs * gap)) as advance:
        models = _Models(estimator, parameter, ks, advance)
        fits = [ScoredFit.of(model, data, names, sample) for model in models.fitted(data)]
        scores = {name: np.array([fit.scores[name] for fit in fits]) for name in names}
        if gap:
            rows = data.rows.in_memory("The gap", "Sweep a sample of the rows.")
            sets = reference_rows(rows, n_refs, reference, rng)
            found = gap_statistic(scores["inertia"], sets, models.dispersions)
            scores |= dict(zip(("gap", "gap_error"), found, strict=True))
    return SweepResult(
        n_clusters=ks,
        scores=scores,
        estimators=tuple(fit.model for fit in fits),
        fit_seconds=np.array(models.seconds[: len(ks)]),
        n_samples=data.n,
        silhouette_samples=data.n if sample is None else len(sample.rows),
        _labels=tuple(fit.labels for fit in fits),
    )


class _Models:
    """Models of each number of clusters, fitted one after the other."""

    def __init__(self, estimator: Any, parameter: str, ks: tuple[int, ...], advance: Advance):
        self.estimator, self.parameter, self.ks, self.advance = estimator, parameter, ks, advance
        self.seconds: list[float] = []

    def fitted(self, data: Data) -> Iterator[Any]:
        tree = None  # the model with the fewest clusters; the others are cuts of its tree
        for k in self.ks:
            start = time.perf_counter()
            if tree is None:
                model = data.fit(clone(self.estimator).set_params(**{self.parameter: k}))
            else:
                model = tree.recut(k)
            self.seconds.append(time.perf_counter() - start)
            if self.parameter == "n_clusters" and hasattr(model, "recut"):
                tree = tree or model
            yield model
            self.advance()

    def dispersions(self, reference: Array) -> np.ndarray:
        data = Data.of(self.estimator, reference, None)
        return np.array(
            [ScoredFit.of(m, data, ("inertia",)).scores["inertia"] for m in self.fitted(data)]
        )


# -- what was asked for --------------------------------------------------------------------------


def _numbers_of_clusters(n_clusters: Iterable[int]) -> tuple[int, ...]:
    if isinstance(n_clusters, numbers.Number | str) or not isinstance(n_clusters, Iterable):
        raise ValueError(
            f"n_clusters must hold several numbers, such as range(2, 11); got {n_clusters!r}."
        )
    ks = list(n_clusters)
    for k in ks:
        if not isinstance(k, numbers.Integral) or isinstance(k, bool) or k < 1:
            raise ValueError(f"n_clusters must hold whole numbers of at least 1; got {k!r}.")
    if not ks:
        raise ValueError("n_clusters is empty: pass numbers of clusters, such as range(2, 11).")
    return tuple(sorted({int(k) for k in ks}))


def _swept_parameter(estimator: Any, parameter: str | None) -> str:
    if isinstance(estimator, type):
        raise TypeError(f"estimator must be an object, got a class: pass {estimator.__name__}().")
    parameters = estimator.get_params(deep=parameter is not None)
    wanted = _PARAMETERS if parameter is None else (parameter,)
    for name in wanted:
        if name in parameters:
            return name
    cure = "Name it with parameter=..."
    if hasattr(estimator, "steps"):
        cure = "Sweep the last step of a pipeline over rows that the other steps have transformed."
    raise ValueError(
        f"{type(estimator).__name__} has no parameter {' or '.join(map(repr, wanted))}, only "
        f"{', '.join(sorted(parameters))}. {cure}"
    )


def _wanted(metrics: Iterable[str] | None, estimator: Any, data: Data) -> tuple[str, ...]:
    """The scores to compute; raise for those that the estimator or the rows don't allow."""
    if metrics is None:
        own = [name for name in ("bic", "aic") if hasattr(estimator, name)]
        return tuple(n for n in (*_USUAL, *own) if _hindrance(n, estimator, data) is None)
    names = (metrics,) if isinstance(metrics, str) else tuple(dict.fromkeys(metrics))
    if not names:
        raise ValueError(f"metrics is empty: choose from {', '.join(map(repr, METRICS))}.")
    for name in names:
        if name not in METRICS:
            raise ValueError(
                f"metrics must be among {', '.join(map(repr, METRICS))}; got {name!r}."
            )
        hindrance = _hindrance(name, estimator, data)
        if hindrance is not None:
            raise ValueError(f"metrics has {name!r}, {hindrance}")
    # the gap is computed from inertias
    return ("inertia", *names) if "gap" in names and "inertia" not in names else names


def _hindrance(name: str, estimator: Any, data: Data) -> str | None:
    """The reason why a score can't be computed, or None."""
    if name in ("bic", "aic") and not hasattr(estimator, name):
        return (
            f"but {type(estimator).__name__} has no method {name}(X): it is for models of a "
            "distribution, such as mixtures."
        )
    if is_precomputed(estimator) and name != "silhouette":
        return "which needs columns, but X contains distances. Use 'silhouette'."
    if name == "gap" and data.rows.stored is data.rows:
        return "which needs rows in memory, but X is Blocks. Sweep a sample of the rows."
    if name == "gap" and data.sample_weight is not None:
        return "whose references have no weights. Leave out sample_weight, or use another metric."
    if name == "gap" and data.rows.sparse:
        return "which needs dense rows, but X is a sparse matrix. Sweep X.toarray()."
    return None


def _check_reference(n_refs: int, reference: str) -> None:
    if not isinstance(n_refs, numbers.Integral) or isinstance(n_refs, bool) or n_refs < 1:
        raise ValueError(f"n_refs must be a whole number of at least 1; got {n_refs!r}.")
    if reference not in REFERENCES:
        raise ValueError(f"reference must be 'pca' or 'box'; got {reference!r}.")


@contextmanager
def _progress(wanted: bool | Callable[[int, int], None], total: int) -> Iterator[Advance]:
    """A function to call after each fit."""
    if not wanted:
        yield lambda: None
        return
    if callable(wanted):
        told, done = wanted, iter(range(1, total + 1))
        yield lambda: told(next(done), total)
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError as error:
        raise ImportError(
            'progress=True needs rich, which is not installed: pip install "clusterx[image]". A '
            "callable does without."
        ) from error
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Fitting", total=total)
        yield lambda: bar.advance(task)

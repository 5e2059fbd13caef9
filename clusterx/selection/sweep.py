"""Fit one estimator for several numbers of clusters, over rows that are prepared once."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_random_state

from .. import metrics as scoring
from ..arrays import Array, asarray, on_host, to_host
from ..base import Clusterer
from ..rows import Blocks, InMemory
from .gap import REFERENCES, gap_statistic, reference_rows, within_squares
from .result import SweepResult

METRICS = ("inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "gap", "bic", "aic")
#: parameters that are the number of clusters, in the order they are looked for
_PARAMETERS = ("n_clusters", "n_components")
#: what is computed unless something else is asked for; of models that have them, BIC and AIC too
_USUAL = METRICS[:4]
_OUT_OF_CORE = METRICS[:2]

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

    The rows are checked, summarised and prepared once for all models of clusterx. Each model is
    the same, bit for bit, as one fitted on its own.

    Parameters
    ----------
    estimator : clusterer or mixture model
        Of clusterx, of scikit-learn, or alike: what can be cloned, has `fit`, and `labels_` or
        `predict`. It stays as it is.
    X : array, CSR matrix, data frame or Blocks of shape (n_samples, n_features)
        Scores are computed where X is.
    n_clusters : iterable of int, default=range(2, 11)
    metrics : iterable of str, optional
        Scores to compute: ``'inertia'`` (of a model without, the squared distances to the means
        of its clusters), ``'silhouette'`` (in the estimator's own `metric`, if it has one),
        ``'calinski_harabasz'``, ``'davies_bouldin'``, ``'gap'``, and for models with such methods
        ``'bic'`` and ``'aic'``. By default all but the gap; of `Blocks`, inertia and silhouette.
    sample_weight : array of shape (n_samples,), optional
        Passed to `fit`. Scores other than inertia count every row once.
    silhouette_sample_size : int or None, default=10_000
        The silhouette compares every row with every other. Of more rows than this, as many are
        drawn, the same ones for all k, and compared among themselves. None: never draw.
    n_refs : int, default=10
        Sets of reference rows for the gap; each is fitted for each k.
    reference : {'pca', 'box'}, default='pca'
        References are uniform over a box along the principal axes of X or along its columns.
    random_state : int, RandomState or None
        Of the rows drawn and the references; the estimator has its own.
    parameter : str, optional
        The parameter that is swept; by default ``n_clusters`` or ``n_components``, whichever the
        estimator has.
    progress : bool or callable, default=False
        True shows a bar on stderr, which needs rich. A callable is called after each fit with the
        number of fits done and of those there will be.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        No or wrong numbers of clusters, more clusters than rows, an unknown or impossible metric,
        or an estimator without a parameter for the number of clusters.

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
    data = _Data.of(estimator, X, sample_weight)
    if ks[-1] > data.n:
        raise ValueError(
            f"n_clusters goes up to {ks[-1]}, and X has {data.n} rows: sweep fewer clusters."
        )
    names = _wanted(metrics, estimator, data)
    _check_reference(names, n_refs, reference, sample_weight, data)
    rng = check_random_state(random_state)
    sample = _drawn(data, names, silhouette_sample_size, rng)
    fits = len(ks) * (1 + n_refs * ("gap" in names))
    models, labels, seconds = [], [], []
    scores: dict[str, list[float]] = {name: [] for name in names if name != "gap"}
    dispersion = []
    with _progress(progress, fits) as advance:
        for k in ks:
            start = time.perf_counter()
            model = data.fit(clone(estimator).set_params(**{parameter: k}))
            seconds.append(time.perf_counter() - start)
            models.append(model)
            labels.append(data.labels(model))
            found = _scores(model, data, labels[-1], scores, sample)
            for name, values in scores.items():
                values.append(found[name])
            if "gap" in names:
                dispersion.append(found.get("inertia") or _inertia(model, data, labels[-1]))
            advance()
        columns = {name: np.array(values, np.float64) for name, values in scores.items()}
        if "gap" in names:

            def dispersions(rows: Array) -> np.ndarray:
                return _dispersions(estimator, rows, parameter, ks, advance)

            sets = reference_rows(data.rows, n_refs, reference, rng)
            gap, error = gap_statistic(np.array(dispersion), sets, dispersions)
            columns |= {"gap": gap, "gap_error": error}
    return SweepResult(
        n_clusters=ks,
        scores=columns,
        estimators=tuple(models),
        fit_seconds=np.array(seconds),
        n_samples=data.n,
        silhouette_samples=data.n if sample is None else len(sample.rows),
        _labels=tuple(labels),
    )


class _Data(NamedTuple):
    """Rows as the models and the scores want them."""

    given: Any  # what `fit` gets
    values: Any  # what scores are computed over: an array, a CSR matrix or Blocks
    rows: InMemory | Blocks
    sample_weight: Any
    names: Any  # of the columns, where `given` has lost them

    @classmethod
    def of(cls, estimator: Any, X: Any, sample_weight: Any) -> _Data:
        if isinstance(estimator, Clusterer):
            prototype = clone(estimator)
            rows = prototype._rows(X, reset=True)
            if sample_weight is not None:
                # converted once, so that every fit finds what was prepared for these weights
                sample_weight = prototype._weights(sample_weight, rows)[0]
            values = rows.X if isinstance(rows, InMemory) else rows
            names = getattr(prototype, "feature_names_in_", None)
            return cls(rows, values, rows, sample_weight, names)
        values = check_array(X, accept_sparse="csr", dtype="numeric") if on_host(X) else X
        return cls(X, values, InMemory(values), sample_weight, None)

    @property
    def n(self) -> int:
        return self.rows.n

    def fit(self, model: Any) -> Any:
        if self.sample_weight is None:
            model.fit(self.given)
        else:
            model.fit(self.given, sample_weight=self.sample_weight)
        if self.names is not None:
            model.feature_names_in_ = self.names
        return model

    def labels(self, model: Any) -> Array:
        labels = getattr(model, "labels_", None)
        if labels is not None:
            return labels
        if isinstance(model, Clusterer):
            labels = model.predict(self.values)
        return model.predict(self.given) if labels is None else labels


class _Sample(NamedTuple):
    """Rows that silhouettes are computed over."""

    rows: np.ndarray
    values: Array


def _scores(
    model: Any, data: _Data, labels: Array, names: Iterable[str], sample: _Sample | None
) -> dict[str, float]:
    found = {}
    host = to_host(labels)
    for name in names:
        if name == "inertia":
            found[name] = _inertia(model, data, labels)
        elif name in ("bic", "aic"):
            found[name] = float(getattr(model, name)(data.values))
        elif name == "silhouette":
            found[name] = _silhouette(model, data, labels, host, sample)
        else:
            score = getattr(scoring, f"{name}_score")
            found[name] = float(score(data.values, labels)) if _is_scored(host) else np.nan
    return found


def _inertia(model: Any, data: _Data, labels: Array) -> float:
    inertia = getattr(model, "inertia_", None)
    if inertia is not None:
        return float(inertia)
    host = to_host(labels)
    places = np.unique(host, return_inverse=True)[1]
    labels = asarray(places.astype(np.int32), like=data.rows.like)
    w = None if data.sample_weight is None else asarray(data.sample_weight, like=data.rows.like)
    return within_squares(data.rows, labels, int(places.max()) + 1, w)


def _silhouette(
    model: Any, data: _Data, labels: Array, host: np.ndarray, sample: _Sample | None
) -> float:
    values = data.values
    if sample is not None:
        host, values = host[sample.rows], sample.values
        labels = asarray(host, like=labels)
    if not _is_scored(host):
        return float("nan")
    metric = getattr(model, "metric", None) or "euclidean"
    return float(scoring.silhouette_score(values, labels, metric=metric))


def _is_scored(labels: np.ndarray) -> bool:
    """Whether indices of clusters have a meaning: two clusters at least, and fewer than rows."""
    return 2 <= np.count_nonzero(np.bincount(labels - labels.min())) < len(labels)


def _dispersions(
    estimator: Any, rows: Array, parameter: str, ks: tuple[int, ...], advance: Advance
) -> np.ndarray:
    data = _Data.of(estimator, rows, None)
    found = []
    for k in ks:
        model = data.fit(clone(estimator).set_params(**{parameter: k}))
        found.append(_inertia(model, data, data.labels(model)))
        advance()
    return np.array(found)


def _drawn(
    data: _Data, names: tuple[str, ...], size: int | None, rng: np.random.RandomState
) -> _Sample | None:
    """The rows that silhouettes are computed over; None for all of them."""
    whole = isinstance(size, numbers.Integral) and not isinstance(size, bool)
    if size is not None and not (whole and size >= 2):
        raise ValueError(
            f"silhouette_sample_size must be a whole number of at least 2 or None; got {size!r}."
        )
    if "silhouette" not in names:
        return None
    everything = size is None or size >= data.n
    if everything and isinstance(data.rows, InMemory):
        return None
    rows = np.arange(data.n) if everything else np.sort(rng.permutation(data.n)[:size])
    return _Sample(rows, data.rows.take(rows))


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
        raise ValueError("n_clusters is empty: give the numbers of clusters, as range(2, 11).")
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
        f"{type(estimator).__name__} has no parameter {' or '.join(map(repr, wanted))}, but "
        f"{', '.join(sorted(parameters))}. {cure}"
    )


def _wanted(metrics: Iterable[str] | None, estimator: Any, data: _Data) -> tuple[str, ...]:
    blocks = isinstance(data.rows, Blocks)
    if metrics is None:
        own = tuple(name for name in ("bic", "aic") if hasattr(estimator, name))
        return _OUT_OF_CORE if blocks else _USUAL + own
    names = (metrics,) if isinstance(metrics, str) else tuple(dict.fromkeys(metrics))
    for name in names:
        if name not in METRICS:
            raise ValueError(
                f"metrics must be among {', '.join(map(repr, METRICS))}; got {name!r}."
            )
        if name in ("bic", "aic") and not hasattr(estimator, name):
            raise ValueError(
                f"metrics has {name!r}, and {type(estimator).__name__} has no method {name}(X): it "
                "is for models of a distribution, such as mixtures."
            )
        if blocks and name not in _OUT_OF_CORE:
            raise ValueError(
                f"metrics has {name!r}, which needs rows in memory, and X is Blocks. Use "
                f"{' and '.join(map(repr, _OUT_OF_CORE))}, or sweep a sample of the rows."
            )
    if not names:
        raise ValueError(f"metrics is empty: choose from {', '.join(map(repr, METRICS))}.")
    return names


def _check_reference(
    names: tuple[str, ...], n_refs: int, reference: str, sample_weight: Any, data: _Data
) -> None:
    if not isinstance(n_refs, numbers.Integral) or isinstance(n_refs, bool) or n_refs < 1:
        raise ValueError(f"n_refs must be a whole number of at least 1; got {n_refs!r}.")
    if reference not in REFERENCES:
        raise ValueError(f"reference must be 'pca' or 'box'; got {reference!r}.")
    if "gap" not in names:
        return
    if sample_weight is not None:
        raise ValueError(
            "metrics has 'gap', whose references have no weights: leave out sample_weight, or "
            "choose another metric."
        )
    if data.rows.sparse:
        raise ValueError(
            "metrics has 'gap', whose references are dense, and X is a sparse matrix: sweep "
            "X.toarray(), or choose another metric."
        )


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

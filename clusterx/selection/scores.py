"""Scores of a fitted model: inertia, indices of its clusters, BIC and AIC."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils.random import sample_without_replacement

from .. import metrics
from ..arrays import Array, asarray, to_host
from ..base import Estimator
from ..metrics.labelled import checked_rows
from ..rows import InMemory, Rows
from .gap import within_squares


class Data(NamedTuple):
    """The rows, in the forms that models and scores need."""

    given: Any  # the argument of `fit`
    values: Any  # the rows for scores: an array, a CSR matrix or Blocks
    rows: Rows
    sample_weight: Any
    names: Any  # of the columns, if `given` has lost them

    @classmethod
    def of(cls, estimator: Any, X: Any, sample_weight: Any) -> Data:
        if isinstance(estimator, Estimator):
            prototype = clone(estimator)
            rows = prototype._rows(X, reset=True)
            if sample_weight is not None:
                # convert once, so that all fits share what is prepared for these weights
                sample_weight = prototype._weights(sample_weight, rows)[0]
            values = rows.stored
            names = getattr(prototype, "feature_names_in_", None)
            return cls(rows, values, rows, sample_weight, names)
        # floats, because integers would truncate the references for the gap
        values = checked_rows(type(estimator).__name__, X, sparse=True)
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

    def criterion(self, model: Any, name: str) -> float:
        """BIC or AIC."""
        weights = {}
        if self.sample_weight is not None and isinstance(model, Estimator):
            weights = {"sample_weight": self.sample_weight}
        known = self.rows if isinstance(model, Estimator) else self.values
        return float(getattr(model, name)(known, **weights))

    def labels(self, model: Any) -> Array:
        labels = getattr(model, "labels_", None)
        if labels is None:
            labels = model.predict(self.rows if isinstance(model, Estimator) else self.given)
        return labels


class Sample(NamedTuple):
    """The rows for silhouettes."""

    rows: np.ndarray
    values: Any  # an array or a CSR matrix


class ScoredFit(NamedTuple):
    """A fitted model, its labels, and its scores by name."""

    model: Any
    labels: Array
    scores: dict[str, float]

    @classmethod
    def of(
        cls, model: Any, data: Data, names: Iterable[str], sample: Sample | None = None
    ) -> ScoredFit:
        labels, scores = data.labels(model), {}
        host = to_host(labels)
        for name in names:
            if name == "inertia":
                scores[name] = inertia_of(model, data, host)
            elif name in ("bic", "aic"):
                scores[name] = data.criterion(model, name)
            elif name == "silhouette":
                scores[name] = silhouette_of(model, data, labels, host, sample)
            else:
                score = getattr(metrics, f"{name}_score")
                scores[name] = float(score(data.values, labels)) if is_scored(host) else np.nan
        return cls(model, labels, scores)


def inertia_of(model: Any, data: Data, labels: np.ndarray) -> float:
    """The model's inertia; if it has none, the squared distances to the means of its clusters."""
    inertia = getattr(model, "inertia_", None)
    if inertia is not None:
        return float(inertia)
    places = np.unique(labels, return_inverse=True)[1].astype(np.int32)
    w = None if data.sample_weight is None else asarray(data.sample_weight, like=data.rows.like)
    k = int(places.max()) + 1
    return within_squares(data.rows, asarray(places, like=data.rows.like), k, w)


def silhouette_of(
    model: Any, data: Data, labels: Array, host: np.ndarray, sample: Sample | None
) -> float:
    values = data.values
    if sample is not None:
        host, values = host[sample.rows], sample.values
        labels = asarray(host, like=labels)
    if not is_scored(host):
        return float("nan")
    metric = getattr(model, "metric", None) or "euclidean"
    return float(metrics.silhouette_score(values, labels, metric=metric))


def is_scored(labels: np.ndarray) -> bool:
    """Whether scores of clusters are defined: at least two clusters, and fewer than rows."""
    return 2 <= len(np.unique(labels)) < len(labels)


def is_precomputed(estimator: Any) -> bool:
    """Whether X contains distances or similarities of the rows instead of columns."""
    kinds = (getattr(estimator, "metric", None), getattr(estimator, "affinity", None))
    return any(isinstance(kind, str) and kind.startswith("precomputed") for kind in kinds)


def drawn_rows(
    estimator: Any, data: Data, names: tuple[str, ...], size: int | None, rng: np.random.RandomState
) -> Sample | None:
    """The rows for silhouettes; None for all rows."""
    whole = isinstance(size, numbers.Integral) and not isinstance(size, bool)
    if size is not None and not (whole and size >= 2):
        raise ValueError(
            f"silhouette_sample_size must be a whole number of at least 2 or None; got {size!r}."
        )
    if "silhouette" not in names:
        return None
    everything = size is None or size >= data.n or is_precomputed(estimator)
    if everything and data.rows.stored is not data.rows:
        return None
    if everything:
        rows = np.arange(data.n)
    elif data.rows.stored is data.rows:  # a permutation may be more than memory holds
        rows = np.sort(sample_without_replacement(data.n, size, random_state=rng))
    else:
        rows = np.sort(rng.permutation(data.n)[:size])
    return Sample(rows, data.rows.subset(rows).X)

"""Initial centres for k-means: k-means++, k-means||, maximin, random rows."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..arrays import Array, asarray, concat, host_floats, namespace, on_host, to_host
from ..base import Clusterer
from ..rows import InMemory, Rows
from .steps import lloyd_step, seeding_step

#: k-means|| draws this many times k rows in each of its rounds (Bahmani et al., 2012).
OVERSAMPLING = 2.0
ROUNDS = 5


def local_trials(k: int) -> int:
    """Candidates that greedy k-means++ compares for each centre."""
    return 2 + int(np.log(k))


def draw_rows(rng: np.random.RandomState, n: int, size: int, cumulated: Any) -> np.ndarray:
    """Draw `size` rows with replacement, in proportion to weights given by their cumulated shares.

    The cost hardly depends on n, because the shares of the weights are cumulated once.
    """
    uniform = rng.random_sample(size)
    if cumulated is None:
        uniform *= n
        rows = uniform.astype(np.int64)
        return np.minimum(rows, n - 1, out=rows)
    return np.minimum(np.searchsorted(cumulated, uniform, side="right"), n - 1)


def _first_row(rows: Rows, w: Array | None, rng: np.random.RandomState) -> Array:
    """One row (1,), drawn in proportion to the weights."""
    if w is None:
        return draw_rows(rng, rows.n, 1, None)
    w = namespace(w).astype(w, rows.zeros(()).dtype, copy=False)
    return rows.sample_rows(w, None, rng.random_sample(1))


def cumulated_shares(w: Array | None) -> np.ndarray | None:
    """The cumulated distribution of the weights, on the host."""
    if w is None:
        return None
    cumulated = np.cumsum(to_host(w).astype(np.float64))
    return cumulated / cumulated[-1]


def check_enough_rows(rows: Rows, w: Array | None, k: int) -> None:
    """Raise unless there are k rows of positive weight."""
    if rows.n < k:
        raise ValueError(
            f"n_samples={rows.n} should be >= n_clusters={k}: ask for fewer clusters or give more "
            "rows."
        )
    if w is None:
        return
    xp = namespace(w)
    (weighted,) = host_floats(xp.sum(xp.astype(w > 0, w.dtype)))
    if weighted < k:
        raise ValueError(
            f"Only {weighted:.0f} of {rows.n} rows have a sample_weight above zero, and "
            f"n_clusters={k}: ask for fewer clusters or give more rows some weight."
        )


def plus_plus(
    rows: Rows,
    k: int,
    w: Array | None,
    rng: np.random.RandomState,
    *,
    trials: int | None = None,
    step: Any = None,
) -> Array:
    """Rows chosen by greedy k-means++, in order; how much is drawn does not depend on the data."""
    first = int(to_host(_first_row(rows, w, rng))[0])
    trials = trials or local_trials(k)
    seeding = seeding_step(rows, w, step)
    seeding.start(first)
    chosen = [first]
    for _ in range(1, k):
        chosen.append(seeding.grow(rng.uniform(size=trials)))
    if all(isinstance(row, int) for row in chosen):
        return np.array(chosen)
    like = rows.like
    return concat([rows.xp.reshape(asarray(row, like=like), (1,)) for row in chosen])


def maximin(rows: Rows, k: int, w: Array | None, step: Any = None) -> Array:
    """The row nearest to the mean, then each time the row farthest from those chosen (Gonzalez,
    1985).

    Rows of weight zero are never chosen. No random numbers are used.
    """
    xp = rows.xp
    centre = xp.reshape(xp.astype(rows.summary.mean, rows.dtype), (1, rows.d))
    _, squared = rows.map(rows.kernels.distances.nearest, centre)
    own = namespace(squared)
    counted = None if w is None else w > 0
    if counted is not None:
        squared = own.where(counted, squared, own.full_like(squared, float("inf")))
    (first,) = host_floats(own.argmin(squared))
    seeding = seeding_step(rows, w, step)
    seeding.start(int(first))
    chosen = [xp.reshape(asarray(int(first), like=rows.like), (1,))]
    for _ in range(1, k):
        closest = seeding.closest
        if counted is not None:
            closest = own.where(counted, closest, -own.ones_like(closest))
        row = xp.reshape(asarray(own.argmax(closest), like=rows.like), (1,))
        seeding.add(row[0])
        chosen.append(xp.astype(row, chosen[0].dtype))
    return concat(chosen)


def scalable(rows: Rows, k: int, w: Array | None, rng: np.random.RandomState) -> Array:
    """Centres by k-means||: a few rounds of many draws, then weighted k-means++ among those drawn.

    It reads the rows a few times where k-means++ reads them k times (Bahmani, Moseley, Vattani,
    Kumar and Vassilvitskii, "Scalable k-means++", VLDB 2012). Each round draws a fixed number of
    rows with replacement in proportion to their weighted squared distances.
    """
    candidates = rows.take(_first_row(rows, w, rng))
    _, closest = rows.map(rows.kernels.distances.nearest, candidates)
    xp = namespace(closest)
    w = None if w is None else xp.astype(w, closest.dtype, copy=False)
    for _ in range(ROUNDS):
        fractions = rng.uniform(size=max(1, int(OVERSAMPLING * k)))
        new = rows.take(rows.sample_rows(closest, w, fractions))
        _, squared = rows.map(rows.kernels.distances.nearest, new)
        closest = xp.minimum(closest, squared)
        candidates = concat([candidates, new])
    counts = lloyd_step(rows, w, total_weight(w, rows), candidates.shape[0])(candidates).counts
    few = InMemory(candidates)
    return few.take(plus_plus(few, k, rows.xp.astype(counts, closest.dtype), rng))


def total_weight(w: Array | None, rows: Rows) -> float:
    return float(rows.n) if w is None else host_floats(namespace(w).sum(w))[0]


class _Checks(Clusterer):
    """The input checks of `kmeans_plusplus`; messages use the name of the class."""

    _takes_sparse = True


_Checks.__name__ = "kmeans_plusplus"


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    x_squared_norms: Any = None,
    random_state: Any = None,
    n_local_trials: int | None = None,
) -> tuple[Array, Array]:
    """Choose rows as initial centres by greedy k-means++.

    Parameters
    ----------
    X : array, CSR matrix or Blocks of shape (n_samples, n_features)
        The rows to choose from.
    n_clusters : int
        Number of rows to choose.
    sample_weight : array of shape (n_samples,), optional
        Weights of the rows; a weight of two is a row repeated.
    x_squared_norms : array of shape (n_samples,), optional
        Accepted for compatibility with scikit-learn: only its length is checked.
    random_state : int, RandomState or None
        Every backend sees the same draws.
    n_local_trials : int, optional
        Candidates compared for each centre; ``2 + int(log(n_clusters))`` by default.

    Returns
    -------
    centers : array of shape (n_clusters, n_features)
    indices : array of shape (n_clusters,)
        The chosen rows of X, in order.

    Raises
    ------
    ValueError
        Fewer rows of positive weight than clusters, or wrong lengths.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    if not _is_whole(n_clusters) or n_clusters < 1:
        raise ValueError(f"n_clusters must be a whole number of at least 1, got {n_clusters!r}.")
    if n_local_trials is not None and not (_is_whole(n_local_trials) and n_local_trials >= 1):
        raise ValueError(
            f"n_local_trials must be a whole number of at least 1 or None, got {n_local_trials!r}."
        )
    checks = _Checks()
    rows = checks._rows(X, reset=True)
    if x_squared_norms is not None and len(x_squared_norms) != rows.n:
        raise ValueError(
            f"The length of x_squared_norms {len(x_squared_norms)} should be equal to the "
            f"length of n_samples {rows.n}."
        )
    w, total = checks._weights(sample_weight, rows)
    check_enough_rows(rows, w, int(n_clusters))
    step = lloyd_step(rows, w, total, int(n_clusters)) if on_host(rows.like) else None
    indices = plus_plus(
        rows, int(n_clusters), w, check_random_state(random_state), trials=n_local_trials, step=step
    )
    return rows.take(indices), indices

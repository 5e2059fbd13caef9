"""Sums of the distances of rows to clusters, by any metric, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from ..arrays import Array, concat, device, host_floats, on_host
from ..blocks import TILE, numbered, one_hot, row_blocks
from .labelled import Labelled, checked_rows

#: Maximum number of entries in a table of rows by clusters.
TABLE = 1 << 23
#: scikit-learn's names of the metrics that kernels compute.
KERNEL_METRICS = {
    "euclidean": "euclidean", "l2": "euclidean", "manhattan": "manhattan", "l1": "manhattan",
    "cityblock": "manhattan", "chebyshev": "chebyshev",
}  # fmt: skip
CLOSED_FORMS = ("sqeuclidean", "cosine")
DEVICE_METRICS = (*KERNEL_METRICS, *CLOSED_FORMS, "precomputed")

#: Turns sums of distances into results: (rows a..b, their sums) -> arrays with an entry per row.
Reduce = Callable[[int, int, Array], Any]
#: Metrics computed from squares, which may overflow.
SQUARED = ("euclidean", "l2", "sqeuclidean")
#: A sparse matrix of at most DENSE entries, stored or not, is made dense if it has at most
#: FEW_COLUMNS columns or stores more than a share STORED of its entries.
DENSE = 1 << 25
FEW_COLUMNS = 64
STORED = 0.1


def check_metric(
    function: str, metric: Any, kwds: dict[str, Any], X: Any, offered: tuple[str, ...]
) -> None:
    """Raise if the metric is invalid, or not available for X on a device."""
    if not (isinstance(metric, str) or callable(metric)):
        raise TypeError(
            f"The 'metric' parameter of {function} must be a name or a callable; got {metric!r}."
        )
    if on_host(X):
        return
    options = set(kwds) - {"n_jobs"}
    if callable(metric) or metric not in offered or options:
        got = f"{metric!r} with {', '.join(sorted(options))}" if options else repr(metric)
        raise ValueError(
            f"The 'metric' parameter of {function} must be one of {', '.join(map(repr, offered))} "
            f"for X on a device, without options; got {got}. For other metrics, move X to the "
            "host: it is never copied there implicitly."
        )


def is_tuned(points: Labelled, metric: Any, kwds: dict[str, Any]) -> bool:
    """Whether kernels compute this metric without options; for CSR rows only euclidean."""
    known = KERNEL_METRICS.get(metric) if isinstance(metric, str) else None
    offered = known == "euclidean" or (known is not None and not points.sparse)
    return offered and not set(kwds) - {"n_jobs"}


def reduce_sums(points: Labelled, metric: Any, kwds: dict[str, Any], reduce: Reduce) -> list:
    """`reduce` of the sums (rows, k) of the distances of each block of rows to each cluster."""
    if isinstance(metric, str) and metric == "precomputed":
        return [reduce(a, b, sums) for a, b, sums in _precomputed(points)]
    if is_tuned(points, metric, kwds):
        sums_of = _by_kernel(points, KERNEL_METRICS[metric])
    elif metric in CLOSED_FORMS and not points.sparse and not set(kwds) - {"n_jobs"}:
        sums_of = _by_squares(points) if metric == "sqeuclidean" else _by_cosines(points)
    else:
        return list(_by_chunks(points, metric, kwds, reduce))
    return [reduce(a, b, sums_of(a, b)) for a, b in spans(points.n, points.k)]


def spans(n: int, k: int, most: int = TABLE) -> Iterator[tuple[int, int]]:
    """Ranges of rows whose tables with k columns have at most `most` entries."""
    height = max(1, most // k)
    return ((a, min(n, a + height)) for a in range(0, n, height))


def _by_kernel(points: Labelled, metric: str) -> Callable[[int, int], Array]:
    X = points.X
    sums = points.kernels.distances.distance_sums(X, points.codes, points.k, metric)
    return lambda a, b: sums(X if b - a == points.n else X[a:b, :])


def off_means(points: Labelled, pieces: Iterable[tuple[Array, Array]], means: Array) -> Array:
    """The correction of the means for rounding errors.

    With it, the mean of coinciding rows equals these rows to the last bit, and their distances to
    it are zero. `pieces`: all rows, with their clusters.
    """
    xp, total = points.xp, 0.0
    for rows, codes in pieces:
        left = xp.astype(rows, points.wide) - xp.take(means, codes, axis=0)
        total = total + points.kernels.reductions.sum_rows_by_label(left, codes, points.k)
    return total / points.counts[:, None]


def _by_squares(points: Labelled) -> Callable[[int, int], Array]:
    """Sums of squared distances to a cluster: size |x - mean|^2 plus the cluster's scatter."""
    kernels, X, codes, k = points.kernels, points.X, points.codes, points.k
    means = kernels.reductions.sum_rows_by_label(X, codes, k) / points.counts[:, None]
    pieces = ((block, codes[a : a + block.shape[0]]) for a, block in numbered(row_blocks(X, 1)))
    means = means + off_means(points, pieces, means)
    scatter = kernels.reductions.sum_rows_by_label(
        kernels.distances.assigned_squared_distances(X, means, codes)[:, None], codes, k
    )
    return lambda a, b: (
        kernels.distances.squared_distances(X[a:b, :], means) * points.counts[None, :]
        + scatter[None, :, 0]
    )


def _by_cosines(points: Labelled) -> Callable[[int, int], Array]:
    """1 - cosine is half the squared distance of unit rows; zero rows are at 1 from all rows.

    It takes 24 ms for 10,000 rows of 64 columns; measuring all pairs takes 3.4 s.
    """
    xp, kernels, X, codes, k = points.xp, points.kernels, points.X, points.codes, points.k

    def unit(block: Array) -> tuple[Array, Array]:
        wide = xp.astype(block, points.wide)
        size = xp.max(xp.abs(wide), axis=1)[:, None]  # squares may overflow or underflow
        wide = wide / xp.where(size > 0, size, xp.ones_like(size))
        norm = xp.sqrt(xp.sum(wide * wide, axis=1))[:, None]
        zero = xp.astype(norm == 0, points.wide)
        return wide / (norm + zero), zero

    def each_unit() -> Iterator[tuple[Array, Array, Array]]:
        for a, block in numbered(row_blocks(X, 1)):
            yield codes[a : a + block.shape[0]], *unit(block)

    sums: Any = 0.0
    zeros: Any = 0.0
    for own, rows, zero in each_unit():
        sums = sums + kernels.reductions.sum_rows_by_label(rows, own, k)
        zeros = zeros + kernels.reductions.sum_rows_by_label(zero, own, k)[:, 0]
    some = points.counts - zeros
    divisors = xp.where(some > 0, some, xp.ones_like(some))[:, None]
    means = sums / divisors
    left: Any = 0.0
    for own, rows, zero in each_unit():
        off = (rows - xp.take(means, own, axis=0)) * (1 - zero)
        left = left + kernels.reductions.sum_rows_by_label(off, own, k)
    means = means + left / divisors  # as in off_means
    scatter: Any = 0.0
    for own, rows, zero in each_unit():
        squares = kernels.distances.assigned_squared_distances(rows, means, own)[:, None] * (
            1 - zero
        )
        scatter = scatter + kernels.reductions.sum_rows_by_label(squares, own, k)[:, 0]

    def sums_of(a: int, b: int) -> Array:
        parts: list[Array] = []
        for start, block in numbered(row_blocks(X[a:b, :], k)):
            rows, zero = unit(block)
            near = (
                kernels.distances.squared_distances(rows, means) * some[None, :] + scatter[None, :]
            )
            here = codes[a + start : a + start + block.shape[0]]
            own = one_hot(here, k, points.wide)
            parts.append((1 - zero) * (near / 2 + zeros) + zero * (points.counts - own))
        return concat(parts)

    return sums_of


def _precomputed(points: Labelled) -> Iterator[tuple[int, int, Array]]:
    check_precomputed(points)
    X, n, k = points.X, points.n, points.k
    if points.sparse:
        from scipy.sparse import csr_matrix

        check_entries(points, X.data if X.nnz else np.zeros(1))
        belongs = csr_matrix((np.ones(n), points.codes, np.arange(n + 1)), shape=(n, k))
        for a, b in spans(n, k):
            yield a, b, (X[a:b].astype(np.float64) @ belongs).toarray()
        return
    for a, b in spans(n, max(k, n), TILE):
        check_entries(points, X[a:b, :])
        yield a, b, points.kernels.reductions.sum_columns_by_label(X[a:b, :], points.codes, k)


def check_precomputed(points: Labelled) -> None:
    """Raise unless X is square with a zero diagonal, up to rounding."""
    X, xp, n = points.X, points.xp, points.n
    if X.shape[1] != n:
        raise ValueError(
            f"Precomputed metric requires shape (n_samples, n_samples): got {tuple(X.shape)}. Pass "
            "the distances between all rows, or another metric for features."
        )
    if points.sparse:
        diagonal = X.diagonal()
    else:
        at = xp.arange(n, device=device(X))[:, None]
        diagonal = xp.take_along_axis(X, at, axis=1)
    (largest,) = host_floats(xp.max(xp.abs(diagonal)))
    if largest > 100 * float(xp.finfo(diagonal.dtype).eps):
        raise ValueError(
            "The precomputed distance matrix contains non-zero elements on the diagonal, up to "
            f"{largest:.3g}: a row is at distance 0 from itself. Use np.fill_diagonal(X, 0)."
        )


def check_entries(points: Labelled, block: Array) -> None:
    """Raise unless the entries are distances."""
    xp = points.xp
    least, most = host_floats(xp.min(block), xp.max(block))
    if not (np.isfinite(least) and np.isfinite(most)):
        raise ValueError(
            f"Input X contains NaN or infinity, but {points.name} needs finite distances."
        )
    if least < 0:
        raise ValueError(
            f"Negative values in data passed to {points.name}: precomputed distances can't be "
            f"below zero, but X contains {least:.3g}."
        )


def _by_chunks(points: Labelled, metric: Any, kwds: dict[str, Any], reduce: Reduce) -> Iterator:
    """Results from scikit-learn's distances, in chunks of its `working_memory`."""

    def of_chunk(D: np.ndarray, start: int) -> tuple:
        D = np.ascontiguousarray(D)
        found = []
        for a, b in spans(len(D), points.k):
            sums = points.kernels.reductions.sum_columns_by_label(D[a:b], points.codes, points.k)
            found.append(reduce(start + a, start + b, sums))
        return tuple(concat(parts) for parts in zip(*found, strict=True))

    X = points.X
    if points.sparse and isinstance(metric, str) and metric in KERNEL_METRICS:
        X = X.astype(np.float64)  # float32 results would lose digits
    return pairwise_distances_chunked(X, reduce_func=of_chunk, metric=metric, **kwds)


def labelled_rows(
    name: str, X: Any, labels: Any, metric: Any, kwds: dict[str, Any], offered: tuple[str, ...]
) -> Labelled:
    """The checked rows and their clusters; raise if the metric is not available for them."""
    check_metric(name, metric, kwds, X, offered)
    precomputed = isinstance(metric, str) and metric == "precomputed"
    X = checked_rows(name, X, sparse=True, finite=not precomputed)
    if hasattr(X, "indptr") and not precomputed:
        n, d = X.shape
        # products of dense rows are faster, and exact, unless few values are stored
        if n * d <= DENSE and (d <= FEW_COLUMNS or X.nnz > STORED * n * d):
            X = X.toarray()
    points = Labelled(name, X, labels)
    points.check_number_of_labels()
    if isinstance(metric, str) and metric in SQUARED:
        points.check_range()
    return points

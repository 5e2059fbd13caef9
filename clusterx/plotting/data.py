"""Data helpers of the displays: from rows and labels on any device to what is drawn.

What is drawn has to be in host memory. Rows are chosen and projected on their device, and only the
drawn columns of the drawn rows are downloaded.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, svds
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, float_dtype, is_array, label_array, namespace, on_host, to_host
from ..rows import Rows
from ..validation import column_names, host_rows, real_array

#: attributes that hold the centre of each cluster
_CENTERS = ("cluster_centers_", "means_", "centroids_")

#: maximum number of rows for principal axes, if there are at least as many columns
_AXES_FROM = 1_000

#: rows of a sparse matrix are made dense up to this many values
_DENSE = 1 << 24


def host(values: Any) -> np.ndarray:
    """Values as a NumPy array, downloaded if they are on a device."""
    values = values.detach() if hasattr(values, "detach") else values
    return to_host(values) if is_array(values) else np.asarray(values)


def host_matrix(name: str, values: Any) -> np.ndarray:
    """The argument as a finite float64 matrix on the host."""
    found = host(real_array(name, values)).astype(np.float64)
    if found.ndim != 2 or 0 in found.shape:
        raise ValueError(
            f"{name} must be a 2-D array with at least one row and one column; got shape "
            f"{found.shape}."
        )
    if not np.isfinite(found).all():
        raise ValueError(f"{name} contains NaN or infinity.")
    return found


def host_labels(name: str, labels: Any, n: int | None = None) -> np.ndarray:
    """The argument as a vector of labels on the host; `n`: the required length."""
    found = host(label_array(labels))
    if found.ndim != 1:
        raise ValueError(
            f"{name} must be a 1-D array, one label per row of X; got shape {found.shape}."
        )
    if n is not None and len(found) != n:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n} rows and "
            f"{name} has {len(found)} entries. Pass the labels of these rows."
        )
    if not len(found):
        raise ValueError(f"{name} is empty: at least one label is needed.")
    if found.dtype == object:
        missing = [value for value in found.tolist() if _is_missing(value)]
        if missing:
            raise ValueError(
                f"{name} has no label for some rows ({missing[0]!r}): drop those rows, or give "
                "them a label of their own."
            )
        plain = label_array(found.tolist())
        found = plain if plain.ndim == 1 else found
    if found.dtype.kind == "f":
        if not np.isfinite(found).all():
            raise ValueError(
                f"{name} contains NaN or infinity: drop those rows, or give them a label of their "
                "own."
            )
        with np.errstate(invalid="ignore"):  # for numbers beyond 64 bits
            whole = found.astype(np.int64)
        if not np.array_equal(whole, found):
            raise ValueError(
                f"{name} must hold whole numbers or strings, got {found.dtype} values that are "
                "not whole."
            )
        return whole
    return found


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)  # only NaN differs from itself
    except TypeError:  # pandas' NA has no truth value
        return True


class Clusters(NamedTuple):
    """Labels as clusters and codes."""

    ids: np.ndarray  # labels of the clusters, rising, noise left out
    codes: np.ndarray  # (n,) place of each label in ids; -1 is noise

    @property
    def n_noise(self) -> int:
        return int(np.count_nonzero(self.codes < 0))


def clusters_of(labels: np.ndarray, k: int | None = None) -> Clusters:
    """The clusters of host labels; -1 is noise. `k`: labels must be in 0..k-1.

    Raises
    ------
    ValueError
        A label belongs to none of the k centres.
    """
    if labels.dtype.kind == "b":
        labels = labels.astype(np.int64)
    ids, codes = np.unique(labels, return_inverse=True)
    if ids.dtype.kind in "iuO" and ids[0] == -1:
        ids, codes = ids[1:], codes - 1
    if k is None:
        return Clusters(ids, codes)
    if len(ids) and not (ids.dtype.kind in "iu" and 0 <= ids[0] and ids[-1] < k):
        raise ValueError(
            f"labels from {ids[0]} to {ids[-1]} don't fit {k} centers: label i belongs to row i of "
            "the centers. Pass the labels and centers of one model."
        )
    return Clusters(np.arange(k), np.where(codes < 0, -1, ids[codes]) if len(ids) else codes)


class PlotTable:
    """The rows of X, in its own library and on its own device.

    Attributes
    ----------
    n, d : int
        Rows and columns.
    names : list of str or None
        Column names, if X or the model has them.
    """

    def __init__(self, X: Any, estimator: Any = None):
        names = getattr(estimator, "feature_names_in_", None)
        if not isinstance(X, Rows):
            if on_host(X):
                found = host_rows("Input X of a display", X, accept_sparse="csr")
                names, X = column_names(X) if names is None else names, found
            elif X.ndim != 2 or 0 in X.shape:
                raise ValueError(
                    f"Expected 2D array with at least one row and column, got shape "
                    f"{tuple(X.shape)}."
                )
            X = X.detach() if hasattr(X, "detach") else X
        self.X = X
        self.n, self.d = X.shape
        self.names = None if names is None else [str(name) for name in names]

    def take(self, indices: np.ndarray | None) -> Any:
        """The rows at the indices, or all of them for None; a CSR matrix stays one."""
        if isinstance(self.X, Rows):
            return self.X.take(np.arange(self.n) if indices is None else indices)
        if indices is None:
            return self.X
        if on_host(self.X):
            return self.X[indices]
        return namespace(self.X).take(self.X, asarray(indices, like=self.X), axis=0)

    def name(self, column: int) -> str:
        """The column's name, or a substitute such as 'Feature 3'."""
        return self.names[column] if self.names else f"Feature {column}"


def check_count(name: str, value: Any) -> int:
    """The argument as a whole number of at least one."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number of at least 1, got {value!r}.")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}.")
    return int(value)


def sample(n: int, size: int, random_state: Any) -> np.ndarray | None:
    """A random sample of `size` of n indices, in rising order; None (all) if n is not larger."""
    if n <= size:
        return None
    rng = check_random_state(random_state)
    return np.sort(sample_without_replacement(n, size, random_state=rng))


def fitted_labels(estimator: Any, X: Any, n: int) -> np.ndarray:
    """The model's labels of the n rows of X, on the host.

    Raises
    ------
    NotFittedError
    ValueError
        The model can't predict, and X is not the data it was fitted to.
    """
    check_is_fitted(estimator)
    if hasattr(estimator, "predict"):
        return host_labels("predict(X)", estimator.predict(X), n)
    name = type(estimator).__name__
    if not hasattr(estimator, "labels_"):
        raise TypeError(
            f"{name} has neither predict nor labels_, so it gives rows no labels. Pass a fitted "
            "clustering model, or use from_predictions."
        )
    labels = host_labels("labels_", estimator.labels_)
    if len(labels) != n:
        raise ValueError(
            f"{name} has no predict, and its labels_ belong to {len(labels)} rows, but X has {n}. "
            "Pass the X that it was fitted to."
        )
    return labels


def fitted_centers(estimator: Any) -> np.ndarray | None:
    """The model's centres on the host, (k, d); None if it has none."""
    for name in _CENTERS:
        if getattr(estimator, name, None) is not None:
            return host_matrix(name, getattr(estimator, name))
    return None


class Plane(NamedTuple):
    """Points of the plane, as they are drawn."""

    points: np.ndarray  # (m, 2)
    centers: np.ndarray | None  # (k, 2)
    names: tuple[str, str]  # of the axes


def in_plane(
    table: PlotTable, indices: np.ndarray | None, centers: np.ndarray | None, features: Any
) -> Plane:
    """The rows at the indices, and the centres, as points of a plane; see ClusterScatterDisplay."""
    if centers is not None and centers.shape[1] != table.d:
        raise ValueError(
            f"centers has {centers.shape[1]} columns and X has {table.d} features. Pass the "
            "centers of a model that was fitted to these features."
        )
    rows = table.take(indices)
    columns = _columns(table, features)
    if columns is None:
        return _principal_plane(rows, centers)
    if hasattr(rows, "toarray"):
        points = rows[:, columns].toarray().astype(np.float64)
    else:
        xp = namespace(rows)
        chosen = xp.take(rows, asarray(np.array(columns), like=rows), axis=1)
        points = to_host(xp.astype(chosen, float_dtype(xp, rows)))
    check_finite(points)
    if len(columns) == 1:
        height = np.arange(table.n) if indices is None else indices
        points = np.column_stack([points, height])
        if centers is not None:
            centers = np.column_stack([centers, np.full(len(centers), (table.n - 1) / 2)])
        return Plane(points, centers, (table.name(0), "Row"))
    names = table.name(columns[0]), table.name(columns[1])
    return Plane(points, None if centers is None else centers[:, columns], names)


def _columns(table: PlotTable, features: Any) -> list[int] | None:
    """Indices of the drawn columns; None for the principal plane."""
    if isinstance(features, str):
        if features != "pca":
            raise ValueError(
                f"features must be 'pca' or two columns of X, by index or name; got {features!r}."
            )
        return None if table.d > 1 else [0]
    if features is None:
        return None if table.d > 2 else list(range(table.d))
    if not isinstance(features, Sequence | np.ndarray) or len(features) != 2:
        raise ValueError(
            f"features must be 'pca' or two columns of X, by index or name; got {features!r}."
        )
    return [_column(table, feature) for feature in features]


def _column(table: PlotTable, feature: Any) -> int:
    if isinstance(feature, str):
        if table.names is None:
            raise ValueError(
                f"features names the column {feature!r}, but the columns of X have no names. Pass "
                "indices, or a data frame."
            )
        if feature not in table.names:
            raise ValueError(
                f"features names the column {feature!r}, which X does not have; its columns are "
                f"{', '.join(map(repr, table.names[:20]))}{', ...' * (len(table.names) > 20)}."
            )
        return table.names.index(feature)
    if not isinstance(feature, numbers.Integral):
        raise TypeError(f"features must hold indices or names of columns, got {feature!r}.")
    if not -table.d <= feature < table.d:
        raise ValueError(f"features names column {feature}, but X has {table.d} columns.")
    return int(feature) % table.d


def _principal_plane(rows: Any, centers: np.ndarray | None) -> Plane:
    """The rows and centres projected to the two principal axes of the rows."""
    if hasattr(rows, "toarray"):
        large = rows.shape[0] * rows.shape[1] > _DENSE
        points, mean, axes, total = (_projected_csr if large else _projected)(
            rows if large else rows.toarray()
        )
    else:
        points, mean, axes, total = _projected(rows)
    shares = (points**2).mean(axis=0) / total if total > 0 else np.zeros(2)
    if centers is not None:
        centers = (centers - mean) @ axes
    names = (
        f"First principal component ({shares[0]:.0%} of variance)",
        f"Second principal component ({shares[1]:.0%} of variance)",
    )
    return Plane(points, centers, names)


def _projected(rows: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Points on the principal axes, the rows' mean, the axes, and the total variance, on the host.

    Everything is computed on the device of the rows.
    """
    xp = namespace(rows)
    rows = xp.astype(rows, float_dtype(xp, rows))
    mean = xp.mean(rows, axis=0)
    check_finite(to_host(mean))
    rows = rows - mean
    axes = _principal_axes(rows)
    total = float(to_host(xp.mean(rows * rows, axis=0)).sum())
    return to_host(rows @ axes), to_host(mean), to_host(axes), total


def _projected_csr(rows: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """As `_projected`, for a CSR matrix that is too large to be made dense."""
    check_finite(rows.data)
    rows = rows.astype(np.float64)
    mean = np.asarray(rows.mean(axis=0)).ravel()
    total = float(np.asarray(rows.multiply(rows).mean(axis=0)).sum() - mean @ mean)
    centered = LinearOperator(
        rows.shape,
        matvec=lambda v: rows @ v - mean @ v,
        rmatvec=lambda u: rows.T @ u - mean * u.sum(),
        dtype=np.float64,
    )
    if not total > 0:  # no direction is better than another
        axes = np.zeros((rows.shape[1], 2))
        return np.zeros((rows.shape[0], 2)), mean, axes, 0.0
    start = np.random.RandomState(0).standard_normal(min(rows.shape))
    axes = svds(centered, k=2, v0=start)[2][::-1].T  # in rising order of singular values
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1)
    return rows @ axes - mean @ axes, mean, axes, total


def _principal_axes(rows: Array) -> Array:
    """The two principal axes of centred rows, (d, 2), each with its largest entry positive."""
    xp = namespace(rows)
    m, d = rows.shape
    if min(m, d) > _AXES_FROM:
        rows = rows[:: -(-m // _AXES_FROM), :]
        m = rows.shape[0]
    if d <= m:
        vectors = xp.linalg.eigh(rows.T @ rows).eigenvectors
        axes = xp.flip(vectors, axis=1)[:, : min(2, d)]
    else:  # the d x d matrix would be large
        axes = xp.linalg.svd(rows, full_matrices=False).Vh[: min(2, m), :].T
    if axes.shape[1] == 1:
        axes = xp.concat([axes, xp.zeros_like(axes)], axis=1)
    largest = xp.take_along_axis(axes, xp.argmax(xp.abs(axes), axis=0)[None, :], axis=0)
    return xp.where(largest < 0, -axes, axes)


def check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("Input X contains NaN or infinity: drop or impute those rows first.")

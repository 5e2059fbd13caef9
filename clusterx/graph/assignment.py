"""Clusters from spectral embeddings."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from ..arrays import Array, asarray, device, float_dtype, namespace, on_host, to_host
from ..blocks import one_hot

#: Maximum number of rotations.
ROTATIONS = 20


def cluster_qr(vectors: Array) -> Array:
    """Clusters from a pivoted QR of an embedding (Damle, Minden and Ying, 2019).

    Parameters
    ----------
    vectors : array of shape (n, k)

    Returns
    -------
    array of shape (n,)
        Labels below k, int32, on the device of `vectors`.
    """
    V = _wide(vectors)
    xp, k = namespace(V), V.shape[1]
    left, chosen = V, []
    for _ in range(k):  # QR of the transpose with column pivoting, one pivot at a time
        at = xp.reshape(xp.argmax(xp.sum(left * left, axis=1)), (1,))
        chosen.append(at)
        pivot = xp.take(left, at, axis=0)
        length = xp.sqrt(xp.sum(pivot * pivot))
        pivot = pivot / xp.where(length > 0, length, xp.ones_like(length))
        left = left - (left @ pivot.T) @ pivot
    rows = to_host(xp.take(V, xp.concat(chosen), axis=0))
    U, _, W = np.linalg.svd(rows.T)
    turned = xp.abs(V @ asarray(U @ W, like=V, dtype=V.dtype))
    return xp.astype(xp.argmax(turned, axis=1), xp.int32)


def discretize(
    vectors: Array, *, max_svd_restarts: int = 30, n_iter_max: int = ROTATIONS, random_state=None
) -> Array:
    """Clusters from the rotation of an embedding closest to a partition (Yu and Shi, 2003).

    Parameters
    ----------
    vectors : array of shape (n, k)
    max_svd_restarts : int, default=30
        How often another first row is drawn if a decomposition fails.
    n_iter_max : int, default=20
        Maximum number of rotations.
    random_state : int, RandomState or None, default=None
        For the choice of the first row.

    Returns
    -------
    array of shape (n,)
        Labels below k, int32, on the device of `vectors`.

    Raises
    ------
    numpy.linalg.LinAlgError
        All decompositions failed.
    """
    rng = check_random_state(random_state)
    V = _wide(vectors)
    xp, n = namespace(V), V.shape[0]
    length = xp.sqrt(xp.sum(V * V, axis=0, keepdims=True))
    V = V / xp.where(length > 0, length, xp.ones_like(length)) * n**0.5
    V = V * xp.where(V[:1, :] > 0, -xp.ones_like(length), xp.ones_like(length))
    length = xp.sqrt(xp.sum(V * V, axis=1, keepdims=True))
    V = V / xp.where(length > 0, length, xp.ones_like(length))
    for _ in range(max_svd_restarts):
        try:
            return _rotated(V, _first_rotation(V, int(rng.randint(n))), n_iter_max)
        except np.linalg.LinAlgError:
            continue
    raise np.linalg.LinAlgError("SVD did not converge")


def _first_rotation(V: Array, row: int) -> Array:
    """Rows that are as orthogonal to each other as possible, as columns."""
    xp = namespace(V)
    columns = [V[row, :]]
    alike = xp.zeros(V.shape[0], dtype=V.dtype, device=device(V))
    for _ in range(V.shape[1] - 1):
        alike = alike + xp.abs(V @ columns[-1])
        columns.append(xp.take(V, xp.reshape(xp.argmin(alike), (1,)), axis=0)[0, :])
    return xp.stack(columns, axis=1)


def _rotated(V: Array, rotation: Array, most: int) -> Array:
    xp, (n, k) = namespace(V), V.shape
    last = 0.0
    for step in range(1, most + 2):
        labels = xp.astype(xp.argmax(V @ rotation, axis=1), xp.int32)
        sums = to_host(one_hot(labels, k, V.dtype).T @ V)
        U, sizes, W = np.linalg.svd(sums)
        cut = 2.0 * (n - sizes.sum())
        if abs(cut - last) < np.finfo(float).eps or step > most:
            break
        last = cut
        rotation = asarray(np.ascontiguousarray(W.T @ U.T), like=V, dtype=V.dtype)
    return labels


def _wide(vectors: Array) -> Array:
    V = np.asarray(vectors) if on_host(vectors) else vectors
    xp = namespace(V)
    return xp.astype(V, float_dtype(xp, V))

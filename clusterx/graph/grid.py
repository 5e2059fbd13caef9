"""Graphs of neighbouring pixels, as sparse matrices."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from scipy import sparse


def grid_to_graph(
    n_x: int,
    n_y: int,
    n_z: int = 1,
    *,
    mask: Any = None,
    return_as: type = sparse.coo_array,
    dtype: Any = int,
) -> Any:
    """The graph of a grid of pixels, each joined to its neighbours along x, y and z.

    Parameters
    ----------
    n_x, n_y : int
    n_z : int, default=1
        Pixels along each axis.
    mask : array of shape (n_x, n_y, n_z) or (n_x, n_y), default=None
        Nonzero for the pixels to use; all by default.
    return_as : class, default=scipy.sparse.coo_array
        ``numpy.ndarray``, or a class of sparse matrices.
    dtype : dtype, default=int

    Returns
    -------
    graph : matrix of shape (n_pixels, n_pixels)
        Ones for neighbours and on the diagonal; pixels are ordered by (x, y, z).

    Raises
    ------
    TypeError, ValueError
        A size is not a whole number of at least 1, or the mask does not have one entry per pixel.

    Examples
    --------
    >>> from clusterx import grid_to_graph
    >>> grid_to_graph(2, 2).toarray().tolist()
    [[1, 1, 1, 0], [1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 1]]
    """
    shape = tuple(_size(name, n) for name, n in (("n_x", n_x), ("n_y", n_y), ("n_z", n_z)))
    edges, number = _edges(shape), None
    if mask is not None:
        mask = _mask(mask, shape)
        edges, _, number = _masked(edges, None, mask)
    pixels = int(np.prod(shape)) if number is None else number
    ones = np.ones(edges.shape[1], dtype), np.ones(pixels, dtype)
    return _graph(edges, *ones, return_as, dtype)


def img_to_graph(
    img: Any, *, mask: Any = None, return_as: type = sparse.coo_array, dtype: Any = None
) -> Any:
    """The graph of an image, weighted by the differences of neighbouring pixels.

    Parameters
    ----------
    img : array of shape (height, width) or (height, width, depth)
        The third axis is a spatial axis too.
    mask : array of the shape of img, default=None
        Nonzero for the pixels to use; all by default.
    return_as : class, default=scipy.sparse.coo_array
        ``numpy.ndarray``, or a class of sparse matrices.
    dtype : dtype, default=None
        By default that of img, or a wider one if it can't hold all differences.

    Returns
    -------
    graph : matrix of shape (n_pixels, n_pixels)
        Absolute differences of neighbours, and the pixels on the diagonal.

    Notes
    -----
    Differences of 8-bit pixels are exact, whereas scikit-learn's wrap around.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import img_to_graph
    >>> img_to_graph(np.array([[0, 0], [0, 1]]), return_as=np.ndarray).tolist()
    [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 1, 1]]
    """
    img = np.atleast_3d(np.asarray(img))
    if img.ndim != 3 or 0 in img.shape or img.dtype.kind not in "biuf":
        raise ValueError(
            "img must be an image of shape (height, width) or (height, width, depth) of real "
            f"numbers; got shape {img.shape} and dtype {img.dtype}."
        )
    edges, flat = _edges(img.shape), img.ravel()
    a, b = flat[edges[0]], flat[edges[1]]
    weights = _differences(a, b)
    if dtype is None:
        dtype = np.result_type(img.dtype, weights.dtype) if weights.size else img.dtype
    if mask is not None:
        mask = _mask(mask, img.shape)
        edges, weights, _ = _masked(edges, weights, mask)
        flat = flat[mask]
    return _graph(edges, weights, flat, return_as, dtype)


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Absolute differences, in the dtype of the pixels if it can hold them."""
    with np.errstate(over="ignore"):
        found = np.where(a > b, a, b) ^ np.where(a > b, b, a) if a.dtype.kind == "b" else None
        if found is not None:
            return found
        found = np.where(a > b, a, b) - np.where(a > b, b, a)
    if a.dtype.kind == "i" and (found < 0).any():
        wide = np.maximum(a, b).astype(np.float64) - np.minimum(a, b)
        return wide if a.dtype.itemsize == 8 else wide.astype(np.int64)
    return found


def _size(name: str, n: Any) -> int:
    if not isinstance(n, numbers.Integral) or isinstance(n, bool):
        raise TypeError(f"{name} must be a whole number of at least 1, got {n!r}.")
    if n < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {n!r}.")
    return int(n)


def _mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The mask as a flat array of booleans."""
    found = np.asarray(mask)
    if found.size != np.prod(shape):
        raise ValueError(
            f"mask has shape {found.shape}, but the pixels have shape {shape}: pass one entry per "
            "pixel."
        )
    return found.astype(bool).ravel()


def _edges(shape: tuple[int, ...]) -> np.ndarray:
    """The two pixels (2, m) of each edge: along z, then y, then x."""
    pixels = np.arange(np.prod(shape)).reshape(shape)
    deep = pixels[:, :, :-1].ravel(), pixels[:, :, 1:].ravel()
    right = pixels[:, :-1].ravel(), pixels[:, 1:].ravel()
    down = pixels[:-1].ravel(), pixels[1:].ravel()
    return np.hstack([np.vstack(pair) for pair in (deep, right, down)])


def _masked(
    edges: np.ndarray, weights: np.ndarray | None, mask: np.ndarray
) -> tuple[np.ndarray, Any, int]:
    """Edges between pixels of the mask, renumbered; their weights; the number of pixels."""
    kept = mask[edges[0]] & mask[edges[1]]
    number = np.cumsum(mask) - 1
    return number[edges[:, kept]], None if weights is None else weights[kept], int(mask.sum())


def _graph(
    edges: np.ndarray, weights: np.ndarray, diagonal: np.ndarray, return_as: type, dtype: Any
) -> Any:
    places, n = np.arange(len(diagonal)), len(diagonal)
    rows, columns = (
        np.concatenate([edges[0], edges[1], places]),
        np.concatenate([edges[1], edges[0], places]),
    )
    values = np.concatenate([weights, weights, diagonal]).astype(dtype, copy=False)
    graph = sparse.coo_array((values, (rows, columns)), shape=(n, n))
    return graph.toarray() if return_as is np.ndarray else return_as(graph)

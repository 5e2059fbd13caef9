"""Segmentation by colour: segments of pixels that are alike in colour and, if asked, in place."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array, asarray, dtype_name, namespace, to_host
from ..arrays import device as array_device
from ..centroid.kmeans import KMeans
from ..kernels import kernels_for
from ..properties import cached_property
from .device import back, move
from .pixels import PEAK, Pixels, as_pixels, coordinates, paint, stored
from .quantize import quantize
from .regions import merge_small_regions


@dataclass(frozen=True, eq=False)
class Segmentation:
    """An image divided into segments: what `segment_colors` returns.

    Attributes
    ----------
    labels : array of shape (height, width), int32
        Segment of every pixel.
    colors : array of shape (k, c)
        Mean colour of each segment, of the image's dtype, from dark to light.
    counts : array of shape (k,), int64
        Number of pixels of each segment, at least 1.
    """

    labels: Array
    colors: Array
    counts: Array
    shape: tuple[int, ...] = field(repr=False)

    @cached_property
    def image(self) -> Array:
        """The image with every segment in its mean colour, of the original's shape and dtype."""
        return paint(self.labels, self.colors, self.shape)


def segment_colors(
    image: Any,
    n_colors: int = 8,
    *,
    spatial_weight: float = 0.0,
    min_size: int = 1,
    max_iter: int = 100,
    random_state: Any = None,
    device: str = "auto",
    max_pixels: int | None = None,
) -> Segmentation:
    """Divide an image into segments of similar colour by k-means.

    Parameters
    ----------
    image : array, path, PIL image or open binary file
        As in `quantize`.
    n_colors : int, default=8
        Number of segments. There may be fewer, if the image has fewer colours or small regions are
        merged.
    spatial_weight : float, default=0.0
        Weight of a pixel's place beside its colour: with 1, the longer side of the image counts as
        much as the step from black to white in one channel, and segments are compact. With 0,
        pixels of one colour are in one segment wherever they are.
    min_size : int, default=1
        Connected regions (by sides) of fewer pixels join the adjacent region whose segment has the
        most similar mean colour, smaller regions first.
    max_iter : int, default=100
        Maximum number of iterations of k-means.
    random_state : int, RandomState or None
        An int makes the result reproducible.
    device, max_pixels
        As in `quantize`. Small regions are merged on the host, from the labels.

    Returns
    -------
    Segmentation

    Raises
    ------
    ValueError, TypeError
        A parameter is out of range, or `image` is not an image; see `quantize`.

    Notes
    -----
    Without `spatial_weight`, k-means runs on the unique colours, weighted by their counts; the rest
    takes O(n) time for n pixels. With it, every pixel is a row of its own: O(n k) time per
    iteration, and 4 (c + 2) n bytes.

    Examples
    --------
    >>> from clusterx.image import segment_colors
    >>> found = segment_colors("sample:flower.jpg", 4, min_size=50, random_state=0)
    >>> found.labels.shape, found.colors.shape
    ((427, 640), (4, 3))
    """
    _check(spatial_weight, min_size)
    pixels = as_pixels(image, max_pixels=max_pixels)
    rows = move(pixels.rows, device, from_file=pixels.from_file)
    if spatial_weight == 0:
        own = namespace(rows).reshape(rows, pixels.shape)
        result = quantize(own, n_colors, max_iter=max_iter, random_state=random_state)
        labels = namespace(rows).reshape(result.indices, (-1,))
    else:
        model = KMeans(n_colors, max_iter=max_iter, random_state=random_state)
        labels = model.fit(_with_places(rows, pixels.shape, spatial_weight)).labels_
    if min_size > 1:
        means, _ = _means(rows, labels)
        host = to_host(labels).reshape(pixels.shape[:2])
        merged = merge_small_regions(host, to_host(means), min_size)
        labels = asarray(merged.reshape(-1), like=rows)
    return _result(pixels, rows, labels)


def _check(spatial_weight: Any, min_size: Any) -> None:
    if not isinstance(spatial_weight, numbers.Real) or not 0 <= float(spatial_weight) < math.inf:
        raise ValueError(f"spatial_weight must be a number of at least 0, got {spatial_weight!r}.")
    whole = isinstance(min_size, numbers.Integral) and not isinstance(min_size, bool)
    if not whole or min_size < 1:
        raise ValueError(f"min_size must be a whole number of at least 1, got {min_size!r}.")


def _with_places(rows: Array, shape: tuple[int, ...], weight: float) -> Array:
    """Coordinates of the colours, and rows and columns scaled to them."""
    xp, (height, width) = namespace(rows), shape[:2]
    scale = weight * PEAK[dtype_name(rows.dtype)] / max(height, width)
    axes = (
        xp.arange(n, dtype=xp.float32, device=array_device(rows)) * scale for n in (height, width)
    )
    places = xp.meshgrid(*axes, indexing="ij")
    columns = [xp.reshape(place, (-1, 1)) for place in places]
    return xp.concat([coordinates(rows), *columns], axis=1)


def _means(rows: Array, labels: Array) -> tuple[Array, np.ndarray]:
    """Mean coordinates and number of the pixels of each label."""
    xp = namespace(rows)
    counts = np.bincount(to_host(labels).astype(np.int64))
    sums = kernels_for(xp).reductions.sum_rows_by_label
    own = xp.astype(labels, xp.int32)
    totals = to_host(sums(coordinates(rows), own, len(counts)))
    return asarray(totals / np.maximum(counts, 1)[:, None], like=rows), counts


def _result(pixels: Pixels, rows: Array, labels: Array) -> Segmentation:
    """Sort segments from dark to light, and drop empty ones."""
    means, counts = _means(rows, labels)
    xp = namespace(rows)
    colors = to_host(stored(xp.astype(means, xp.float32), rows.dtype))
    used = np.flatnonzero(counts)
    shown = coordinates(colors)[used]
    luma = shown[:, :3] @ [0.299, 0.587, 0.114] if shown.shape[1] > 1 else shown[:, 0]
    order = used[np.argsort(luma, kind="stable")]
    places = np.zeros(len(counts), np.int32)
    places[order] = np.arange(len(order))
    new = xp.take(asarray(places, like=rows), xp.astype(labels, xp.int64), axis=0)
    return Segmentation(
        labels=back(xp.reshape(new, pixels.shape[:2]), pixels.rows),
        colors=back(asarray(colors[order], like=rows), pixels.rows),
        counts=back(asarray(counts[order], like=rows), pixels.rows),
        shape=pixels.shape,
    )

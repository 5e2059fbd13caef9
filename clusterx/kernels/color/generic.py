"""Unique colours, their counts, and the way back to pixels, in the array API standard alone.

The definition that tuned kernels are tested against. A colour's key is its Morton code: the bits
of its channels interleaved, most significant first.
"""

from __future__ import annotations

from typing import Any

from ...arrays import Array, device, dtype_name, host_floats, namespace

_BITS = {"uint8": 8, "uint16": 16}


def color_counts(pixels: Array) -> tuple[Array, Array]:
    """Unique colours in Morton order, and the number of pixels of each.

    Parameters
    ----------
    pixels : array of shape (n, c)
        uint8 or uint16, c in {1, 3, 4}.

    Returns
    -------
    colors : array of shape (u, c)
        Of the dtype of `pixels`, in the order of their interleaved bits, first channel first.
    counts : array of shape (u,), int64
    """
    xp = namespace(pixels)
    keys, counts = xp.unique_counts(_keys(xp, pixels))
    order = xp.argsort(keys)
    colors = _colors(xp, xp.take(keys, order, axis=0), pixels)
    return colors, xp.astype(xp.take(counts, order, axis=0), xp.int64)


def remap(pixels: Array, colors: Array, labels: Array) -> Array:
    """Label of the colour of every pixel.

    Parameters
    ----------
    pixels : array of shape (n, c)
        uint8 or uint16, c in {1, 3, 4}.
    colors : array of shape (u, c)
        Distinct colours of the same dtype, every colour of `pixels` among them.
    labels : array of shape (u,)
        Label of each colour, not negative.

    Returns
    -------
    indices : array of shape (n,)
        The least of uint8, uint16 and int32 that holds the largest label.
    """
    xp = namespace(pixels)
    keys = _keys(xp, colors)
    order = xp.argsort(keys)
    found = xp.searchsorted(xp.take(keys, order, axis=0), _keys(xp, pixels))
    indices = xp.take(xp.take(labels, order, axis=0), found, axis=0)
    return xp.astype(indices, _index_dtype(xp, labels))


def group_sums(values: Array, groups: Array, n: int) -> Array:
    """Sums of values over each of n groups, in their dtype; 0 for an empty group.

    Parameters
    ----------
    values : array of shape (u,), floating
    groups : array of shape (u,), int32
        In 0..n - 1.
    n : int
    """
    xp = namespace(values)
    order = xp.argsort(groups)
    numbers = xp.arange(n, dtype=xp.int32, device=device(values))
    ends = xp.searchsorted(xp.take(groups, order), numbers, side="right")
    # array-api-strict 2.5 puts the zero of `include_initial` on another device
    none = xp.zeros((1,), dtype=values.dtype, device=device(values))
    until = xp.concat([none, xp.cumulative_sum(xp.take(values, order))])
    until = xp.take(until, ends)
    return xp.concat([until[:1], until[1:] - until[:-1]])


def nearest_two(points: Array, centers: Array) -> tuple[Array, Array, Array]:
    """Label (n,) int32 of the nearest centre, squared distances to it and to the second nearest.

    Channels are added up in their order, in float32; ties go to the lowest label.

    Parameters
    ----------
    points : array of shape (c, n), float32
    centers : array of shape (k, c), float32
    """
    xp, like = namespace(points), points[0, :]
    first, second = xp.full_like(like, xp.inf), xp.full_like(like, xp.inf)
    labels = xp.zeros_like(like, dtype=xp.int32)
    for j in range(centers.shape[0]):
        apart = [points[i, :] - centers[j, i] for i in range(points.shape[0])]
        squared = sum(part * part for part in apart)
        labels = xp.where(squared < first, xp.full_like(labels, j), labels)
        second = xp.minimum(second, xp.maximum(first, squared))
        first = xp.minimum(first, squared)
    return labels, first, second


def _index_dtype(xp: Any, labels: Array) -> Any:
    largest = host_floats(xp.max(labels))[0] if labels.shape[0] else 0
    return xp.uint8 if largest < 1 << 8 else xp.uint16 if largest < 1 << 16 else xp.int32


def _keys(xp: Any, pixels: Array) -> Array:
    """Morton codes as int64; 64-bit ones less 2**63, so that they too sort as unsigned ones do."""
    places = _places(pixels)
    lowest = -(1 << 63) if len(places) * len(places[0]) == 64 else 0
    keys = xp.full(pixels.shape[0], lowest, dtype=xp.int64, device=device(pixels))
    for channel, own in enumerate(places):
        values = xp.astype(pixels[:, channel], xp.int64)
        for bit, place in enumerate(own):
            keys = keys ^ (values >> bit & 1) << place
    return keys


def _colors(xp: Any, keys: Array, pixels: Array) -> Array:
    """The colours that keys were made of."""
    places = _places(pixels)
    if len(places) * len(places[0]) == 64:
        keys = keys ^ -(1 << 63)
    columns = []
    for own in places:
        values = xp.zeros_like(keys)
        for bit, place in enumerate(own):
            values = values | (keys >> place & 1) << bit
        columns.append(xp.astype(values, pixels.dtype))
    return xp.stack(columns, axis=1)


def _places(pixels: Array) -> list[list[int]]:
    """Place in the key of every bit, lowest first, of every channel."""
    c = pixels.shape[1]
    return [
        [bit * c + c - 1 - channel for bit in range(_BITS[dtype_name(pixels.dtype)])]
        for channel in range(c)
    ]

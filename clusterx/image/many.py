"""One palette for several images, or for all frames of an animation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arrays import Array, concat, device, dtype_name, float_dtype, namespace
from ..kernels import kernels_for
from .cells import Groups, sums_in
from .clustering import Clustering, squared_error
from .device import move
from .dithering import as_dither
from .entries import by_palette
from .pixels import Pixels, Space, as_pixels
from .quantize import QuantizedImage, quantized, timed
from .settings import Settings
from .targets import fewest_colors
from .weighting import check_importance, importance_of_colors


def quantize_many(
    images: Iterable[Any],
    n_colors: int = 16,
    *,
    space: str = "srgb",
    lightness: float = 1.0,
    dither: Any = "none",
    importance: Iterable[Any] | None = None,
    device: str = "auto",
    max_pixels: int | None = None,
    **parameters: Any,
) -> list[QuantizedImage]:
    """Reduce images to few colours that all of them share.

    The palette is that of a single image with the pixels of all images: every pixel counts the
    same, so a large image weighs more than a small one.

    Parameters
    ----------
    images : iterable of array, path, PIL image or open binary file
        Of any sizes; all with the same channels, dtype and device.
    n_colors : int, default=16
        Colours of the shared palette.
    space, lightness, dither, device, max_pixels
        As in `quantize`.
    importance : iterable of arrays of shape (height, width), optional
        Weight of each pixel of each image; 1 by default.
    **parameters
        Other parameters of `quantize`.

    Returns
    -------
    list of QuantizedImage
        All with the same palette; `counts`, `mse` and `psnr` are each image's own, and `inertia`
        and `n_unique` those of all together. A colour may have a count of 0.

    Raises
    ------
    ValueError
        There are no images, or they differ in channels or dtype.

    Notes
    -----
    All images are in memory at once; the clustering works on their unique colours.

    Examples
    --------
    >>> from clusterx.image import quantize_many
    >>> china, flower = quantize_many(["sample:china.jpg", "sample:flower.jpg"], 8, random_state=0)
    >>> bool((china.palette == flower.palette).all())
    True
    """
    settings = Settings(n_colors, space=Space(space, lightness), **parameters)
    how = as_dither(dither, space)
    seconds: dict[str, float] = {}
    with timed(seconds, "read"):
        pixels = [as_pixels(image, max_pixels=max_pixels) for image in images]
        _check_alike(pixels)
        first = pixels[0].rows
        settings.check(first.shape[1], dtype_name(first.dtype))
        matters = _as_many(importance, pixels)
        rows = [move(own.rows, device, from_file=own.from_file) for own in pixels]
    kernels = kernels_for(namespace(*rows)).color
    with timed(seconds, "count"):
        pieces = [kernels.color_counts(own) for own in rows]
        colors, counts = merged_counts(pieces)
        weights = None
        for own, matter in zip(rows, matters, strict=False):
            more = importance_of_colors(matter, own, colors)
            weights = more if weights is None else weights + more
    with timed(seconds, "cluster"):
        n_values = sum(own.shape[0] * own.shape[1] for own in rows)
        found = fewest_colors(colors, counts, n_values, settings, weights)
    results = []
    for own, image, (own_colors, own_counts) in zip(rows, pixels, pieces, strict=True):
        own_seconds = dict(seconds)
        if how.active and found.error > 0:
            with timed(own_seconds, "dither"):
                entries = by_palette(own, image.shape[:2], found.palette, how)
            mine = found._replace(counts=entries.counts, error=entries.error)
            results.append(quantized(image, own, entries.indices, mine, space, own_seconds))
            continue
        with timed(own_seconds, "remap"):
            indices = kernels.remap(own, colors, found.labels)
            mine = _share_of(found, colors, own_colors, own_counts)
        results.append(quantized(image, own, indices, mine, space, own_seconds))
    return results


def _check_alike(pixels: list[Pixels]) -> None:
    if not pixels:
        raise ValueError("images is empty. Pass at least one image.")
    kinds = [(own.rows.shape[1], dtype_name(own.rows.dtype)) for own in pixels]
    for place, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise ValueError(
                f"Image {place} has {kind[0]} channel(s), {kind[1]}, and the first one has "
                f"{kinds[0][0]}, {kinds[0][1]}. Convert them to the same kind."
            )


def _as_many(importance: Iterable[Any] | None, pixels: list[Pixels]) -> list[Any]:
    """One array per image, or none at all."""
    if importance is None:
        return []
    found = list(importance)
    if len(found) != len(pixels):
        raise ValueError(
            f"importance has {len(found)} arrays, and there are {len(pixels)} images. Pass one for "
            "each."
        )
    for own, image in zip(found, pixels, strict=True):
        check_importance(own, image.shape)
    return found


def merged_counts(pieces: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """The unique colours of all images and how often they occur."""
    if len(pieces) == 1:
        return pieces[0]
    every = concat([colors for colors, _ in pieces])
    xp = namespace(every)
    kernels = kernels_for(xp).color
    colors, _ = kernels.color_counts(every)
    places = _places(every, colors)
    groups = Groups(places, colors.shape[0])
    return colors, _counts_in(groups, concat([own for _, own in pieces]))


def _counts_in(groups: Groups, counts: Array) -> Array:
    """Sums of whole numbers over groups; float64 holds them exactly."""
    xp = namespace(counts)
    found = sums_in(groups, xp.astype(counts, float_dtype(xp, counts)))
    return xp.astype(xp.round(found), xp.int64)


def _places(some: Array, colors: Array) -> Array:
    xp = namespace(colors)
    numbers = xp.arange(colors.shape[0], dtype=xp.int32, device=device(colors))
    return xp.astype(kernels_for(xp).color.remap(some, colors, numbers), xp.int32)


def _share_of(found: Clustering, colors: Array, own: Array, counts: Array) -> Clustering:
    """The clustering restricted to the colours of one image."""
    xp = namespace(colors)
    labels = xp.take(found.labels, _places(own, colors), axis=0)
    population = _counts_in(Groups(labels, found.palette.shape[0]), counts)
    error = squared_error(own, counts, found.palette, labels)
    return found._replace(labels=labels, counts=population, error=error)

"""How far a result is from its original: MSE, PSNR, SSIM and CIEDE2000.

References
----------
Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
similarity", IEEE Transactions on Image Processing 13(4), 2004.
Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test
data, and mathematical observations", Color Research and Application 30(1), 2005.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, concat, dtype_name, float_dtype, host_floats, namespace
from .colorspace import convert
from .pixels import PEAK, Pixels, as_pixels, coordinates, psnr

#: width of the window of SSIM, and standard deviation of its Gaussian: Wang's choice
_WINDOW, _SIGMA = 11, 1.5
#: pixels compared at once
_BLOCK = 1 << 18


class ImageQuality(NamedTuple):
    """How far an image is from another; see `compare`."""

    mse: float
    psnr: float  # dB, infinite where there is no error
    ssim: float  # at most 1
    delta_e: float  # mean CIEDE2000
    delta_e_95: float  # 95th percentile of CIEDE2000


def compare(original: Any, result: Any, *, max_pixels: int | None = None) -> ImageQuality:
    """How far an image is from its original.

    Parameters
    ----------
    original, result : array, path, PIL image, open binary file, or QuantizedImage
        Both of one size and dtype. Grey counts as RGB, and RGB as opaque RGBA, if the other image
        has those channels.
    max_pixels : int, optional
        Largest file to decode.

    Returns
    -------
    ImageQuality
        `mse`, mean squared difference of the channels; `psnr`, in dB; `ssim`, structural
        similarity, the mean over the channels, with a Gaussian window of 11 x 11 pixels (as large
        as fits in smaller images); `delta_e` and `delta_e_95`, mean and 95th percentile of
        CIEDE2000 over the pixels. The colours of RGBA are compared premultiplied, as they show on
        black; MSE, PSNR and SSIM take alpha as a fourth channel.

    Raises
    ------
    ValueError
        The images differ in size or dtype.

    Notes
    -----
    O(n) time for n pixels; memory for a few images in floating point.

    Examples
    --------
    >>> from clusterx.image import compare, quantize
    >>> result = quantize("sample:china.jpg", 16, random_state=0)
    >>> found = compare("sample:china.jpg", result)
    >>> bool(abs(found.psnr - result.psnr) < 1e-4), 0.8 < found.ssim < 1
    (True, True)
    """
    images = [as_pixels(getattr(one, "image", one) if hasattr(one, "indices") else one,
                        max_pixels=max_pixels) for one in (original, result)]  # fmt: skip
    first, second = _alike(*images)
    peak = PEAK[dtype_name(first.dtype)]
    error = mse(first, second)
    mean, most = _mean_and_most(first, second)
    height, width = images[0].shape[:2]
    ssim = structural_similarity(first, second, (height, width))
    return ImageQuality(error, psnr(error, peak), ssim, mean, most)


def _alike(first: Pixels, second: Pixels) -> tuple[Array, Array]:
    """The rows of both images, with the same number of channels."""
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(
            f"the images have {first.shape[1]} x {first.shape[0]} and {second.shape[1]} x "
            f"{second.shape[0]} pixels. Compare images of one size."
        )
    kinds = [dtype_name(one.rows.dtype) for one in (first, second)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"the images are {kinds[0]} and {kinds[1]}. Convert one: uint8 * 257 is uint16."
        )
    channels = max(first.rows.shape[1], second.rows.shape[1])
    rows = [_widened(one.rows, channels) for one in (first, second)]
    return rows[0], asarray(rows[1], like=rows[0])


def _widened(rows: Array, channels: int) -> Array:
    xp, own = namespace(rows), rows.shape[1]
    if own == 1 < channels:
        rows, own = xp.concat([rows, rows, rows], axis=1), 3
    if own < channels:
        peak = PEAK[dtype_name(rows.dtype)]
        rows = xp.concat([rows, xp.full_like(rows[:, :1], peak)], axis=1)
    return rows


def _pairs(first: Array, second: Array) -> Iterator[tuple[Array, Array]]:
    """Coordinates of both images, a block of pixels at a time."""
    n = first.shape[0]
    for a in range(0, n, _BLOCK):
        part = slice(a, min(n, a + _BLOCK))
        yield coordinates(first[part, :]), coordinates(second[part, :])


def mse(first: Array, second: Array) -> float:
    """Mean squared difference of pixels (n, c), alpha premultiplied."""
    xp = namespace(first)
    wide, total = float_dtype(xp, first), 0.0
    for a, b in _pairs(first, second):
        total += host_floats(xp.sum(xp.astype(a - b, wide) ** 2))[0]
    return total / math.prod(first.shape)


def _mean_and_most(first: Array, second: Array) -> tuple[float, float]:
    """Mean and 95th percentile of CIEDE2000."""
    xp = namespace(first)
    peak, wide, total, found = PEAK[dtype_name(first.dtype)], float_dtype(xp, first), 0.0, []
    for pair in _pairs(first, second):
        labs = [convert(_three(part / float(peak)), "srgb", "lab") for part in pair]
        away = delta_e_2000(*labs)
        total += host_floats(xp.sum(xp.astype(away, wide)))[0]
        found.append(away)
    ordered = xp.sort(concat(found))
    n = ordered.shape[0]
    return total / n, host_floats(ordered[math.ceil(0.95 * n) - 1])[0]


def _three(points: Array) -> Array:
    xp = namespace(points)
    return xp.concat([points] * 3, axis=1) if points.shape[1] == 1 else points[:, :3]


def delta_e_2000(first: Array, second: Array) -> Array:
    """CIEDE2000 of colours in CIELAB.

    Parameters
    ----------
    first, second : array of shape (n, 3)
        L*, a*, b*.

    Returns
    -------
    array of shape (n,)
    """
    xp = namespace(first)
    chroma = [xp.hypot(lab[:, 1], lab[:, 2]) for lab in (first, second)]
    mean7 = ((chroma[0] + chroma[1]) / 2) ** 7
    g = 0.5 * (1 - xp.sqrt(mean7 / (mean7 + 25.0**7)))
    a = [(1 + g) * lab[:, 1] for lab in (first, second)]
    c = [xp.hypot(own, lab[:, 2]) for own, lab in zip(a, (first, second), strict=True)]
    turn = 2 * math.pi
    hues = [xp.atan2(lab[:, 2], own) for own, lab in zip(a, (first, second), strict=True)]
    h1, h2 = (xp.where(hue < 0, hue + turn, hue) for hue in hues)
    grey = c[0] * c[1] == 0
    apart = h2 - h1
    apart = xp.where(apart > math.pi, apart - turn, apart)
    apart = xp.where(apart < -math.pi, apart + turn, apart)
    apart = xp.where(grey, xp.zeros_like(apart), apart)
    far = xp.abs(h1 - h2) > math.pi
    mean = (h1 + h2) / 2
    mean = xp.where(far, xp.where(h1 + h2 < turn, mean + math.pi, mean - math.pi), mean)
    mean = xp.where(grey, h1 + h2, mean)
    d_hue = 2 * xp.sqrt(c[0] * c[1]) * xp.sin(apart / 2)
    return _weighted(first[:, 0], second[:, 0], c, mean, d_hue)


def _weighted(l1: Array, l2: Array, c: list[Array], hue: Array, d_hue: Array) -> Array:
    """CIEDE2000 from lightnesses, chromas, the mean hue and the hue term."""
    xp = namespace(l1)
    t = (
        1
        - 0.17 * xp.cos(hue - math.radians(30))
        + 0.24 * xp.cos(2 * hue)
        + 0.32 * xp.cos(3 * hue + math.radians(6))
        - 0.20 * xp.cos(4 * hue - math.radians(63))
    )
    mean = (c[0] + c[1]) / 2
    bell = xp.exp(-(((hue - math.radians(275)) / math.radians(25)) ** 2))
    lift = ((l1 + l2) / 2 - 50) ** 2
    lightness = (l2 - l1) / (1 + 0.015 * lift / xp.sqrt(20 + lift))
    chroma = (c[1] - c[0]) / (1 + 0.045 * mean)
    turned = d_hue / (1 + 0.015 * mean * t)
    share = mean**7 / (mean**7 + 25.0**7)
    rotation = -2 * xp.sqrt(share) * xp.sin(math.radians(60) * bell)
    squared = lightness**2 + chroma**2 + turned**2 + rotation * chroma * turned
    return xp.sqrt(xp.clip(squared, 0.0, None))


def structural_similarity(first: Array, second: Array, size: tuple[int, int]) -> float:
    """SSIM of pixels (n, c) of two images of `size` (height, width), averaged over channels."""
    xp, channels = namespace(first), first.shape[1]
    wide, peak = float_dtype(xp, first), PEAK[dtype_name(first.dtype)]
    a, b = (xp.astype(coordinates(rows), wide) for rows in (first, second))
    found = [
        _similarity(xp.reshape(a[:, channel], size), xp.reshape(b[:, channel], size), peak)
        for channel in range(channels)
    ]
    return sum(host_floats(*found)) / channels


def _similarity(first: Array, second: Array, peak: int) -> Array:
    xp = namespace(first)
    steady, even = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean1, mean2 = _blurred(first), _blurred(second)
    variance1 = _blurred(first * first) - mean1 * mean1
    variance2 = _blurred(second * second) - mean2 * mean2
    shared = _blurred(first * second) - mean1 * mean2
    top = (2 * mean1 * mean2 + steady) * (2 * shared + even)
    return xp.mean(top / ((mean1**2 + mean2**2 + steady) * (variance1 + variance2 + even)))


def _blurred(image: Array) -> Array:
    """Gaussian means over the windows that lie wholly in the image."""
    for axis in range(2):
        width = min(_WINDOW, image.shape[axis] - 1 + image.shape[axis] % 2)
        places = np.arange(width) - width // 2
        weights = np.exp(-0.5 * (places / _SIGMA) ** 2)
        n = image.shape[axis] - width + 1
        parts = (
            float(weight) * (image[i : i + n, :] if axis == 0 else image[:, i : i + n])
            for i, weight in enumerate(weights / weights.sum())
        )
        blurred = next(parts)
        for part in parts:
            blurred = blurred + part
        image = blurred
    return image

"""The fewest colours whose error is low enough."""

from __future__ import annotations

import warnings

from ..arrays import Array, dtype_name, float_dtype, host_floats, namespace
from .clustering import Clustering, cluster_colors
from .colorspace import convert
from .pixels import PEAK, coordinates, psnr
from .quality import delta_e_2000
from .settings import Settings

#: colours whose differences are measured at once
_BLOCK = 1 << 16


def mean_delta_e(colors: Array, counts: Array, palette: Array, labels: Array) -> float:
    """Mean CIEDE2000 over all pixels; with alpha, of the colours as they show on black."""
    xp, n = namespace(colors), colors.shape[0]
    peak, wide, total = PEAK[dtype_name(colors.dtype)], float_dtype(xp, colors), 0.0

    def lab(some: Array) -> Array:
        points = coordinates(some) / float(peak)
        rgb = xp.concat([points] * 3, axis=1) if points.shape[1] == 1 else points[:, :3]
        return convert(rgb, "srgb", "lab")

    own = lab(palette)
    for a in range(0, n, _BLOCK):
        part = slice(a, min(n, a + _BLOCK))
        away = delta_e_2000(lab(colors[part, :]), xp.take(own, labels[part], axis=0))
        total += host_floats(xp.sum(xp.astype(away, wide) * xp.astype(counts[part], wide)))[0]
    return total / host_floats(xp.sum(counts))[0]


def fewest_colors(
    colors: Array, counts: Array, n_values: int, settings: Settings, weights: Array | None = None
) -> Clustering:
    """The palette of the fewest colours that reach the targets; of n_colors without a target.

    The number of colours is doubled, from 1 or the number to keep, until the targets are reached,
    and then found by bisection. A warning is issued if n_colors do not reach them.

    Parameters
    ----------
    colors, counts, settings, weights
        As for `cluster_colors`.
    n_values : int
        Pixels times channels.
    """
    if not settings.has_target:
        return cluster_colors(colors, counts, settings, weights)
    kind = dtype_name(colors.dtype)
    settings.check(colors.shape[1], kind)

    def of(k: int) -> tuple[Clustering, str]:
        found = cluster_colors(colors, counts, settings._replace(n_colors=k), weights)
        return found, _missed(found, colors, counts, n_values, settings)

    most = settings.n_colors
    failed = max(1, len(settings.kept(colors.shape[1], kind))) - 1
    k = min(most, failed + 1)
    best, missed = of(k)
    while missed and k < most:
        failed, k = k, min(most, 2 * k)
        best, missed = of(k)
    if missed:
        message = f"n_colors={most} reach {missed}. Allow more colours."
        warnings.warn(message, UserWarning, stacklevel=4)
        return best
    while k - failed > 1:
        middle = (failed + k) // 2
        found, missed = of(middle)
        if missed:
            failed = middle
        else:
            k, best = middle, found
    return best


def _missed(
    found: Clustering, colors: Array, counts: Array, n_values: int, settings: Settings
) -> str:
    """The value reached instead of a target, in words; empty if all targets are reached."""
    wanted, most = settings.min_psnr, settings.max_delta_e
    if wanted is not None:
        reached = psnr(found.error / n_values, PEAK[dtype_name(colors.dtype)])
        if reached < wanted:
            return f"a PSNR of {reached:.2f} dB, and min_psnr={wanted}"
    if most is not None:
        away = mean_delta_e(colors, counts, found.palette, found.labels)
        if away > most:
            return f"a mean CIEDE2000 of {away:.2f}, and max_delta_e={most}"
    return ""

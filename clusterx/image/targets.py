"""The fewest colours that reach an error."""

from __future__ import annotations

import math
import warnings

from ..arrays import Array, dtype_name
from .clustering import Clustering, cluster_colors
from .pixels import PEAK
from .settings import Settings


def psnr(mse: float, peak: int) -> float:
    """Peak signal-to-noise ratio in dB; infinite where there is no error."""
    return 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf


def fewest_colors(
    colors: Array, counts: Array, n_values: int, settings: Settings, weights: Array | None = None
) -> Clustering:
    """The palette of the fewest colours that reaches `min_psnr`; without it, of n_colors.

    The numbers 1, 2, 4, ... are tried, and then halves of the gap where it is reached. If n_colors
    do not reach it, a warning says so.

    Parameters
    ----------
    colors, counts, settings, weights
        As for `cluster_colors`.
    n_values : int
        Pixels times channels.
    """
    most, wanted = settings.n_colors, settings.min_psnr
    if wanted is None:
        return cluster_colors(colors, counts, settings, weights)

    def of(k: int) -> tuple[Clustering, bool]:
        found = cluster_colors(colors, counts, settings._replace(n_colors=k), weights)
        reached = psnr(found.error / n_values, PEAK[dtype_name(colors.dtype)])
        return found, reached >= wanted

    settings.check(colors.shape[1], dtype_name(colors.dtype))
    failed = max(1, len(settings.kept(colors.shape[1], dtype_name(colors.dtype)))) - 1
    k = min(most, failed + 1)
    best, enough = of(k)
    while not enough and k < most:
        failed, k = k, min(most, 2 * k)
        best, enough = of(k)
    while enough and k - failed > 1:
        middle = (failed + k) // 2
        found, there = of(middle)
        if there:
            k, best = middle, found
        else:
            failed = middle
    if not enough:
        least = psnr(best.error / n_values, PEAK[dtype_name(colors.dtype)])
        warnings.warn(
            f"n_colors={most} reach a PSNR of {least:.2f} dB, and min_psnr={wanted}. Allow more "
            "colours.",
            UserWarning,
            stacklevel=4,
        )
    return best

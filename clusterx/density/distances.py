"""Distances of rows tile by tile, and the measure that kernels use for a metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays import Array
from ..kernels.neighbors import Measure
from ..kernels.neighbors.generic import BlockSearch
from ..kernels.neighbors.generic import search as by_tiles
from ..neighbors.search import ALIASES, needs_host, search_of


def kernel_measure(
    metric: str | Callable, p: Any, options: dict[str, Any] | None
) -> Measure | None:
    """The metric as a measure of the kernels; None if they do not have it."""
    if needs_host(metric, options):
        return None
    exponent = (options or {}).get("p", 2.0 if p is None else p)
    return Measure(ALIASES.get(metric, metric), float(exponent))  # type: ignore[arg-type]


def tiles_of(X: Array, metric: str | Callable, options: dict[str, Any] | None) -> BlockSearch:
    """The rows X, ready to be measured tile by tile."""
    measure = kernel_measure(metric, None, options)
    if measure is None:
        return search_of(X, metric, None, options)  # type: ignore[return-value]
    return by_tiles(X, measure.metric, measure.p)

"""The search on NVIDIA GPUs, by tiles along a space-filling curve; far tiles are skipped."""

from __future__ import annotations

from typing import Any

from ....arrays import Array
from .. import Measure, Search


def search(gpu: Any, X: Array, metric: str = "euclidean", p: float = 2.0) -> Search:
    from .tiled import TiledSearch

    return TiledSearch(gpu, X, Measure(metric, p))

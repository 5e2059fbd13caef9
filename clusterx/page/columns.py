"""Facts about the columns of a file, for the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from .analysis import Column

#: Bars in the small histogram of a column.
BINS = 24


def number_column(name: str, values: np.ndarray, *, used: bool, missing: int = 0) -> Column:
    """A column of numbers, without its missing values."""
    wide = np.asarray(values, np.float64)
    whole = np.asarray(values).dtype.kind in "iub" or bool(np.all(wide == np.round(wide)))
    bins = np.histogram(wide, bins=BINS)[0] if len(wide) and np.ptp(wide) > 0 else ()
    nothing = not len(wide)
    return Column(
        name, "whole numbers" if whole else "numbers", used, missing, len(np.unique(wide)),
        least=np.nan if nothing else float(wide.min()),
        mean=np.nan if nothing else float(wide.mean()),
        most=np.nan if nothing else float(wide.max()),
        spread=np.nan if nothing else float(wide.std()),
        bins=tuple(map(int, bins)),
    )  # fmt: skip


def text_column(name: str, texts: list[Any], missing: int) -> Column:
    """A column of other values: the most frequent ones are examples."""
    kinds, counts = np.unique(np.array([str(text) for text in texts]), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:3]
    examples = tuple(str(kind) for kind in kinds[order])
    return Column(name, "text", False, missing, len(kinds), examples=examples)

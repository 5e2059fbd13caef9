"""The table of GPU cases: what is measured, on which data, and how its quality is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from . import data
from .cases import LABEL_SCORES


class Source(NamedTuple):
    """Data of a case: how a share of it is made, and what it is in words."""

    make: Any  # of the share of rows, or pixels
    text: str


def _photo(share: float, name: str) -> np.ndarray:
    width, height = data.PHOTO_SIZES[name]
    side = share**0.5
    return data.make_photo(max(16, round(width * side)), max(16, round(height * side)))


def _digits(share: float) -> np.ndarray:
    return data.make_digits(max(2000, round(data.DIGITS_ROWS * share)))


def _mixture(share: float, n: int, d: int) -> np.ndarray:
    return data.make_mixture(max(5000, round(n * share)), d)


def _labels(share: float, n: int, k: int) -> np.ndarray:
    return data.make_labels(max(5000, round(n * share)), k)


SOURCES: dict[str, Source] = {
    **{
        f"photo_{name}": Source(
            partial(_photo, name=name), f"china.jpg enlarged to {name.upper()}, sensor noise added"
        )
        for name in ("8.3mp", "24mp")
    },
    "digits": Source(_digits, "scikit-learn's digits enlarged to 28 x 28, jittered, 70,000 rows"),
    "mixture_1m_128": Source(
        partial(_mixture, n=1_000_000, d=128), "1,000,000 x 128, 100 overlapping Gaussians"
    ),
    "mixture_10m_16": Source(
        partial(_mixture, n=10_000_000, d=16), "10,000,000 x 16, 100 overlapping Gaussians"
    ),
    "labels_10m_100": Source(
        partial(_labels, n=10_000_000, k=100),
        "10 million labels of 100 classes, 7 in 10 kept and the others drawn anew",
    ),
}


@dataclass(frozen=True)
class Case:
    """One comparison; `quality` is 'mse', 'inertia', 'score' or '' for none."""

    name: str
    title: str
    task: str
    source: str
    k: int = 0
    max_iter: int = 10
    quality: str = "inertia"
    options: Mapping[str, Any] = field(default_factory=dict)


#: What cuML has too.
COMMON_SCORES = (
    "adjusted_rand_score", "completeness_score", "homogeneity_score", "mutual_info_score",
    "v_measure_score",
)  # fmt: skip


def _quantize() -> list[Case]:
    return [
        Case(
            f"quantize-{size}-{k}",
            f"{size.upper().replace('MP', ' megapixels')} to {k} colours, 10 Lloyd iterations, "
            "indexed image out",
            "quantize",
            f"photo_{size}",
            k,
            quality="mse",
        )
        for size in ("8.3mp", "24mp")
        for k in (16, 256)
    ]


def _lloyd() -> list[Case]:
    shapes = [
        *(("digits", "70,000 x 784", k) for k in (10, 64, 256)),
        *(("mixture_1m_128", "1,000,000 x 128", k) for k in (1024, 4096)),
        ("mixture_10m_16", "10,000,000 x 16", 16),
    ]
    return [
        Case(
            f"lloyd-{source.removeprefix('mixture_').replace('_', '-')}-{k}",
            f"{shape} float32, k={k:,}, 10 Lloyd iterations, labels out",
            "lloyd",
            source,
            k,
        )
        for source, shape, k in shapes
    ]


def _minibatch() -> list[Case]:
    return [
        Case(
            f"minibatch-digits-{k}",
            f"70,000 x 784 float32, `MiniBatchKMeans({k}, random_state=0)`",
            "minibatch",
            "digits",
            k,
        )
        for k in (10, 64, 256)
    ]


def _metrics() -> list[Case]:
    silhouette = Case(
        "silhouette-digits", "70,000 x 784 float32, k=10, `silhouette_score`", "silhouette",
        "digits", 10, quality="score", options={"scores": ("silhouette_score",)},
    )  # fmt: skip
    labels = [
        Case(
            f"labels-10m-{len(scores)}", f"10 million labels, k=100, {len(scores)} scores in a row",
            "labels", "labels_10m_100", quality="score", options={"scores": scores},
        )
        for scores in (LABEL_SCORES, COMMON_SCORES)
    ]  # fmt: skip
    return [silhouette, *labels]


def _uploads() -> list[Case]:
    return [
        Case(
            f"upload-{source.replace('_', '-')}",
            f"host to device, once, pageable memory: {text}",
            "upload",
            source,
            quality="",
        )
        for source, (_, text) in SOURCES.items()
    ]


GPU_CASES: tuple[Case, ...] = (
    *_quantize(), *_lloyd(), *_minibatch(), *_metrics(), *_uploads()
)  # fmt: skip

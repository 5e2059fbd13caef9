"""The table of cases: what is measured, on which data, against whom and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

from . import data


class Source(NamedTuple):
    """Data of a case: how it is made, and what it is in words."""

    make: Any
    text: str


def _photo(name: str) -> Source:
    width, height = data.PHOTO_SIZES[name]
    return Source(
        partial(data.make_photo, width, height),
        f"scikit-learn's china.jpg enlarged to {width} x {height}, sensor noise added",
    )


#: samples and classes of the labelings that are scored
LABELINGS = ((1_000, 10), (1_000_000, 10), (1_000_000, 100), (1_000_000, 1_000))

SOURCES: dict[str, Source] = {
    "photo_24mp": _photo("24mp"),
    "photo_2.8mp": _photo("2.8mp"),
    "digits_70000x784": Source(
        data.make_digits, "scikit-learn's digits enlarged to 28 x 28, jittered, 70,000 rows"
    ),
    "mnist_70000x784": Source(data.make_mnist, "MNIST from OpenML, 70,000 rows"),
    "digits_20000x784": Source(
        partial(data.make_digits, 20_000),
        "scikit-learn's digits enlarged to 28 x 28, jittered, 20,000 rows",
    ),
    "blobs_1000x10": Source(
        partial(data.make_blobs, 1_000, 10), "1,000 rows around 10 centres, 10 columns"
    ),
    "iris": Source(data.make_iris, "scikit-learn's iris, 150 rows"),
    **{
        f"labels_{n}_{k}": Source(
            partial(data.make_labels, n, k),
            f"{n:,} labels of {k:,} classes, 7 in 10 kept and the others drawn anew",
        )
        for n, k in LABELINGS
    },
}


@dataclass(frozen=True)
class Case:
    """One comparison.

    Parameters
    ----------
    name : str
        What `--only` takes.
    title : str
        What the table prints; it states n, k and the stopping rule.
    task : str
        A key of the adapters in peers.py.
    source : str
        A key of `SOURCES`.
    libraries : tuple of str
        In the order in which a round runs them.
    k, max_iter : int
        Clusters, and iterations where the number is fixed.
    view : str
        How the data is handed over: 'rows', 'image' (8-bit), 'pixels' (its rows as they are) or
        'pixels32' (its rows in float32).
    quality : str
        'inertia', 'mse' (of an image against its palette), 'score' (what was asked for) or '' for
        none.
    seeds : tuple of int
        `random_state` of the runs; quality is averaged over them.
    rounds, repeats : int
        Processes per library, and warm runs per seed in each after the cold one. With no warm run
        the cold one counts.
    time_limit : float
        Seconds that one run may take.
    options : mapping
        What else the task takes.
    overrides : mapping
        Per library: any of rounds, repeats, seeds, time_limit, and `rows` to measure at about that
        many rows, spread evenly, and scale the time by n.
    """

    name: str
    title: str
    task: str
    source: str
    libraries: tuple[str, ...]
    k: int = 0
    max_iter: int = 10
    view: str = "rows"
    quality: str = "inertia"
    seeds: tuple[int, ...] = (0,)
    rounds: int = 3
    repeats: int = 3
    time_limit: float = 300.0
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def plan(self, library: str, key: str) -> Any:
        """The value of a field for one library."""
        return self.overrides.get(library, {}).get(key, getattr(self, key, None))

    def as_dict(self) -> dict[str, Any]:
        """The case as plain values, for a worker process."""
        return asdict(self)


CLUSTERX, SKLEARN, ONEDAL, FAISS = "clusterx", "scikit-learn", "oneDAL", "faiss"
EXACT = (CLUSTERX, SKLEARN, ONEDAL, FAISS)
ONCE = {"rounds": 1, "repeats": 0}
FIVE_SEEDS = (0, 1, 2, 3, 4)
LABEL_SCORES = (
    "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score",
    "fowlkes_mallows_score", "homogeneity_score", "mutual_info_score",
    "normalized_mutual_info_score", "rand_score", "v_measure_score",
)  # fmt: skip
SCALED = {"rows": 2_800_000, "rounds": 2, "repeats": 1}


def _quantize_cases() -> list[Case]:
    large = Case(
        name="quantize-24mp-256",
        title="24 megapixels to 256 colours, 10 Lloyd iterations, indexed image out",
        task="quantize",
        source="photo_24mp",
        view="image",
        quality="mse",
        k=256,
        libraries=(*EXACT, "Pillow"),
        overrides={SKLEARN: SCALED, ONEDAL: SCALED, FAISS: {"rounds": 2, "repeats": 1}},
    )
    small = [
        Case(
            name=f"quantize-2.8mp-{k}",
            title=f"2.8 megapixels to {k} colours, 10 Lloyd iterations, indexed image out",
            task="quantize",
            source="photo_2.8mp",
            view="image",
            quality="mse",
            k=k,
            libraries=(*EXACT, "Pillow"),
            overrides={SKLEARN: {"repeats": 1}, ONEDAL: {"repeats": 1}},
        )
        for k in (16, 256)
    ]
    return [large, *small]


def _lloyd_cases() -> list[Case]:
    return [
        Case(
            name=f"lloyd-digits-{k}",
            title=f"70,000 x 784 float32, k={k}, 10 Lloyd iterations, labels out",
            task="lloyd",
            source="digits_70000x784",
            k=k,
            libraries=EXACT,
        )
        for k in (10, 256)
    ]


def _fit_cases() -> list[Case]:
    slow = {10: (0, 1, 2), 64: (0,), 256: (0,)}
    return [
        Case(
            name=f"fit-digits-{k}",
            title=f"70,000 x 784 float32, `KMeans(n_clusters={k}, random_state=s)`",
            task="fit",
            source="digits_70000x784",
            k=k,
            libraries=(CLUSTERX, SKLEARN, ONEDAL),
            seeds=FIVE_SEEDS,
            rounds=2,
            repeats=1,
            time_limit=600,
            overrides={
                name: {"rounds": 1, "repeats": 1 if k == 10 else 0, "seeds": seeds}
                for name, seeds in ((SKLEARN, slow[k]), (ONEDAL, slow[k]))
            },
        )
        for k in (10, 64, 256)
    ]


def _minibatch_cases() -> list[Case]:
    digits = [
        Case(
            name=f"minibatch-digits-{k}",
            title=f"70,000 x 784 float32, `MiniBatchKMeans(n_clusters={k}, random_state=s)`",
            task="minibatch",
            source="digits_70000x784",
            k=k,
            libraries=(CLUSTERX, SKLEARN),
            seeds=FIVE_SEEDS,
            rounds=2,
            repeats=1,
            time_limit=120,
            overrides={SKLEARN: {"rounds": 1, "seeds": (0, 1, 2)}},
        )
        for k in (10, 256)
    ]
    pixels = [
        Case(
            name=f"minibatch-24mp-16{suffix}",
            title=f"24 million {dtype} pixels, `MiniBatchKMeans(n_clusters=16, random_state=s)`",
            task="minibatch",
            source="photo_24mp",
            view=view,
            k=16,
            libraries=(CLUSTERX, SKLEARN, "reading twice"),
            seeds=(0, 1, 2),
            rounds=2,
            repeats=1,
            time_limit=60,
            overrides={SKLEARN: ONCE},
        )
        for suffix, dtype, view in (("", "uint8", "pixels"), ("-float32", "float32", "pixels32"))
    ]
    return digits + pixels


def _score_case(name: str, source: str, data: str, *scores: str, **plan: Any) -> Case:
    words = f"`{scores[0]}`" if len(scores) == 1 else f"{len(scores)} scores in a row"
    return Case(
        name=name,
        title=f"{data}, {words}",
        task="score",
        source=source,
        quality="score",
        libraries=(CLUSTERX, SKLEARN),
        options={"scores": scores},
        **plan,
    )


def _score_cases() -> list[Case]:
    by_data = {
        "silhouette": ("silhouette_score", 20_000),
        "davies-bouldin": ("davies_bouldin_score", 70_000),
        "calinski-harabasz": ("calinski_harabasz_score", 70_000),
    }
    large = [
        _score_case(f"{name}-digits", f"digits_{n}x784", f"{n:,} x 784 float32, k=10", score, k=10)
        for name, (score, n) in by_data.items()
    ]
    small = [
        _score_case(
            f"{name}-1000", "blobs_1000x10", "1,000 x 10 float64, k=10", score, k=10, repeats=200
        )
        for name, (score, _) in by_data.items()
    ]
    few_labels = _score_case(
        "labels-1000", "labels_1000_10", "1,000 labels, k=10", *LABEL_SCORES, repeats=100
    )
    by_labels = {
        "ari": ("adjusted_rand_score", (100,)),
        "nmi": ("normalized_mutual_info_score", (100,)),
        "ami": ("adjusted_mutual_info_score", (10, 100, 1_000)),
    }
    many_labels = [
        _score_case(
            f"{name}-1m-{k}",
            f"labels_1000000_{k}",
            f"1 million labels, k={k:,}",
            score,
            overrides={SKLEARN: ONCE} if name == "ami" and k > 100 else {},
        )
        for name, (score, ks) in by_labels.items()
        for k in ks
    ]
    return [*large, *small, few_labels, *many_labels]


def _start_cases() -> list[Case]:
    imports = [
        Case(
            name=f"import{suffix}",
            title=title,
            task="import",
            source="iris",
            quality="",
            libraries=(CLUSTERX, SKLEARN, "bare Python"),
            options={"estimator": bool(suffix)},
            repeats=5,
        )
        for suffix, title in (
            ("", "`import` of the package in a fresh process"),
            ("-kmeans", "`from ... import KMeans` in a fresh process"),
        )
    ]
    first_fits = [
        Case(
            name=f"first-fit-{cache}-cache",
            title=f"first fit of a fresh process above import, 2,000 x 784, k=10, {words}",
            task="first_fit",
            source="digits_70000x784",
            quality="",
            k=10,
            libraries=(CLUSTERX, SKLEARN),
            options={"numba_cache": cache, "rows": 2_000},
        )
        for cache, words in (("empty", "nothing compiled yet"), ("warm", "compiled code cached"))
    ]
    return imports + first_fits


CASES: tuple[Case, ...] = (
    *_quantize_cases(),
    Case(
        name="seeding-digits-256",
        title="70,000 x 784 float32, `kmeans_plusplus`, k=256",
        task="seeding",
        source="digits_70000x784",
        k=256,
        libraries=(CLUSTERX, SKLEARN),
        seeds=FIVE_SEEDS,
        repeats=1,
        time_limit=600,
        overrides={SKLEARN: {**ONCE, "seeds": (0,)}},
    ),
    *_lloyd_cases(),
    *_fit_cases(),
    *_minibatch_cases(),
    Case(
        name="fit-iris-3",
        title="iris, 150 x 4 float64, `KMeans(n_clusters=3, random_state=s)`",
        task="fit",
        source="iris",
        k=3,
        libraries=(CLUSTERX, SKLEARN, ONEDAL),
        repeats=500,
    ),
    *_score_cases(),
    *_start_cases(),
)

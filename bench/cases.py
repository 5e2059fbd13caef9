"""The table of cases: what is measured, on which devices and data, how often and how judged.

A case runs on every library that has its task on the device (peers.py), unless it names its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .sources import SOURCES

CPU, CUDA = "cpu", "cuda"


@dataclass(frozen=True)
class Case:
    """One comparison.

    Parameters
    ----------
    name : str
        What `--only` takes.
    words : str
        The title that tables print; `{size}` stands for the size of the data.
    task : str
        A key of the libraries' tasks in peers.py.
    sources : mapping of str to str
        The devices that the case runs on, and the key in `SOURCES` of its data on each.
    k, max_iter : int
        Clusters, and iterations where the number is fixed.
    view : str
        How the data is handed over: 'rows', 'image' (8-bit), 'pixels' (its rows as they are),
        'pixels32' (its rows in float32), 'labelled' (rows and labels by their nearest start),
        'labels' (two arrays of labels), 'CSR' or 'host' (as rows, never moved to the device).
    quality : str
        'inertia', 'mse' (of an image against its palette), 'score' (what was asked for) or '' for
        none.
    seeds : tuple of int
        `random_state` of the runs; quality is averaged over them.
    rounds, repeats : int
        Processes per library, and warm runs per seed in each after the cold one. Without a warm
        run the cold one counts.
    time_limit : float
        Seconds that one run may take.
    options : mapping
        What else the task takes.
    libraries : tuple of str
        The libraries that take part; all that have the task if it is empty.
    overrides : mapping
        By library, on the CPU: any of rounds, repeats, seeds, time_limit, and `rows` to measure at
        about that many rows, spread evenly, and scale the time by n.
    """

    name: str
    words: str
    task: str
    sources: Mapping[str, str]
    k: int = 0
    max_iter: int = 10
    view: str = "rows"
    quality: str = "inertia"
    seeds: tuple[int, ...] = (0,)
    rounds: int = 3
    repeats: int = 3
    time_limit: float = 300.0
    options: Mapping[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def title(self, device: str) -> str:
        """What tables print; it states n, k and the stopping rule."""
        return self.words.format(size=SOURCES[self.sources[device]].size)

    def overridden(self, library: str, device: str) -> Mapping[str, Any]:
        """What is different for one library."""
        return self.overrides.get(library, {}) if device == CPU else {}

    def plan(self, library: str, device: str, key: str) -> Any:
        """The value of a field for one library."""
        return self.overridden(library, device).get(key, getattr(self, key, None))


CLUSTERX, SKLEARN, ONEDAL, FAISS = "clusterx", "scikit-learn", "oneDAL", "faiss"
DIGITS = "digits_70000x784"
FIVE_SEEDS = (0, 1, 2, 3, 4)
ONCE = {"rounds": 1, "repeats": 0}
SCALED = {"rows": 2_800_000, "rounds": 2, "repeats": 1}
#: cuML has these
COMMON_SCORES = (
    "adjusted_rand_score", "completeness_score", "homogeneity_score", "mutual_info_score",
    "v_measure_score",
)  # fmt: skip
LABEL_SCORES = (
    "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score",
    "fowlkes_mallows_score", "homogeneity_score", "mutual_info_score",
    "normalized_mutual_info_score", "rand_score", "v_measure_score",
)  # fmt: skip


def _on(source: str, *devices: str) -> dict[str, str]:
    return dict.fromkeys(devices or (CPU,), source)


def _quantize(size: str, k: int, *devices: str, **overrides: Mapping[str, Any]) -> Case:
    title = f"{{size}} to {k} colours, 10 Lloyd iterations, indexed image out"
    plan: dict[str, Any] = {"view": "image", "quality": "mse", "overrides": overrides}
    source = _on(f"photo_{size}", *devices)
    return Case(f"quantize-{size}-{k}", title, "quantize", source, k, **plan)


def _palette(size: str, k: int) -> Case:
    title = f"{{size}} to {k} colours by the defaults, without dithering, indexed image out"
    source = _on(f"photo_{size}")
    plan: dict[str, Any] = {"view": "image", "quality": "mse", "rounds": 2, "repeats": 1}
    return Case(f"palette-{size}-{k}", title, "palette", source, k, **plan)


def _lloyd(name: str, source: str, k: int, *devices: str, **plan: Any) -> Case:
    title = f"{{size}}, k={k:,}, 10 Lloyd iterations, labels out"
    return Case(f"lloyd-{name}-{k}", title, "lloyd", _on(source, *devices), k, **plan)


def _fit(k: int, slow: Mapping[str, Any]) -> Case:
    title = f"{{size}}, `KMeans(n_clusters={k}, random_state=s)`"
    plan: dict[str, Any] = {"seeds": FIVE_SEEDS, "rounds": 2, "repeats": 1, "time_limit": 600}
    plan["overrides"] = {SKLEARN: slow, ONEDAL: slow}
    return Case(f"fit-digits-{k}", title, "fit", _on(DIGITS), k, **plan)


def _minibatch(k: int, *devices: str) -> Case:
    title = f"{{size}}, `MiniBatchKMeans(n_clusters={k}, random_state=s)`"
    plan: dict[str, Any] = {"seeds": FIVE_SEEDS, "rounds": 2, "repeats": 1, "time_limit": 120}
    plan["overrides"] = {SKLEARN: {"rounds": 1, "seeds": (0, 1, 2)}}
    plan["libraries"] = (CLUSTERX, SKLEARN)
    return Case(f"minibatch-digits-{k}", title, "minibatch", _on(DIGITS, *devices), k, **plan)


def _pixels(suffix: str, dtype: str, view: str) -> Case:
    title = f"24 million {dtype} pixels, `MiniBatchKMeans(n_clusters=16, random_state=s)`"
    plan: dict[str, Any] = {"seeds": (0, 1, 2), "rounds": 2, "repeats": 1, "time_limit": 60}
    plan |= {"view": view, "overrides": {SKLEARN: ONCE}}
    return Case(f"minibatch-24mp-16{suffix}", title, "minibatch", _on("photo_24mp"), 16, **plan)


def _scores(name: str, sources: Mapping[str, str], *scores: str, **plan: Any) -> Case:
    """Of rows and labels where k is given, else of two labelings."""
    said = f"`{scores[0]}`" if len(scores) == 1 else f"{len(scores)} scores in a row"
    plan |= {"quality": "score", "options": {"scores": scores}}
    if "k" in plan:
        title = f"{{size}}, k={plan['k']}, {said}"
        return Case(name, title, "score_rows", sources, view="labelled", **plan)
    return Case(name, f"{{size}}, {said}", "score_labels", sources, view="labels", **plan)


def _mixture(kind: str, source: str, k: int, bayesian: bool = False, **plan: Any) -> Case:
    estimator = "BayesianGaussianMixture" if bayesian else "GaussianMixture"
    title = f"{{size}}, `{estimator}`, {kind}, k={k}, 20 iterations"
    plan |= {"quality": "score", "max_iter": 20, "overrides": {SKLEARN: {"rounds": 1}}}
    plan |= {"options": {"estimator": estimator, "covariance_type": kind}}
    name = f"{'bayesian' if bayesian else 'mixture'}-{kind}-{source.removeprefix('blobs_')}"
    return Case(name, title, "mixture", _on(source), k, **{"rounds": 2, "repeats": 1} | plan)


def _score_cases() -> list[Case]:
    of_rows = {
        "silhouette": ("silhouette_score", {CPU: "digits_20000x784", CUDA: DIGITS}),
        "davies-bouldin": ("davies_bouldin_score", {CPU: DIGITS}),
        "calinski-harabasz": ("calinski_harabasz_score", {CPU: DIGITS}),
    }
    large = [_scores(f"{n}-digits", on, score, k=10) for n, (score, on) in of_rows.items()]
    small = [
        _scores(f"{n}-1000", _on("blobs_1000x10"), score, k=10, repeats=200)
        for n, (score, _) in of_rows.items()
    ]
    ami, slow = "adjusted_mutual_info_score", {SKLEARN: ONCE}
    return [
        *large,
        *small,
        _scores("labels-1000", _on("labels_1000_10"), *LABEL_SCORES, repeats=100),
        _scores("ari-1m-100", _on("labels_1000000_100"), "adjusted_rand_score"),
        _scores("nmi-1m-100", _on("labels_1000000_100"), "normalized_mutual_info_score"),
        _scores("ami-1m-10", _on("labels_1000000_10"), ami),
        _scores("ami-1m-100", _on("labels_1000000_100"), ami),
        _scores("ami-1m-1000", _on("labels_1000000_1000"), ami, overrides=slow),
        _scores("labels-10m-9", _on("labels_10000000_100", CUDA), *LABEL_SCORES),
        _scores("labels-10m-5", _on("labels_10000000_100", CUDA), *COMMON_SCORES),
    ]


def _clusterer(name: str, source: str, estimator: str, **options: Any) -> Case:
    """A fit of an estimator that finds the number of clusters, or is told it."""
    given = "".join(f", {key}={value!r}" for key, value in options.items())
    title = f"{{size}}, `{estimator}({given[2:]})`"
    plan: dict[str, Any] = {"options": {"estimator": estimator, **options}, "quality": "score"}
    return Case(name, title, "clusterer", _on(source), rounds=1, repeats=1, **plan)


def _medoids(source: str, k: int, method: str, library: str) -> Case:
    title = f"{{size}}, `KMedoids({k}, method={method!r})`"
    title += ", distances given" if method == "fasterpam" else ""
    plan: dict[str, Any] = {"options": {"method": method}, "quality": "score", "rounds": 1}
    plan |= {"repeats": 1, "libraries": (CLUSTERX, library)}
    return Case(f"medoids-{method}-{k}", title, "medoids", _on(source), k, **plan)


def _linkage(source: str, linkage: str, **plan: Any) -> Case:
    title = f"{{size}}, `AgglomerativeClustering(linkage={linkage!r})`"
    plan = {"options": {"linkage": linkage}, "quality": "score", "rounds": 2, "repeats": 1} | plan
    name = f"{linkage}-{source.removeprefix('round_blobs_')}"
    return Case(name, title, "linkage", _on(source), **plan)


def _pooling(source: str, k: int, **plan: Any) -> Case:
    title = f"{{size}}, `FeatureAgglomeration(n_clusters={k}, connectivity=grid)` and transform"
    plan = {"quality": "score", "rounds": 2, "repeats": 1} | plan
    return Case(f"pooling-{source}", title, "pooling", _on(source), k, **plan)


def _dbscan(name: str, source: str, eps: float, **plan: Any) -> Case:
    title = f"{{size}}, `DBSCAN(eps={eps:g}, min_samples=5)`"
    plan = {"quality": "score", "options": {"eps": eps}} | plan
    return Case(f"dbscan-{name}", title, "dbscan", _on(source), **plan)


def _hdbscan(name: str, source: str, samples: int = 10, task: str = "hdbscan", **plan: Any) -> Case:
    title = f"{{size}}, `HDBSCAN(min_cluster_size=50, min_samples={samples})`"
    if task == "tree":
        title += "; of quitefastmst the tree alone"
    options = {"min_cluster_size": 50, "min_samples": samples}
    plan = {"quality": "score", "options": options, "rounds": 1} | plan
    return Case(f"hdbscan-{name}", title, task, _on(source), **plan)


def _start(name: str, title: str, task: str, source: str, k: int = 0, **plan: Any) -> Case:
    """A task of fresh processes, whose results are not judged."""
    return Case(name, title, task, _on(source), k, quality="", **plan)


def _first_fit(cache: str, words: str) -> Case:
    title = f"first fit of a fresh process above import, 2,000 x 784, k=10, {words}"
    options = {"numba_cache": cache, "rows": 2_000}
    return _start(f"first-fit-{cache}-cache", title, "first_fit", DIGITS, 10, options=options)


def _first_run(name: str, words: str, source: str, k: int = 0, *command: str) -> Case:
    """What a new user waits for: a whole process, with nothing compiled yet."""
    title = f"{words}, whole process, nothing compiled yet"
    plan: dict[str, Any] = {"rounds": 2, "repeats": 1, "options": {"arguments": command}}
    task = "command" if command else "first_run"
    return _start(f"first-run-{name}", title, task, source, k, **plan)


def _upload(source: str) -> Case:
    title = f"host to device, once, pageable memory: {SOURCES[source].text}"
    name = f"upload-{source.replace('_', '-')}"
    return Case(name, title, "upload", _on(source, CUDA), view="host", quality="")


_MEASURED = (
    _quantize(
        "24mp", 256, CPU, CUDA,
        **{SKLEARN: SCALED, ONEDAL: SCALED, FAISS: {"rounds": 2, "repeats": 1}},
    ),
    _quantize("2.8mp", 16, CPU, **{SKLEARN: {"repeats": 1}, ONEDAL: {"repeats": 1}}),
    _quantize("2.8mp", 256, CPU, **{SKLEARN: {"repeats": 1}, ONEDAL: {"repeats": 1}}),
    _quantize("8.3mp", 16, CUDA),
    _quantize("8.3mp", 256, CUDA),
    _quantize("24mp", 16, CUDA),
    _palette("24mp", 256),
    _palette("2.8mp", 16),
    Case(
        "seeding-digits-256", "{size}, `kmeans_plusplus`, k=256", "seeding", _on(DIGITS), 256,
        seeds=FIVE_SEEDS, repeats=1, time_limit=600, overrides={SKLEARN: {**ONCE, "seeds": (0,)}},
    ),
    _lloyd("digits", DIGITS, 10, CPU, CUDA),
    _lloyd("digits", DIGITS, 64, CUDA),
    _lloyd("digits", DIGITS, 256, CPU, CUDA),
    _lloyd("1m-128", "mixture_1000000x128", 1024, CUDA),
    _lloyd("1m-128", "mixture_1000000x128", 4096, CUDA),
    _lloyd("10m-16", "mixture_10000000x16", 16, CUDA),
    Case(
        "chunks-200k-16-32",
        "{size} in eight chunks of Dask, k=32, 10 Lloyd iterations, labels out",
        "chunks", _on("blobs_200000x16"), 32,
    ),
    _lloyd("words", "words_10000x30000", 20, view="CSR", libraries=(CLUSTERX, SKLEARN)),
    _fit(10, {"rounds": 1, "repeats": 1, "seeds": (0, 1, 2)}),
    _fit(64, {"rounds": 1, "repeats": 0, "seeds": (0,)}),
    _fit(256, {"rounds": 1, "repeats": 0, "seeds": (0,)}),
    _minibatch(10, CPU, CUDA),
    _minibatch(64, CUDA),
    _minibatch(256, CPU, CUDA),
    _pixels("", "uint8", "pixels"),
    _pixels("-float32", "float32", "pixels32"),
    Case(
        "fit-iris-3", "{size}, `KMeans(n_clusters=3, random_state=s)`", "fit", _on("iris"), 3,
        repeats=500,
    ),
    *_score_cases(),
    _clusterer("affinity-2000", "round_blobs_2000x2", "AffinityPropagation"),
    _clusterer("mean-shift-2000", "round_blobs_2000x2", "MeanShift"),
    _clusterer("mean-shift-5000-binned", "round_blobs_5000x2", "MeanShift", bin_seeding=True),
    _clusterer("birch-100k-2", "round_blobs_100000x2", "Birch", n_clusters=20),
    _clusterer("bisecting-digits-32", DIGITS, "BisectingKMeans", n_clusters=32),
    *(
        _clusterer(
            f"spectral-{n}", f"round_blobs_{n}x2", "SpectralClustering",
            affinity="nearest_neighbors",
        )
        for n in (5000, 50000)
    ),
    _medoids("round_blobs_5000x2", 20, "fasterpam", "kmedoids"),
    _medoids("blobs_100000x16", 16, "onebatch", "onebatch"),
    replace(
        _clusterer("medians-100k-16", "blobs_100000x16", "KMedians", n_clusters=16),
        libraries=(CLUSTERX,),
    ),
    Case(
        "som-digits-20x20", "{size}, `SelfOrganizingMap((20, 20), sigma=1, max_iter=10)`", "map",
        _on("digits_1797x64"), options={"shape": (20, 20), "sigma": 1}, quality="score",
        repeats=10,
    ),
    Case(
        "spreading-20k", "{size}, `LabelSpreading(kernel='knn')`, one label in a hundred",
        "spreading", _on("blobs_20000x16"), 10, options={"kernel": "knn"}, quality="score",
    ),
    _dbscan("1000-2", "round_blobs_1000x2", 0.3, repeats=50),
    _dbscan("100k-2", "round_blobs_100000x2", 0.1),
    _dbscan("1m-2", "round_blobs_1000000x2", 0.05, overrides={SKLEARN: ONCE}),
    _dbscan("1m-2-sparse", "round_blobs_1000000x2", 0.02, overrides={SKLEARN: ONCE}),
    _dbscan("20k-64", "round_blobs_20000x64", 9.0, libraries=(CLUSTERX, SKLEARN)),
    _hdbscan("1000-2", "round_blobs_1000x2", repeats=20),
    _hdbscan("100k-2", "round_blobs_100000x2", libraries=(CLUSTERX, "hdbscan", "fast_hdbscan")),
    _hdbscan(
        "100k-2-50", "round_blobs_100000x2", 50, libraries=(CLUSTERX, "hdbscan", "fast_hdbscan")
    ),
    _hdbscan("tree-100k-2", "round_blobs_100000x2", 50, "tree"),
    _hdbscan("1m-2", "round_blobs_1000000x2", libraries=(CLUSTERX, "fast_hdbscan"), repeats=1),
    _hdbscan("20k-32", "blobs_20000x32", repeats=1, libraries=(CLUSTERX, "hdbscan")),
    _clusterer("optics-10000-2", "round_blobs_10000x2", "OPTICS"),
    *(_linkage("round_blobs_10000x2", one) for one in ("ward", "single", "average", "complete")),
    _linkage("round_blobs_100000x2", "ward", libraries=(CLUSTERX, "fastcluster"), rounds=1),
    _linkage("round_blobs_200000x2", "single", libraries=(CLUSTERX,), rounds=1),
    _pooling("digits_1797x64", 32, repeats=20),
    _pooling("digits_70000x784", 32, rounds=1),
    *(_mixture(kind, "blobs_200000x16", 16) for kind in ("full", "diag", "tied", "spherical")),
    _mixture("full", "blobs_70000x50", 10),
    _mixture("full", "blobs_50000x16", 16, bayesian=True),
    _mixture("full", "blobs_1000x4", 3, repeats=20),
    _start(
        "import", "`import` of the package in a fresh process", "import", "iris",
        options={"estimator": False}, repeats=5,
    ),
    _start(
        "import-kmeans", "`from ... import KMeans` in a fresh process", "import", "iris",
        options={"estimator": True}, repeats=5,
    ),
    _first_fit("empty", "nothing compiled yet"),
    _first_fit("warm", "compiled code cached"),
    _first_run(
        "quantize", "`clusterx quantize sample:china.jpg --colors 16`", "iris", 0,
        "quantize", "sample:china.jpg", "--colors", "16", "-o", "{folder}/china16.png",
    ),
    _first_run(
        "elbow", "`clusterx elbow` of a CSV file of 200 rows", "blobs_200x3", 0,
        "elbow", "{data}",
    ),
    _first_run("fit-5000", "{size}, `KMeans(8, random_state=s).fit`", "blobs_5000x3", 8),
    _first_run("fit-digits", "{size}, `KMeans(64, random_state=s).fit`", DIGITS, 64),
)  # fmt: skip
_UPLOADED = dict.fromkeys(one.sources[CUDA] for one in _MEASURED if CUDA in one.sources)
CASES: tuple[Case, ...] = (*_MEASURED, *map(_upload, _UPLOADED))

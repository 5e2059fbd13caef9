"""The tasks of `python -m bench.accel`: calls that scikit-learn's users make, by size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

Task = Callable[[], Any]
Size = tuple[int, int, int]


def blobs(n: int, d: int, k: int, rng: np.random.RandomState) -> np.ndarray:
    """Rows around k centres, which overlap as those of real data do."""
    centers = rng.uniform(-4, 4, (k, d))
    return centers[rng.randint(k, size=n)] + rng.standard_normal((n, d))


def neighbours_apart(X: np.ndarray) -> float:
    """An eps at which most rows have five neighbours: a high quantile of the distances."""
    from sklearn.neighbors import NearestNeighbors

    some = X[: min(len(X), 2000)]
    found = NearestNeighbors(n_neighbors=6).fit(X).kneighbors(some)[0][:, -1]
    return float(np.quantile(found, 0.9))


def distances(X: np.ndarray) -> np.ndarray:
    from sklearn.metrics import pairwise_distances

    return pairwise_distances(X)


@dataclass(frozen=True)
class Case:
    """A kind of call.

    Parameters
    ----------
    key : str
        Of the table.
    name : str
        Of the class or function, in scikit-learn's module and in clusterx's.
    sizes : tuple of (rows, columns, clusters)
    make : callable
        ``make(n, d, k, rng)``: the data, and the parameters.
    method : str
        Of the class that is called; empty for functions.
    modules : tuple of str
        scikit-learn's and clusterx's.
    limits : tuple of int
        Values of `max_iter` to measure with; 0 leaves it as it is.
    """

    key: str
    name: str
    sizes: tuple[Size, ...]
    make: Callable[..., tuple[tuple, dict[str, Any]]]
    method: str = "fit"
    modules: tuple[str, str] = ("sklearn.cluster", "clusterx")
    limits: tuple[int, ...] = (0,)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def middle(self) -> Size:
        """A size for which a first call is timed."""
        return self.sizes[len(self.sizes) // 2]

    def twin(self) -> Any:
        return getattr(import_module(self.modules[1]), self.name)

    def tasks(
        self, n: int, d: int, k: int, rng: np.random.RandomState, limit: int = 0
    ) -> tuple[Task, Task]:
        """scikit-learn's call and clusterx's, on the same data."""
        data, parameters = self.make(n, d, k, rng)
        if limit:
            parameters |= {"max_iter": limit, "tol": 0.0}
        found = []
        for module in self.modules:
            thing = getattr(import_module(module), self.name)
            if not self.method:
                found.append(lambda f=thing: f(*data, **parameters))
            elif self.method == "predict":
                model = thing(**parameters).fit(data[0][:2000])
                found.append(lambda m=model: m.predict(*data))
            elif self.method == "partial_fit":
                model = thing(**parameters).partial_fit(*data)
                found.append(lambda m=model: m.partial_fit(*data))
            else:
                found.append(lambda t=thing: t(**parameters).fit(*data))
        return found[0], found[1]


def _plain(**parameters: Any) -> Callable:
    """Blobs, with the parameters; those that are functions get the data and k."""

    def make(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
        X = blobs(n, d, max(k, 5), rng)
        given = {a: v(X, k) if callable(v) else v for a, v in parameters.items()}
        return (X,), given

    return make


def _uniform(**parameters: Any) -> Callable:
    """Rows without clusters, in which k-means takes many iterations."""

    def make(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
        X = rng.standard_normal((n, d))
        return (X,), {a: v(X, k) if callable(v) else v for a, v in parameters.items()}

    return make


def _k(X: np.ndarray, k: int) -> int:
    return k


def _eps(X: np.ndarray, k: int) -> float:
    return neighbours_apart(X)


def _precomputed(**parameters: Any) -> Callable:
    def make(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
        X = blobs(n, 3, 5, rng)
        given = {a: v(X, k) if callable(v) else v for a, v in parameters.items()}
        return (distances(X),), given

    return make


def _similarities(**parameters: Any) -> Callable:
    def make(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
        S = distances(blobs(n, 3, 5, rng)) ** 2
        given = {a: v(S, k) if callable(v) else v for a, v in parameters.items()}
        positive = parameters.get("affinity") == "precomputed" and "n_clusters" in parameters
        return (np.exp(-S) if positive else -S,), given

    return make


def _sparse_rows(**parameters: Any) -> Callable:
    def make(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
        from scipy import sparse

        X = sparse.random_array((n, d), density=0.02, format="csr", rng=rng)
        return (X,), {a: v(X, k) if callable(v) else v for a, v in parameters.items()}

    return make


def _grid(**parameters: Any) -> Callable:
    """Pixels of a picture with the graph of their neighbours."""

    def make(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
        from sklearn.feature_extraction.image import grid_to_graph

        side = round(n**0.5)
        return (blobs(side * side, d, 5, rng),), {
            **parameters, "connectivity": grid_to_graph(side, side),
        }  # fmt: skip

    return make


def _labelled(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
    """Ten classes, and labels that differ from them in two of ten rows."""
    true = rng.randint(10, size=n)
    return (true, np.where(rng.uniform(size=n) < 0.2, rng.randint(10, size=n), true)), {}


def _scored(n: int, d: int, k: int, rng: np.random.RandomState) -> tuple[tuple, dict]:
    """Five clusters: a call does not say how many there are before it has read the labels."""
    return (blobs(n, d, 5, rng), rng.randint(5, size=n)), {}


def sizes(rows: tuple[int, ...], columns: tuple[int, ...], clusters: tuple[int, ...] = (1,)):
    return tuple((n, d, k) for d in columns for k in clusters for n in rows)


MIXTURE = ("sklearn.mixture", "clusterx")
METRICS = ("sklearn.metrics", "clusterx.metrics")
_FIVE = (100, 300, 1000, 3000, 10_000)
_TREES = sizes((100, 300, 1000, 3000), (2, 20))
_KMEANS = (
    *sizes((100, 1000, 10_000, 100_000), (2, 10, 50), (8,)),
    *sizes((1000, 10_000), (10, 50), (64,)),
    *sizes((1000, 10_000), (784,), (10, 64)),
    *sizes((10_000, 300_000), (3,), (16,)),
)


def _mixture(name: str, kind: str) -> Case:
    return Case(
        f"{name}.fit {kind}", name, sizes((100, 1000, 10_000), (2, 10, 30), (5,)),
        _plain(n_components=_k, covariance_type=kind, random_state=0),
        modules=MIXTURE, limits=_LIMITS,
    )  # fmt: skip


def _linkage(kind: str, **options: Any) -> Case:
    name = "-".join([kind, *([options["metric"]] if "metric" in options else [])])
    return Case(
        f"AgglomerativeClustering.fit {name}", "AgglomerativeClustering", _TREES,
        _plain(n_clusters=5, linkage=kind, **options),
    )  # fmt: skip


#: Iterations that are measured: times of others lie on the line through these.
_LIMITS = (4, 30)
_SEEDED = {"n_clusters": _k, "random_state": 0}
CASES = (
    Case("KMeans.fit", "KMeans", _KMEANS, _uniform(**_SEEDED, n_init=1), limits=_LIMITS),
    Case(
        "KMeans.fit sparse", "KMeans", sizes((1000, 10_000), (1000,), (8,)),
        _sparse_rows(**_SEEDED, n_init=1), limits=_LIMITS,
    ),
    Case("KMeans.predict", "KMeans", _KMEANS, _plain(**_SEEDED, n_init=1), "predict"),
    Case("MiniBatchKMeans.fit", "MiniBatchKMeans", _KMEANS, _plain(**_SEEDED, n_init=1)),
    Case(
        "MiniBatchKMeans.partial_fit", "MiniBatchKMeans",
        sizes((100, 1000, 10_000), (2, 10, 50, 784), (8, 64)), _plain(**_SEEDED), "partial_fit",
    ),
    Case("MiniBatchKMeans.predict", "MiniBatchKMeans", _KMEANS, _plain(**_SEEDED), "predict"),
    Case(
        "BisectingKMeans.fit", "BisectingKMeans",
        sizes((100, 1000, 10_000, 100_000), (2, 10, 50), (8,)), _plain(**_SEEDED),
    ),
    Case(
        "BisectingKMeans.predict", "BisectingKMeans",
        sizes((100, 1000, 10_000, 100_000), (2, 10, 50), (8,)), _plain(**_SEEDED), "predict",
    ),
    Case(
        "DBSCAN.fit euclidean", "DBSCAN",
        sizes((100, 1000, 10_000, 100_000), (2, 5)) + sizes(_FIVE, (20,)), _plain(eps=_eps),
    ),
    Case("DBSCAN.fit manhattan", "DBSCAN", sizes(_FIVE, (2, 20)), _plain(eps=_eps, metric="l1")),
    Case("DBSCAN.fit precomputed", "DBSCAN", sizes(_FIVE[:4], (1,)),
         _precomputed(eps=0.3, metric="precomputed")),
    Case("HDBSCAN.fit euclidean", "HDBSCAN", sizes(_FIVE, (2, 10, 30)), _plain(copy=True)),
    Case("HDBSCAN.fit manhattan", "HDBSCAN", sizes(_FIVE[:4], (2, 10)),
         _plain(copy=True, metric="manhattan")),
    Case("HDBSCAN.fit precomputed", "HDBSCAN", sizes(_FIVE[:4], (1,)),
         _precomputed(copy=True, metric="precomputed")),
    Case("hdbscan.HDBSCAN.fit euclidean", "HDBSCAN", sizes(_FIVE, (2, 10, 30)), _plain(),
         modules=("hdbscan", "clusterx")),
    Case("hdbscan.HDBSCAN.fit manhattan", "HDBSCAN", sizes(_FIVE[:4], (2, 10)),
         _plain(metric="manhattan"), modules=("hdbscan", "clusterx")),
    Case("OPTICS.fit euclidean", "OPTICS", sizes((100, 300, 1000, 2000), (2, 10)), _plain()),
    Case("OPTICS.fit euclidean-max_eps", "OPTICS", sizes((100, 300, 1000, 2000), (2, 10)),
         _plain(max_eps=_eps)),
    *map(_linkage, ("ward", "complete", "average", "single")),
    _linkage("average", metric="cosine"),
    Case("AgglomerativeClustering.fit ward-connectivity", "AgglomerativeClustering",
         sizes((100, 1000, 4000), (1, 3)), _grid(n_clusters=5)),
    Case("FeatureAgglomeration.fit ward", "FeatureAgglomeration",
         tuple((n, d, 1) for n, d in ((100, 30), (1000, 64), (1797, 64), (500, 500), (500, 2000))),
         _plain(n_clusters=5)),
    Case("SpectralClustering.fit rbf", "SpectralClustering",
         sizes((100, 300, 1000, 2000), (2, 10), (4,)), _plain(**_SEEDED)),
    Case("SpectralClustering.fit nearest_neighbors", "SpectralClustering",
         sizes((100, 300, 1000, 3000), (2, 10), (4,)),
         _plain(**_SEEDED, affinity="nearest_neighbors")),
    Case("SpectralClustering.fit precomputed", "SpectralClustering",
         sizes((100, 300, 1000, 2000), (1,), (4,)),
         _similarities(**_SEEDED, affinity="precomputed")),
    Case("MeanShift.fit all seeds", "MeanShift", sizes((100, 300, 1000), (2, 5)), _plain()),
    Case("MeanShift.fit binned", "MeanShift", sizes((100, 1000, 10_000), (2, 5)),
         _plain(bin_seeding=True, bandwidth=2.0)),
    Case("AffinityPropagation.fit euclidean", "AffinityPropagation",
         sizes((100, 300, 1000), (2, 10)), _plain(random_state=0)),
    Case("AffinityPropagation.fit precomputed", "AffinityPropagation",
         sizes((100, 300, 1000), (1,)), _similarities(random_state=0, affinity="precomputed")),
    Case("Birch.fit", "Birch", sizes((100, 1000, 5000), (2, 10)), _plain(n_clusters=5)),
    Case("Birch.predict", "Birch", sizes((100, 1000, 10_000), (2, 10)), _plain(n_clusters=5),
         "predict"),
    *(_mixture("GaussianMixture", kind) for kind in ("full", "tied", "diag", "spherical")),
    *(_mixture("BayesianGaussianMixture", kind) for kind in ("full", "diag")),
    *(
        Case(f"{name}.predict full", name, sizes((100, 1000, 10_000, 100_000), (2, 10, 30), (5,)),
             _plain(n_components=_k, random_state=0), "predict", MIXTURE)
        for name in ("GaussianMixture", "BayesianGaussianMixture")
    ),
    *(
        Case(f"{name} euclidean", name, sizes(_FIVE, (2, 10, 50)), _scored, "", METRICS)
        for name in ("silhouette_score", "silhouette_samples")
    ),
    *(
        Case(name, name, sizes((100, 1000, 10_000, 100_000), (2, 10, 50)), _scored, "", METRICS)
        for name in ("calinski_harabasz_score", "davies_bouldin_score")
    ),
    *(
        Case(name, name, sizes((100, 1000, 10_000, 100_000, 1_000_000), (1,)), _labelled,
             "", METRICS)
        for name in (
            "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score",
            "fowlkes_mallows_score", "homogeneity_completeness_v_measure", "homogeneity_score",
            "mutual_info_score", "normalized_mutual_info_score", "rand_score", "v_measure_score",
            "pair_confusion_matrix",
        )
    ),
)  # fmt: skip

"""Adapters: one task of one installed library, behind one signature.

An adapter takes a `Problem`, does what is not to be timed (imports, settings) and returns the
function that is, of a seed. Conversions that a user of the library cannot avoid are inside. It
raises ImportError where the library lacks what the task needs.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import distance_matrix

from .data import scratch_folder
from .places import Host, Outcome, Run
from .quality import nearest


class Problem(NamedTuple):
    """What a library is asked to solve: X, and the start of k rows, in the place."""

    place: Host
    X: Any
    k: int
    start: Any
    max_iter: int
    threads: int
    options: Mapping[str, Any]
    gpu: bool = False


Adapter = Callable[[Problem], Run]


def quantized(lloyd: Adapter, problem: Problem) -> Run:
    """Image in, palette and indexed image out, through what clusters rows."""
    xp, shape = problem.place.xp, problem.X.shape
    lloyd(problem)  # imports before the clock starts

    def run(seed: int) -> Outcome:
        pixels = xp.astype(xp.reshape(problem.X, (-1, 3)), xp.float32)
        found = lloyd(problem._replace(X=pixels))(seed)
        palette = xp.astype(xp.clip(xp.round(found.centers), 0, 255), xp.uint8)
        indices = xp.reshape(xp.astype(found.labels, xp.uint8), shape[:2])
        return Outcome(palette, indices, found.n_iter)

    return run


# Libraries with scikit-learn's interface; their module comes first


def _fitted(model: Any) -> Outcome:
    return Outcome(model.cluster_centers_, model.labels_, model.n_iter_)


def estimator(module: str, name: str, problem: Problem) -> Run:
    """A fit with the default parameters, apart from the number of clusters and the seed."""
    Estimator = getattr(import_module(module), name)
    return lambda seed: _fitted(Estimator(problem.k, random_state=seed).fit(problem.X))


def lloyd(module: str, problem: Problem, **parameters: Any) -> Run:
    """A fixed number of iterations from the given start."""
    KMeans = import_module(module).KMeans
    given = {"init": problem.start, "n_init": 1, "max_iter": problem.max_iter, "tol": 0.0}
    given |= {"n_clusters": problem.k} | parameters
    return lambda seed: _fitted(KMeans(**given).fit(problem.X))


def mixture(module: str, problem: Problem) -> Run:
    """A fixed number of iterations of the mixture that the case names; its score is the bound."""
    Estimator = getattr(import_module(module), problem.options["estimator"])
    kind = problem.options["covariance_type"]
    given = {"n_components": problem.k, "max_iter": problem.max_iter, "tol": 0.0}
    given |= {"covariance_type": kind, "init_params": "random"}
    if problem.options["estimator"] == "GaussianMixture":
        given |= {"means_init": problem.start}

    def run(seed: int) -> Outcome:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that so few iterations do not converge
            model = Estimator(random_state=seed, **given).fit(problem.X)
        return Outcome(score=float(model.lower_bound_))

    return run


def seeding(module: str, problem: Problem) -> Run:
    """`kmeans_plusplus`."""
    kmeans_plusplus = import_module(module).kmeans_plusplus
    return lambda seed: Outcome(kmeans_plusplus(problem.X, problem.k, random_state=seed)[0])


def scores(module: str, problem: Problem) -> Run:
    """The scores that a case names, one after the other; their sum is the outcome."""
    package = import_module(module)
    functions = [getattr(package, name) for name in problem.options["scores"]]
    return lambda seed: Outcome(score=sum(float(score(*problem.X)) for score in functions))


def dbscan(module: str, problem: Problem) -> Run:
    """A fit of `DBSCAN`; the score is the number of core rows, which is the same for all."""
    DBSCAN = import_module(module).DBSCAN

    def run(seed: int) -> Outcome:
        model = DBSCAN(eps=problem.options["eps"], min_samples=5).fit(problem.X)
        return Outcome(score=float(len(model.core_sample_indices_)))

    return run


def hdbscan(module: str, problem: Problem, *, itself: bool = True) -> Run:
    """A fit of `HDBSCAN`; the score is the number of clusters.

    itself : whether a row counts among its `min_samples` neighbours
    """
    HDBSCAN = import_module(module).HDBSCAN
    least = problem.options["min_cluster_size"]
    samples = problem.options["min_samples"] - (not itself)

    def run(seed: int) -> Outcome:
        # fast_hdbscan has another metric by default, for which it needs one more package
        model = HDBSCAN(min_cluster_size=least, min_samples=samples, metric="euclidean")
        model.fit(problem.X)
        return Outcome(score=float(model.labels_.max() + 1))

    return run


def hdbscan_tree(problem: Problem) -> Run:
    """A fit of `HDBSCAN`; the score is the sum of the tree's heights."""
    from clusterx import HDBSCAN

    def run(seed: int) -> Outcome:
        tree = HDBSCAN(**problem.options).fit(problem.X).single_linkage_tree_
        return Outcome(score=float(tree.to_numpy()[:, 2].sum()))

    return run


def quite_fast_tree(problem: Problem) -> Run:
    """quitefastmst's tree of mutual reachability, of which a row is no neighbour of its own."""
    from quitefastmst import mst_euclid

    neighbours = problem.options["min_samples"] - 1
    return lambda seed: Outcome(score=float(mst_euclid(problem.X, neighbours)[0].sum()))


def clusterer(module: str, problem: Problem) -> Run:
    """A fit of the estimator that the case names; the score is the number of clusters."""
    options = dict(problem.options)
    kind = getattr(import_module(module), options.pop("estimator"))
    drawn = "random_state" in signature(kind).parameters

    def run(seed: int) -> Outcome:
        model = kind(**options, **({"random_state": seed} if drawn else {})).fit(problem.X)
        return Outcome(score=float(len(set(model.labels_.tolist()))))

    return run


def linkage(module: str, problem: Problem) -> Run:
    """A fit of `AgglomerativeClustering`; the score is the highest merge, the same for all."""
    Agglomerative = import_module(module).AgglomerativeClustering
    given = {"linkage": problem.options["linkage"], "compute_distances": True}

    def run(seed: int) -> Outcome:
        model = Agglomerative(n_clusters=10, **given).fit(problem.X)
        return Outcome(score=float(model.distances_[-1]))

    return run


def pooling(module: str, graphs: str, problem: Problem) -> Run:
    """`FeatureAgglomeration` of square images by their grid; the score is the highest merge."""
    Features = import_module(module).FeatureAgglomeration
    side = math.isqrt(problem.X.shape[1])
    grid = import_module(graphs).grid_to_graph(side, side)
    given = {"n_clusters": problem.k, "connectivity": grid, "compute_distances": True}

    def run(seed: int) -> Outcome:
        model = Features(**given).fit(problem.X)
        model.transform(problem.X)
        return Outcome(score=float(model.distances_[-1]))

    return run


def spreading(module: str, problem: Problem) -> Run:
    """`LabelSpreading` from the labels of one row in a hundred; the score is the share of the rows
    that get the label of the nearest row of the start.
    """
    Spreading = import_module(module).LabelSpreading
    true = nearest(np, problem.X, problem.start)

    def run(seed: int) -> Outcome:
        known = np.random.default_rng(seed).random(len(true)) < 0.01
        y = np.where(known, true, -1)
        model = Spreading(**problem.options).fit(problem.X, y)
        return Outcome(score=float(np.mean(model.transduction_ == true)))

    return run


# clusterx


def clusterx_medoids(problem: Problem) -> Run:
    """A fit of `KMedoids`; the score is the loss."""
    from clusterx import KMedoids

    onebatch = problem.options["method"] == "onebatch"
    X = problem.X if onebatch else distance_matrix(problem.X, problem.X)
    given = {"method": problem.options["method"]}
    given |= {} if onebatch else {"metric": "precomputed"}

    def run(seed: int) -> Outcome:
        model = KMedoids(problem.k, random_state=seed, **given).fit(X)
        return Outcome(score=float(model.inertia_), n_iter=model.n_iter_)

    return run


def clusterx_map(problem: Problem) -> Run:
    """A map of some epochs; the score is the mean distance to the nearest unit."""
    from clusterx import SelfOrganizingMap

    def run(seed: int) -> Outcome:
        model = SelfOrganizingMap(max_iter=problem.max_iter, **problem.options).fit(problem.X)
        return Outcome(score=model.quantization_error_)

    return run


def clusterx_quantize(problem: Problem) -> Run:
    """`quantize` of the image as it is."""
    from clusterx import quantize

    given = {"init": problem.start, "n_init": 1, "max_iter": problem.max_iter, "tol": 0.0}

    def run(seed: int) -> Outcome:
        found = quantize(problem.X, problem.k, **given)
        return Outcome(found.palette, found.indices, getattr(found, "n_iter", None))

    return run


def clusterx_palette(problem: Problem) -> Run:
    """`quantize` by its defaults, to convergence."""
    from clusterx import quantize

    def run(seed: int) -> Outcome:
        found = quantize(problem.X, problem.k, random_state=seed)
        return Outcome(found.palette, found.indices, found.n_iter)

    return run


def clusterx_lloyd_tf32(problem: Problem) -> Run:
    """Lloyd iterations whose products may be rounded to TF32."""
    from clusterx import precision

    return precision("tf32")(lloyd("clusterx", problem))


def upload(problem: Problem) -> Run:
    """Data from the host to the place."""

    def run(seed: int) -> Outcome:
        problem.place.put(problem.X)
        return Outcome()

    return run


def chunks(module: str, problem: Problem) -> Run:
    """A fixed number of iterations on eight chunks of Dask, which are in memory, by its threads."""
    import dask.array as da

    n, d = problem.X.shape
    X = da.from_array(problem.X, chunks=(-(-n // 8), d)).persist()
    run = lloyd(module, problem._replace(X=X))

    def timed(seed: int) -> Outcome:
        found = run(seed)
        return found._replace(labels=np.asarray(found.labels))

    return timed


# Libraries with interfaces of their own


def faiss_lloyd(problem: Problem) -> Run:
    """Training from the start, then a search for the labels."""
    import faiss

    if problem.gpu and faiss.get_num_gpus() == 0:
        raise ImportError("the installed faiss has no GPU support")
    faiss.omp_set_num_threads(problem.threads)

    given = {"niter": problem.max_iter, "nredo": 1, "gpu": problem.gpu}
    # by default it trains on 256 points per centroid
    given |= {"min_points_per_centroid": 1, "max_points_per_centroid": 2**31 - 1}

    def run(seed: int) -> Outcome:
        kmeans = faiss.Kmeans(problem.X.shape[1], problem.k, **given)
        kmeans.train(problem.X, init_centroids=problem.start)
        labels = kmeans.index.search(problem.X, 1)[1][:, 0]
        return Outcome(kmeans.centroids, labels, len(np.asarray(kmeans.obj)))

    return run


def fast_linkage(problem: Problem) -> Run:
    """fastcluster, from rows where it can."""
    import fastcluster

    method = problem.options["linkage"]
    vectors = method in ("single", "ward", "centroid", "median")
    tree = fastcluster.linkage_vector if vectors else fastcluster.linkage
    return lambda seed: Outcome(score=float(tree(problem.X, method)[-1, 2]))


def faster_pam(problem: Problem) -> Run:
    """kmedoids, of a matrix of distances."""
    import kmedoids

    if problem.options["method"] != "fasterpam":
        raise ImportError("kmedoids takes a matrix of distances alone")
    D = distance_matrix(problem.X, problem.X)

    def run(seed: int) -> Outcome:
        found = kmedoids.fasterpam(D, problem.k, random_state=seed, n_cpu=problem.threads)
        return Outcome(score=float(found.loss), n_iter=found.n_iter)

    return run


def one_batch(problem: Problem) -> Run:
    """onebatch, whose loss is that of all rows."""
    from onebatch import OneBatchPAM

    if problem.options["method"] != "onebatch":
        raise ImportError("onebatch has its own method alone")

    def run(seed: int) -> Outcome:
        model = OneBatchPAM(n_medoids=problem.k, distance="euclidean", random_state=seed)
        medoids = problem.X[model.fit(problem.X).medoid_indices_]
        labels = nearest(np, problem.X, medoids)
        return Outcome(score=float(np.linalg.norm(problem.X - medoids[labels], axis=1).sum()))

    return run


def mini_som(problem: Problem) -> Run:
    """minisom, from the start that both have."""
    from minisom import MiniSom

    (rows, columns), sigma = problem.options["shape"], problem.options["sigma"]

    def run(seed: int) -> Outcome:
        model = MiniSom(rows, columns, problem.X.shape[1], sigma=sigma, random_seed=seed)
        model.pca_weights_init(problem.X)
        model.train(problem.X, problem.max_iter, random_order=True, use_epochs=True)
        return Outcome(score=float(model.quantization_error(problem.X)))

    return run


def cells_dbscan(problem: Problem) -> Run:
    """The package `dbscan`, which takes up to 20 columns."""
    from dbscan import DBSCAN

    def run(seed: int) -> Outcome:
        _, core = DBSCAN(problem.X, eps=problem.options["eps"], min_samples=5)
        return Outcome(score=float(np.count_nonzero(core)))

    return run


def pillow_quantize(problem: Problem) -> Run:
    """Median cut."""
    from PIL import Image

    def run(seed: int) -> Outcome:
        answer = Image.fromarray(problem.X).quantize(problem.k, dither=Image.Dither.NONE)
        palette = np.asarray(answer.getpalette(), dtype=np.uint8).reshape(-1, 3)
        return Outcome(palette[: problem.k], np.asarray(answer))

    return run


def imagequant_palette(problem: Problem) -> Run:
    """libimagequant by its default speed, without dithering."""
    import imagequant
    from PIL import Image

    def run(seed: int) -> Outcome:
        image = Image.fromarray(problem.X).convert("RGBA")
        answer = imagequant.quantize_pil_image(image, 0.0, problem.k)
        palette = np.asarray(answer.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        return Outcome(palette[: problem.k], np.asarray(answer))

    return run


def read_twice(problem: Problem) -> Run:
    """The floor of any two-pass method: the file read twice from the page cache, and summed."""
    path = scratch_folder() / "pixels.npy"
    np.save(path, problem.X)

    def run(seed: int) -> Outcome:
        for _ in range(2):
            np.load(path).sum()
        return Outcome()

    return run


def flash_lloyd(module: str, name: str, problem: Problem) -> Run:
    """flash-kmeans and its successor, which have one interface."""
    kmeans = getattr(import_module(module), name)
    given = {"max_iters": problem.max_iter, "tol": 0.0, "init_centroids": problem.start[None]}

    def run(seed: int) -> Outcome:
        labels, centers, n_iter = kmeans(problem.X[None], problem.k, **given)
        return Outcome(centers[0], labels[0], n_iter)

    return run


def fastkmeans_lloyd(problem: Problem) -> Run:
    """It takes no start."""
    from fastkmeans import FastKMeans

    given = {"niter": problem.max_iter, "tol": -1.0, "gpu": True}
    given |= {"max_points_per_centroid": 2**31 - 1}

    def run(seed: int) -> Outcome:
        model = FastKMeans(problem.X.shape[1], problem.k, seed=seed, **given)
        labels = model.fit_predict(problem.X)
        return Outcome(np.asarray(model.centroids, np.float32), labels)

    return run


# Plain PyTorch, as one would write it: blocks of rows, products in float32

_BLOCK_VALUES = 1 << 26


def torch_lloyd(problem: Problem) -> Run:
    """Lloyd iterations by products of blocks of rows with the centres."""
    import torch

    X, k = problem.X, problem.k
    n, rows = len(X), max(1, _BLOCK_VALUES // max(k, X.shape[1]))

    def assign(C: Any, labels: Any) -> None:
        squares = (C * C).sum(dim=1)
        for a in range(0, n, rows):
            labels[a : a + rows] = (squares - 2 * X[a : a + rows] @ C.T).argmin(dim=1)

    def run(seed: int) -> Outcome:
        C = problem.start.to(torch.float32).clone()
        labels = torch.empty(n, dtype=torch.int64, device=X.device)
        for _ in range(problem.max_iter):
            assign(C, labels)
            sums = torch.zeros_like(C).index_add_(0, labels, X)
            counts = torch.bincount(labels, minlength=k)[:, None]
            C = torch.where(counts > 0, sums / counts.clamp(min=1), C)
        assign(C, labels)
        return Outcome(C, labels, problem.max_iter)

    return run


def torch_silhouette(problem: Problem) -> Run:
    """The silhouette by blocks of `torch.cdist`; the other scores of rows are not written."""
    import torch

    if tuple(problem.options["scores"]) != ("silhouette_score",):
        raise ImportError("PyTorch has no such score")

    def run(seed: int) -> Outcome:
        X, labels = problem.X
        n, k = X.shape[0], int(labels.max()) + 1
        member = torch.nn.functional.one_hot(labels.to(torch.int64), k).to(torch.float32)
        counts, total = member.sum(dim=0), 0.0
        for a in range(0, n, max(1, _BLOCK_VALUES // n)):
            rows = slice(a, a + max(1, _BLOCK_VALUES // n))
            sums, own = torch.cdist(X[rows], X) @ member, member[rows].bool()
            inner = sums[own] / (counts[labels[rows]] - 1).clamp(min=1)
            outer = (sums / counts).masked_fill(own, torch.inf).amin(dim=1)
            part = (outer - inner) / torch.maximum(inner, outer)
            total += float(part[counts[labels[rows]] > 1].sum(dtype=torch.float64))
        return Outcome(score=total / n)

    return run

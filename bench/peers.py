"""The table of libraries: what each can do, and where it computes on which device."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from . import adapters, children
from .adapters import Adapter
from .cases import CLUSTERX, CPU, CUDA, FAISS, ONEDAL, SKLEARN, Case
from .places import CudaCupy, CudaFromHost, CudaTorch, Host, HostTorch

DRY = "dry"  # in place of CUDA, on the CPU


class Library(NamedTuple):
    """A library.

    Parameters
    ----------
    module : str
        What must be there to import.
    places : mapping of str to type
        Where it computes on each device that it can use, and in a dry run of the GPU's cases.
    tasks : mapping of str to callable
        Its adapters.
    note : str
        What a reader has to know of its figures on a GPU.
    compared : bool
        False for a floor that solves no task of its own.
    """

    module: str
    places: Mapping[str, type[Host]]
    tasks: Mapping[str, Adapter]
    note: str = ""
    compared: bool = True

    def has(self, case: Case, device: str) -> bool:
        """Whether it has the task of a case on a device."""
        return device in self.places and case.task in self.tasks

    def installed(self) -> bool:
        """Whether its package can be found; it is not imported."""
        return find_spec(self.module.partition(".")[0]) is not None


def libraries_of(case: Case, device: str, table: Mapping[str, Library]) -> list[str]:
    """Those that take part in a case on a device, in the table's order."""
    allowed = case.libraries or table
    return [name for name, one in table.items() if name in allowed and one.has(case, device)]


def _common(module: str) -> dict[str, Adapter]:
    """The tasks that scikit-learn's interface is enough for."""
    return {
        "lloyd": partial(adapters.lloyd, module),
        "fit": partial(adapters.estimator, module, "KMeans"),
        "minibatch": partial(adapters.estimator, module, "MiniBatchKMeans"),
        "seeding": partial(adapters.seeding, module),
        "quantize": _quantized(partial(adapters.lloyd, module)),
        "dbscan": partial(adapters.dbscan, module),
        "linkage": partial(adapters.linkage, module),
        "hdbscan": partial(adapters.hdbscan, module),
        "clusterer": partial(adapters.clusterer, module),
        "import": partial(children.importing, module),
        "first_fit": partial(children.first_fit, module),
        "first_run": partial(children.first_run, module),
    }


def _quantized(lloyd: Adapter) -> Adapter:
    return partial(adapters.quantized, lloyd)


def _pooling(module: str, graphs: str) -> dict[str, Adapter]:
    return {"pooling": partial(adapters.pooling, module, graphs)}


def _scores(module: str) -> dict[str, Adapter]:
    return dict.fromkeys(("score_rows", "score_labels"), partial(adapters.scores, module))


def _mixtures(module: str) -> dict[str, Adapter]:
    return {"mixture": partial(adapters.mixture, module)}


def _clusters(lloyd: Adapter) -> dict[str, Adapter]:
    return {"lloyd": lloyd, "quantize": _quantized(lloyd)}


def _flash(module: str, name: str) -> Library:
    tasks = _clusters(partial(adapters.flash_lloyd, module, name))
    return Library(module, {CUDA: CudaTorch}, tasks, "products in TF32")


_ON_CPU = {CPU: Host}
_FROM_HOST = "data from the host in every run"
_ONEDAL = _common("sklearnex.cluster")
_CUML = partial(adapters.lloyd, "cuml.cluster", tol=1e-30, output_type="cupy")

LIBRARIES: dict[str, Library] = {
    CLUSTERX: Library(
        "clusterx",
        {CPU: Host, CUDA: CudaCupy, DRY: Host},
        _common("clusterx") | _scores("clusterx.metrics") | _mixtures("clusterx")
        | _pooling("clusterx", "clusterx")
        | {"spreading": partial(adapters.spreading, "clusterx"),
           "chunks": partial(adapters.chunks, "clusterx"),
           "medoids": adapters.clusterx_medoids, "map": adapters.clusterx_map}
        | {"tree": adapters.hdbscan_tree, "quantize": adapters.clusterx_quantize,
           "palette": adapters.clusterx_palette, "upload": adapters.upload,
           "command": children.command},
    ),
    "clusterx in TF32": Library(
        "clusterx", {CUDA: CudaCupy, DRY: Host}, {"lloyd": adapters.clusterx_lloyd_tf32},
        "products in TF32",
    ),
    SKLEARN: Library(
        "sklearn", _ON_CPU,
        _common("sklearn.cluster") | _scores("sklearn.metrics.cluster")
        | _mixtures("sklearn.mixture")
        | _pooling("sklearn.cluster", "sklearn.feature_extraction.image")
        | {"spreading": partial(adapters.spreading, "sklearn.semi_supervised")},
    ),
    ONEDAL: Library(
        "sklearnex", _ON_CPU, {task: _ONEDAL[task] for task in ("lloyd", "fit", "quantize")}
    ),
    FAISS: Library(
        "faiss", {CPU: Host, CUDA: CudaFromHost}, _clusters(adapters.faiss_lloyd), _FROM_HOST
    ),
    "dbscan": Library("dbscan", _ON_CPU, {"dbscan": adapters.cells_dbscan}),
    **{
        name: Library(name, _ON_CPU, {"hdbscan": partial(adapters.hdbscan, name, itself=False)})
        for name in ("hdbscan", "fast_hdbscan")
    },
    "quitefastmst": Library("quitefastmst", _ON_CPU, {"tree": adapters.quite_fast_tree}),
    "dask-ml": Library(
        "dask_ml", _ON_CPU, {"chunks": partial(adapters.chunks, "dask_ml.cluster")}
    ),
    "fastcluster": Library("fastcluster", _ON_CPU, {"linkage": adapters.fast_linkage}),
    "kmedoids": Library("kmedoids", _ON_CPU, {"medoids": adapters.faster_pam}),
    "onebatch": Library("onebatch", _ON_CPU, {"medoids": adapters.one_batch}),
    "minisom": Library("minisom", _ON_CPU, {"map": adapters.mini_som}),
    "Pillow": Library(
        "PIL", _ON_CPU,
        {"quantize": adapters.pillow_quantize, "palette": adapters.pillow_quantize},
    ),
    "imagequant": Library("imagequant", _ON_CPU, {"palette": adapters.imagequant_palette}),
    "reading twice": Library("numpy", _ON_CPU, {"minibatch": adapters.read_twice}, compared=False),
    "bare Python": Library("sys", _ON_CPU, {"import": children.bare_python}, compared=False),
    "torch": Library(
        "torch", {CUDA: CudaTorch, DRY: HostTorch},
        _clusters(adapters.torch_lloyd) | {"score_rows": adapters.torch_silhouette},
        "written for this benchmark: blocks of products, float32",
    ),
    "flash-kmeans": _flash("flash_kmeans", "batch_kmeans_Euclid"),
    "flashlib": _flash("flashlib.primitives.kmeans", "flash_kmeans"),
    "fastkmeans": Library(
        "fastkmeans", {CUDA: CudaFromHost}, {"lloyd": adapters.fastkmeans_lloyd},
        f"{_FROM_HOST}, a start of its own, float16",
    ),
    "cuML": Library(
        "cuml", {CUDA: CudaCupy}, _clusters(_CUML) | _scores("cuml.metrics.cluster")
    ),
}  # fmt: skip

"""The kernels, by family, and the one table that maps an array library to tuned ones.

A family is a folder, and all are alike::

    distances/
        __init__.py   the contract: a Protocol with the signatures, and the types of results
        generic.py    the definition, in the array API standard alone
        cpu/          for NumPy: numba functions over fixed ranges of rows, on our threads
        cuda/         for CuPy: CUDA C++ in `.cu` files, compiled on first use

`kernels_for(xp).distances.nearest(X, C)` finds a function by its name: in `cpu` or `cuda` if the
library has it there, in `generic` otherwise. Functions of `cuda` take the device as their first
argument (`cuda.device.CudaDevice`), which the table binds. A family is imported when it is first
used, and its loops are compiled when they are first called.

To add a kernel, add its signature to the contract and its definition to `generic.py`; tuned
versions may follow. To add a family, add such a folder, and a property to `Kernels`. Tuned
families share the code in `cpu` (threads, ranges, screening, boxes) and `cuda` (device, loader,
products). Imports point downwards: a family may use `blocks`, `statistics`, that shared code, and
families that stand before it in `Kernels`.

The contract of every kernel: its inputs are validated, C-contiguous, on one device and of one of
`runtime.dtypes`. It is pure, draws no random numbers, and reads the device only where its own
contract says so. Its extra memory is bounded by `working_memory`, ties go to the lowest index, and
it accumulates in float64 or in exact integers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

from ..arrays import backend
from ..properties import cached_property
from .color import ColorKernels
from .distances import DistanceKernels
from .dither import DitherKernels
from .feature_trees import FeatureTreeKernels
from .graphs import GraphKernels
from .kmeans import KMeansKernels
from .labels import LabelKernels
from .linkage import LinkageKernels
from .maps import MapKernels
from .medians import MedianKernels
from .medoids import MedoidKernels
from .messages import MessageKernels
from .mixture import MixtureKernels
from .neighbors import NeighborKernels
from .reachability import ReachabilityKernels
from .reductions import ReductionKernels
from .runtime import Runtime


class Kernels:
    """The kernels of one array library.

    Parameters
    ----------
    tuned : {'cpu', 'cuda'}, optional
        The module in each family's folder that has the tuned kernels.
    gpu : CudaDevice, optional
        The first argument of every kernel in `cuda`.
    """

    def __init__(self, tuned: str | None = None, gpu: Any = None):
        self.tuned, self.gpu = tuned, gpu

    @cached_property
    def runtime(self) -> Runtime:
        return self._family("runtime", Runtime)

    @cached_property
    def reductions(self) -> ReductionKernels:
        return self._family("reductions", ReductionKernels)

    @cached_property
    def distances(self) -> DistanceKernels:
        return self._family("distances", DistanceKernels)

    @cached_property
    def kmeans(self) -> KMeansKernels:
        return self._family("kmeans", KMeansKernels)

    @cached_property
    def graphs(self) -> GraphKernels:
        return self._family("graphs", GraphKernels)

    @cached_property
    def feature_trees(self) -> FeatureTreeKernels:
        return self._family("feature_trees", FeatureTreeKernels)

    @cached_property
    def medoids(self) -> MedoidKernels:
        return self._family("medoids", MedoidKernels)

    @cached_property
    def medians(self) -> MedianKernels:
        return self._family("medians", MedianKernels)

    @cached_property
    def neighbors(self) -> NeighborKernels:
        return self._family("neighbors", NeighborKernels)

    @cached_property
    def reachability(self) -> ReachabilityKernels:
        return self._family("reachability", ReachabilityKernels)

    @cached_property
    def linkage(self) -> LinkageKernels:
        return self._family("linkage", LinkageKernels)

    @cached_property
    def labels(self) -> LabelKernels:
        return self._family("labels", LabelKernels)

    @cached_property
    def mixture(self) -> MixtureKernels:
        return self._family("mixture", MixtureKernels)

    @cached_property
    def messages(self) -> MessageKernels:
        return self._family("messages", MessageKernels)

    @cached_property
    def maps(self) -> MapKernels:
        return self._family("maps", MapKernels)

    @cached_property
    def color(self) -> ColorKernels:
        return self._family("color", ColorKernels)

    @cached_property
    def dither(self) -> DitherKernels:
        return self._family("dither", DitherKernels)

    def _family(self, name: str, contract: type) -> Any:
        generic = import_module(f".{name}.generic", __name__)
        tuned = self._tuned(name)
        members = {}
        for name in (m for m in vars(contract) if not m.startswith("_")):
            member = getattr(tuned, name, None)
            if callable(member) and self.gpu is not None:
                member = partial(member, self.gpu)
            members[name] = getattr(generic, name) if member is None else member
        return SimpleNamespace(**members)

    def _tuned(self, name: str) -> ModuleType | None:
        if self.tuned is None:
            return None
        try:
            return import_module(f".{name}.{self.tuned}", __name__)
        except ImportError as error:
            warnings.warn(
                f"The tuned kernels '{name}.{self.tuned}' can't be imported ({error}); the generic "
                "ones run instead, which are much slower. Reinstall clusterx with its "
                "dependencies.",
                RuntimeWarning,
                stacklevel=4,
            )
            return None


def _cuda() -> Kernels:
    from .cuda.device import cupy_device

    return Kernels("cuda", cupy_device())


#: library -> its kernels; every other library runs on the generic ones.
TABLE: dict[str | None, Callable[[], Kernels]] = {"numpy": lambda: Kernels("cpu"), "cupy": _cuda}


def kernels_for(xp: ModuleType) -> Kernels:
    """The kernels that serve arrays of namespace xp."""
    return _load(backend(xp))


@cache
def _load(library: str | None) -> Kernels:
    return TABLE.get(library, Kernels)()

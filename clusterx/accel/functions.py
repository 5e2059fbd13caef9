"""Functions that are called like scikit-learn's and compute with clusterx."""

from __future__ import annotations

import functools
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import devices, loading
from .families import EUCLIDEAN, is_sparse
from .routing import Size
from .running import run, under_way


@dataclass(frozen=True)
class Function:
    """A function of scikit-learn's that clusterx has, too.

    Parameters
    ----------
    name : str
        In scikit-learn and in clusterx.
    key : str
        The row of the table of times.
    where : str
        clusterx's module.
    data : tuple of str
        The parameters with a value per row.
    clusters : str, optional
        The parameter that is the number of clusters, or the labels that imply it.
    wide : bool
        Whether integers in the result are int64 in scikit-learn.
    variant : callable
        ``variant(arguments)`` names what the time depends on besides the size.
    refused : callable
        ``refused(arguments)`` says why clusterx does not take the call, or returns None.
    """

    name: str
    key: str
    where: str = "clusterx"
    data: tuple[str, ...] = ("X",)
    clusters: str | None = None
    wide: bool = False
    variant: Callable[[dict[str, Any]], str] = lambda given: ""
    refused: Callable[[dict[str, Any]], str | None] = lambda given: None


class AcceleratedFunction:
    """Calls clusterx's function where that is faster, and scikit-learn's elsewhere."""

    def __init__(self, original: Callable, module: str, function: Function):
        functools.update_wrapper(self, original)
        self._original, self._function = original, function
        self._place = f"{module}:{function.name}"
        self._signature = inspect.signature(original)

    def __reduce__(self) -> tuple:
        return pkgutil.resolve_name, (self._place,)

    def __repr__(self) -> str:
        return repr(self._original)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function, original = self._function, self._original
        if under_way():
            return original(*args, **kwargs)
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError:
            return original(*args, **kwargs)  # which raises an error about the arguments

        def accelerated() -> Any:
            return _by_clusterx(function, args, kwargs)

        first = given.get(function.data[0])
        if devices.is_foreign(first):
            return accelerated()
        return run(
            function.name,
            f"{function.key} {function.variant(given)}".rstrip(),
            _size(function, given),
            lambda: _refusal(function, given),
            accelerated,
            lambda: original(*args, **kwargs),
        )


def _size(function: Function, given: dict[str, Any]) -> Size | None:
    first = given.get(function.data[0])
    shape = getattr(first, "shape", None)
    if shape is None and isinstance(first, list | tuple):
        inner = first[0] if first else None
        shape = (len(first), len(inner)) if isinstance(inner, list | tuple) else (len(first),)
    if shape is None or len(shape) not in (1, 2) or not all(isinstance(n, int) for n in shape):
        return None
    clusters = given.get(function.clusters or "", 1)
    whole = isinstance(clusters, int | np.integer) and clusters > 0
    rows, columns = (*shape, 1)[:2]
    return Size(rows, columns, int(clusters) if whole else 1)


def _refusal(function: Function, given: dict[str, Any]) -> str | None:
    why = function.refused(given)
    if why:
        return why
    twin = loading.twin(function.name, function.where)
    unknown = set(given) - set(inspect.signature(twin).parameters) - {"kwds"}
    return f"clusterx has no parameter {min(unknown)}" if unknown else None


def _by_clusterx(function: Function, args: tuple, kwargs: dict[str, Any]) -> Any:
    twin = loading.twin(function.name, function.where)
    if devices.current() == "cuda":
        args = (devices.placed(args[0]), *args[1:]) if args else args
        kwargs = {n: devices.placed(v) if n in function.data else v for n, v in kwargs.items()}
        if len(function.data) == 2 and len(args) > 1:
            args = (args[0], devices.placed(args[1]), *args[2:])
    found = devices.fetched(twin(*args, **kwargs))
    if not function.wide:
        return found
    return tuple(map(_wide, found)) if isinstance(found, tuple) else _wide(found)


def _wide(value: Any) -> Any:
    narrow = isinstance(value, np.ndarray) and value.dtype == np.int32
    return value.astype(np.int64) if narrow else value


# -- the table -----------------------------------------------------------------------------------


def _metric(given: dict[str, Any]) -> str:
    metric = given.get("metric", "euclidean")
    sparse = "sparse" if is_sparse(given.get("X")) else ""
    if callable(metric):
        return "callable"
    if metric == "minkowski" and given.get("p", 2) not in (None, 2):
        return f"minkowski-{given['p']}{sparse}"
    return ("euclidean" if metric in EUCLIDEAN else str(metric)) + sparse


def _callable_metric(given: dict[str, Any]) -> str | None:
    return "metric is a function" if callable(given.get("metric")) else None


def _sparse(given: dict[str, Any]) -> str:
    return "sparse" if is_sparse(given.get("X")) else ""


def _labelled(name: str) -> Function:
    return Function(name, name, "clusterx.metrics", ("labels_true", "labels_pred"))


def _score(name: str, **options: Any) -> Function:
    return Function(name, name, "clusterx.metrics", ("X", "labels"), **options)


_METRICS = (
    *map(
        _labelled,
        (
            *("adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score"),
            *("fowlkes_mallows_score", "homogeneity_completeness_v_measure", "homogeneity_score"),
            *("mutual_info_score", "normalized_mutual_info_score", "rand_score"),
            "v_measure_score",
        ),
    ),
    _score("silhouette_score", variant=_metric, refused=_callable_metric),
    _score("silhouette_samples", variant=_metric, refused=_callable_metric),
    _score("calinski_harabasz_score"),
    _score("davies_bouldin_score"),
)
_MATRICES = (_labelled("contingency_matrix"), _labelled("pair_confusion_matrix"))

#: The functions, by the module from which users import them.
FUNCTIONS: dict[str, tuple[Function, ...]] = {
    "sklearn.cluster": (
        Function("k_means", "KMeans.fit", clusters="n_clusters", variant=_sparse),
        Function("dbscan", "DBSCAN.fit", wide=True, variant=_metric, refused=_callable_metric),
    ),
    "sklearn.metrics": (*_METRICS, _MATRICES[1]),
    "sklearn.metrics.cluster": (*_METRICS, *_MATRICES),
}

"""The choice of a neighbour search for rows and a metric."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable
from typing import Any

from sklearn.metrics.pairwise import PAIRWISE_DISTANCE_FUNCTIONS
from sklearn.neighbors import VALID_METRICS

from ..arrays import namespace, on_host
from ..kernels import kernels_for
from ..kernels.neighbors import METRICS, Measure, Search
from ..kernels.neighbors.generic import PrecomputedSearch

#: Other names of the metrics of the kernels.
ALIASES = {
    "l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan", "infinity": "chebyshev",
    "p": "minkowski", "precomputed": "precomputed",
}  # fmt: skip
#: Metrics that are available only on the host.
_NAMES = set(PAIRWISE_DISTANCE_FUNCTIONS).union(*VALID_METRICS.values())
HOST_METRICS = frozenset(_NAMES - {*METRICS, *ALIASES, "nan_euclidean", "pyfunc"})
ALGORITHMS = ("auto", "ball_tree", "kd_tree", "brute")


def check_metric(estimator: Any, metric: Any, p: Any, options: Any) -> None:
    """Raise if the metric, its exponent or its options are invalid."""
    name = type(estimator).__name__
    known = (*METRICS, *ALIASES, *HOST_METRICS)
    if not callable(metric) and not (isinstance(metric, str) and metric in known):
        raise ValueError(
            f"The 'metric' parameter of {name} must be a callable or one of "
            f"{', '.join(map(repr, sorted(known)))}; got {metric!r}."
        )
    if options is not None and not isinstance(options, dict):
        raise TypeError(
            f"The 'metric_params' parameter of {name} must be a dict or None; got {options!r}."
        )
    if p is not None and "p" in (options or {}):
        warnings.warn(
            "Parameter p is found in metric_params. The corresponding parameter from __init__ is "
            "ignored.",
            SyntaxWarning,
            stacklevel=4,
        )
    for exponent in (p, (options or {}).get("p")):
        if exponent is None:
            continue
        real = isinstance(exponent, numbers.Real) and not isinstance(exponent, bool)
        if not real or not exponent > 0:
            raise ValueError(
                f"The 'p' parameter of {name} must be a number above 0 or None; got {exponent!r}."
            )


def needs_host(metric: str | Callable, options: dict[str, Any] | None) -> bool:
    """Whether only scikit-learn's code on the host has this metric."""
    if callable(metric):
        return True
    plain = not set(options or {}) - ({"p"} if metric in ("minkowski", "p") else set())
    return ALIASES.get(metric, metric) not in (*METRICS, "precomputed") or not plain


def search_of(X: Any, metric: str | Callable, p: Any, options: dict[str, Any] | None) -> Search:
    """The search over the rows X.

    Parameters
    ----------
    X : array or CSR matrix
        Rows, or the distances between them if the metric is precomputed.
    metric, p, options
        As checked by `check_metric`.

    Raises
    ------
    ValueError
        X is on a device, and the metric is available only on the host.
    """
    sparse = hasattr(X, "indptr")
    options = dict(options or {})
    if needs_host(metric, options):
        return _on_host(X, metric, p, options)
    known = ALIASES.get(metric, metric)  # type: ignore[arg-type]
    if known == "precomputed":
        if not sparse:
            return PrecomputedSearch(X)
        from ..kernels.neighbors.graph import GraphSearch

        return GraphSearch(X)
    exponent = options.get("p", 2.0 if p is None else p)
    measure = Measure(known, float(exponent))
    if not sparse:
        return kernels_for(namespace(X)).neighbors.search(X, known, float(exponent))
    from ..kernels.neighbors.pairwise import PairwiseSearch, SparseSearch

    if measure.kind == 0:
        return SparseSearch(X, measure)
    if measure.metric == "manhattan":
        return PairwiseSearch(X, "manhattan", {})
    raise ValueError(
        f"metric={metric!r} is not available for CSR rows, only euclidean, sqeuclidean, cosine and "
        "manhattan. Make X dense, or use one of them."
    )


def _on_host(X: Any, metric: str | Callable, p: Any, options: dict[str, Any]) -> Search:
    if not (hasattr(X, "indptr") or on_host(X)):
        raise ValueError(
            f"metric={metric!r} with metric_params={options or None!r} is measured on the host, "
            f"but X is on a device. Use one of {', '.join(map(repr, METRICS))} without options, or "
            "move X to the host: it is never copied there implicitly."
        )
    from ..kernels.neighbors.pairwise import PairwiseSearch

    if metric in ("minkowski", "p"):
        metric, options = "minkowski", {"p": 2.0 if p is None else p, **options}
    if isinstance(metric, str):
        metric = ALIASES.get(metric, metric)
    return PairwiseSearch(X, metric, options)

"""Plots of clusterings, in the form of scikit-learn's displays.

Each display takes arrays of any library, and fitted models wherever their attributes live. Displays
download only what they draw: the drawn columns of the drawn rows. matplotlib is imported only when
something is drawn.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "AffinityDisplay": "affinity",
    "CentroidImageDisplay": "centroids",
    "ClusterBoundaryDisplay": "boundary",
    "ClusterScatterDisplay": "scatter",
    "CodebookDisplay": "maps",
    "ColorSpaceDisplay": "colorspace",
    "CondensedTreeDisplay": "condensed",
    "ConfusionDisplay": "confusion",
    "DendrogramDisplay": "dendrogram",
    "ElbowDisplay": "elbow",
    "GaussianEllipseDisplay": "ellipses",
    "KDistanceDisplay": "kdistance",
    "LikelihoodContourDisplay": "likelihood",
    "PaletteDisplay": "palette",
    "ReachabilityDisplay": "reachability",
    "SilhouetteDisplay": "silhouette",
    "SilhouetteSweepDisplay": "silhouette_sweep",
    "UMatrixDisplay": "maps",
}

__all__ = [
    "AffinityDisplay",
    "CentroidImageDisplay",
    "ClusterBoundaryDisplay",
    "ClusterScatterDisplay",
    "CodebookDisplay",
    "ColorSpaceDisplay",
    "CondensedTreeDisplay",
    "ConfusionDisplay",
    "DendrogramDisplay",
    "ElbowDisplay",
    "GaussianEllipseDisplay",
    "KDistanceDisplay",
    "LikelihoodContourDisplay",
    "PaletteDisplay",
    "ReachabilityDisplay",
    "SilhouetteDisplay",
    "SilhouetteSweepDisplay",
    "UMatrixDisplay",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])

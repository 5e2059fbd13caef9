"""Checks that the contents of a file fit together, because kernels don't check their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from ..arrays import is_array

#: Kinds of dtypes and dimensions of arrays. Within a model a letter always stands for the same
#: number; d is the number of features.
_LAYOUTS = {
    "cluster_centers_": "f k d",
    "cluster_centers_indices_": "iu k",
    "medoid_indices_": "iu k",
    "_node_centers": "f nodes d",
    "subcluster_centers_": "f s d",
    "subcluster_labels_": "i s",
    "_tree_centers": "f t slots d",
    "means_": "f k d",
    "weights_": "f k",
    "labels_": "i n",
    "memberships_": "f n k",
    "probabilities_": "f n",
    "outlier_scores_": "f n",
    "X_": "f n d",
    "label_distributions_": "f n c",
    "classes_": "buifUO c",
    "transduction_": "buifUO n",
    "affinity_matrix_": "f n n",
    "_fit_X": "f m d",
    "components_": "f m d",
    "core_sample_indices_": "i m",
    "centroids_": "f k d",
    "medoids_": "f k d",
    "ordering_": "i n",
    "core_distances_": "f n",
    "reachability_": "f n",
    "predecessor_": "i n",
    "children_": "i merges 2",
    "_heights": "f merges",
    "distances_": "f merges",
    "palette_": "u k d",
    "feature_names_in_": "OU d",
    "mean_": "f d",
    "scale_": "f d",
}
#: Layouts that differ in some estimators.
_OWN_LAYOUTS = {
    "ColorQuantizer": {"labels_": "iu height width"},
    "FeatureAgglomeration": {"labels_": "i d"},
    "NearestNeighbors": {"_fit_X": "f n d"},
}
_COVARIANCES = {"full": "f k d d", "tied": "f d d", "diag": "f k d", "spherical": "f k"}
_OF_COVARIANCES = ("covariances_", "precisions_", "precisions_cholesky_")


def check_state(name: str, state: dict[str, Any]) -> None:
    """Raise unless the arrays of an estimator have shapes that fit each other.

    Parameters
    ----------
    name : str
        Name of the estimator.
    state : dict of str to value
        Parameters and attributes of the estimator.
    """
    known = _known(state)
    layouts = _LAYOUTS | _OWN_LAYOUTS.get(name, {})
    kind = state.get("covariance_type")
    if isinstance(kind, str) and kind in _COVARIANCES:
        layouts |= dict.fromkeys(_OF_COVARIANCES, _COVARIANCES[kind])
    for key in sorted(set(state) & set(layouts)):
        if is_array(state[key]) or scipy.sparse.issparse(state[key]):
            _check_layout(f"{key} of {name}", state[key], layouts[key], known)
    children = state.get("children_")
    if isinstance(children, np.ndarray):
        leaves = state.get("n_leaves_", len(children) + 1)
        _check_nodes(f"children_ of {name}", children, leaves + np.arange(len(children))[:, None])


def _known(state: dict[str, Any]) -> dict[str, int]:
    """Dimensions that are known from something other than the arrays."""
    known = {}
    if type(state.get("n_features_in_")) is int:
        known["d"] = state["n_features_in_"]
    tree: Any = state.get("_tree")
    if hasattr(tree, "used"):  # of Birch
        known["t"], known["slots"] = tree.weight.shape
    if hasattr(tree, "label"):  # of BisectingKMeans: only a root that is alone has a centre
        known["nodes"] = max(1, len(tree.label) - 1)
    return known


def _check_layout(what: str, values: Any, layout: str, known: dict[str, int]) -> None:
    kinds, *dimensions = layout.split()
    found = tuple(values.shape)
    if np.dtype(values.dtype).kind not in kinds:
        raise ValueError(f"{what} has dtype {values.dtype}")
    wanted = [int(d) if d.isdigit() else known.get(d) for d in dimensions]
    fits = len(found) == len(wanted) and all(
        w in (None, size) for w, size in zip(wanted, found, strict=True)
    )
    if not fits:
        shown = ", ".join(
            d if w is None else str(w) for d, w in zip(dimensions, wanted, strict=True)
        )
        raise ValueError(f"{what} has shape {found}, and ({shown}) is wanted")
    known.update(zip(dimensions, found, strict=True))


# -- trees ---------------------------------------------------------------------------------------


def check_record(name: str, fields: dict[str, Any]) -> None:
    """Raise if a tree's indices are not those of its nodes, or if a feature tree has a cycle."""
    if name == "kernels.graphs.Linkage":
        _check_linkage(name, **fields)
    elif name == "kernels.feature_trees.FeatureTree":
        _check_feature_tree(name, **fields)
    elif name == "centroid.bisecting.SplitTree":
        _check_splits(name, **fields)


def _check_linkage(name: str, left: Any, right: Any, height: Any, size: Any) -> None:
    known: dict[str, int] = {}
    for values, kinds in ((left, "i"), (right, "i"), (height, "f"), (size, "f")):
        _check_layout(name, values, f"{kinds} merges", known)
    below = len(left) + 1 + np.arange(len(left))
    _check_nodes(name, left, below)
    _check_nodes(name, right, below)


def _check_splits(name: str, node: Any, left: Any, right: Any, label: Any) -> None:
    m = len(node)
    for values in (node, left, right):
        _check_layout(name, values, "i m", {"m": m})
        _check_nodes(name, values, 2 * m + 1)
    _check_layout(name, label, "i nodes", {"nodes": 2 * m + 1})


def _check_feature_tree(
    name: str, centers: Any, weight: Any, scatter: Any, child: Any, used: Any, after: Any, top: Any
) -> None:
    known: dict[str, int] = {}
    layouts = ("f m slots", "f m slots", "i m slots", "i m", "i m")
    for values, layout in zip((weight, scatter, child, used, after), layouts, strict=True):
        _check_layout(name, values, layout, known)
    _check_layout(name, top, "i three", {"three": 3})
    m, slots = known["m"], known["slots"]
    nodes, root, _ = top.tolist()
    _check_nodes(name, used, slots + 1)
    _check_nodes(name, np.array([nodes - 1, root]), m)
    _check_nodes(name, child + 1, nodes + 1)
    _check_nodes(name, after + 1, nodes + 1)
    below, reached = np.array([root]), 1
    while len(below):
        slot_used = np.arange(slots) < used[below][:, None]
        below = child[below][slot_used]
        below = below[below >= 0]
        reached += len(below)
        if reached > nodes:
            raise ValueError(f"{name} has a node below itself")
    leaf, walked = 0, 0
    while leaf >= 0:
        leaf, walked = int(after[leaf]), walked + 1
        if walked > nodes:
            raise ValueError(f"{name} has a leaf after itself")


def _check_nodes(what: str, values: Any, below: Any) -> None:
    if np.any(values < 0) or np.any(values >= below):
        raise ValueError(f"{what} has numbers of nodes that are none")

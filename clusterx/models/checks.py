"""Checks that the contents of a file fit together, because kernels don't check their arguments."""

from __future__ import annotations

from collections.abc import Callable
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
        _check_merges(f"children_ of {name}", children, leaves)


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
    """Raise unless a tree is whole: each node but the root is below another one, exactly once."""
    check = _RECORDS.get(name)
    if check is not None:
        check(name, **fields)


def _check_linkage(name: str, left: Any, right: Any, height: Any, size: Any) -> None:
    known: dict[str, int] = {}
    for values, kinds in ((left, "i"), (right, "i"), (height, "f"), (size, "f")):
        _check_layout(name, values, f"{kinds} merges", known)
    _check_merges(name, np.column_stack([left, right]), len(left) + 1)
    if np.any(np.isnan(height)) or np.any(height[1:] < height[:-1]):
        raise ValueError(f"{name} has heights that do not rise")


def _check_tree_of_merges(name: str, children: Any, heights: Any, counts: Any) -> None:
    """Heights may fall, as those of centroid linkage do."""
    known: dict[str, int] = {"sides": 2}
    for values, layout in ((children, "i merges sides"), (heights, "f merges")):
        _check_layout(name, values, layout, known)
    _check_layout(name, counts, "i merges", known)
    _check_merges(name, children, len(children) + 1)


def _check_merges(what: str, children: np.ndarray, leaves: int) -> None:
    """Each merge is of earlier nodes, and no node is merged twice: so no merge is below itself."""
    _check_nodes(what, children, leaves + np.arange(len(children))[:, None])
    _check_distinct(what, children)


def _check_splits(name: str, node: Any, left: Any, right: Any, label: Any) -> None:
    m = len(node)
    for values in (node, left, right):
        _check_layout(name, values, "i m", {"m": m})
        _check_nodes(name, values, 2 * m + 1)
    _check_layout(name, label, "i nodes", {"nodes": 2 * m + 1})
    below = np.concatenate([left, right])
    _check_distinct(name, below)
    _check_distinct(name, node)
    if np.any(below == 0) or np.any(node >= np.minimum(left, right)):
        raise ValueError(f"{name} has a node below itself")
    inner = np.zeros(2 * m + 1, bool)
    inner[node] = True
    if np.any(label[inner] != -1) or not np.array_equal(np.sort(label[~inner]), np.arange(m + 1)):
        raise ValueError(f"{name} has labels that are not those of its leaves")


def _check_feature_tree(
    name: str, centers: Any, weight: Any, scatter: Any, child: Any, used: Any, after: Any, top: Any
) -> None:
    known: dict[str, int] = {}
    layouts = ("f m slots", "f m slots", "i m slots", "i m", "i m")
    for values, layout in zip((weight, scatter, child, used, after), layouts, strict=True):
        _check_layout(name, values, layout, known)
    _check_layout(name, top, "i three", {"three": 3})
    m, slots = known["m"], known["slots"]
    nodes, root, levels = top.tolist()
    _check_nodes(name, used, slots + 1)
    _check_nodes(name, np.array([nodes - 1, root]), m)
    _check_nodes(name, np.array([levels - 1]), nodes)
    _check_nodes(name, child + 1, nodes + 1)
    _check_nodes(name, after + 1, nodes + 1)
    below, reached = np.array([root]), [root]
    for level in range(levels):
        last, leaves = level == levels - 1, below
        below = child[leaves][np.arange(slots) < used[leaves][:, None]]
        if np.any((below < 0) != last):
            raise ValueError(f"{name} has leaves in several levels")
        reached += [] if last else below.tolist()
        if len(reached) > nodes:
            raise ValueError(f"{name} has a node below itself")
    if not np.array_equal(np.sort(reached), np.arange(nodes)):
        raise ValueError(f"{name} has nodes that are below none, or below several")
    walked: list[int] = []
    leaf = 0
    while leaf >= 0 and len(walked) <= nodes:
        walked.append(leaf)
        leaf = int(after[leaf])
    if not np.array_equal(np.sort(walked), np.sort(leaves)):
        raise ValueError(f"{name} has leaves that do not follow each other")


def _check_condensed(name: str, parent: Any, child: Any, density: Any, size: Any) -> None:
    known: dict[str, int] = {}
    for values, kinds in ((parent, "i"), (child, "i"), (density, "f"), (size, "f")):
        _check_layout(name, values, f"{kinds} m", known)
    m = len(child)
    root = int(parent.min()) if m else 0
    _check_nodes(name, np.array([root]), m + 1)
    _check_nodes(name, parent, m + 1)
    if not np.array_equal(np.sort(child), np.delete(np.arange(m + 1), root)):
        raise ValueError(f"{name} has nodes that are below none, or below several")
    if np.any(parent[child > root] >= child[child > root]):
        raise ValueError(f"{name} has a node below itself")


def _check_hierarchy(name: str, tree: Any, n: Any, **values: Any) -> None:
    _check_kind(name, tree, "CondensedTree")
    count = len(tree.child) + 1 - n if type(n) is int else -1
    if not (0 < n <= len(tree.child) and tree.parent.min() == n):
        raise ValueError(f"{name} has another number of rows than its tree")
    for key in ("birth", "size", "death", "stability"):
        _check_layout(f"{key} of {name}", values[key], "f clusters", {"clusters": count})
    parent, owner, density = (values[key] for key in ("parent", "row_cluster", "row_density"))
    _check_layout(f"parent of {name}", parent, "i clusters", {"clusters": count})
    _check_layout(f"row_cluster of {name}", owner, "i n", {"n": n})
    _check_layout(f"row_density of {name}", density, "f n", {"n": n})
    _check_nodes(f"parent of {name}", parent + 1, np.arange(count) + 1)
    _check_nodes(f"row_cluster of {name}", owner, count)


def _check_tree_of_clusters(
    name: str, tree: Any, rows: Any, n: Any, whole: Any, selected_: Any
) -> None:
    _check_kind(name, tree, "CondensedTree")
    m = int(tree.parent.min()) if len(tree.parent) else 0
    _check_rows(name, rows, n, m)
    _check_layout(name, selected_, "i selected", {})
    _check_nodes(name, selected_ - n, len(tree.child) + 1 - m)
    _check_distinct(name, selected_)


def _check_tree_of_rows(name: str, linkage: Any, weights: Any, rows: Any, n: Any) -> None:
    _check_kind(name, linkage, "Linkage")
    m = len(linkage.left) + 1
    _check_rows(name, rows, n, m)
    if weights is not None:
        _check_layout(name, weights, "f m", {"m": m})


def _check_fit(
    name: str, linkage: Any, core: Any, min_samples: Any, weights: Any, rows: Any, state: Any
) -> None:
    _check_layout(name, state, "i n", {})
    _check_tree_of_rows(name, linkage, weights, rows, len(state))
    _check_layout(name, core, "f m", {"m": len(linkage.left) + 1})
    if type(min_samples) is not int:
        raise ValueError(f"{name} has min_samples {min_samples!r}")


#: The check of each class of trees, by its name in `classes.RECORDS`.
_RECORDS: dict[str, Callable[..., None]] = {
    "centroid.bisecting.SplitTree": _check_splits,
    "density.hierarchy.Hierarchy": _check_hierarchy,
    "density.points.Tree": _check_fit,
    "density.trees.CondensedClusterTree": _check_tree_of_clusters,
    "density.trees.SingleLinkageTree": _check_tree_of_rows,
    "kernels.feature_trees.FeatureTree": _check_feature_tree,
    "kernels.graphs.CondensedTree": _check_condensed,
    "connectivity.merges.Merges": _check_tree_of_merges,
    "kernels.graphs.Linkage": _check_linkage,
}


def _check_rows(name: str, rows: Any, n: Any, m: int) -> None:
    """Raise unless `rows` are m of n rows, or None for all of them."""
    if type(n) is not int or (rows is None and m != n):
        raise ValueError(f"{name} has another number of rows than its tree")
    if rows is not None:
        _check_layout(name, rows, "i m", {"m": m})
        _check_nodes(name, rows, n)
        _check_distinct(name, rows)


def _check_kind(name: str, value: Any, kind: str) -> None:
    if type(value).__name__ != kind:
        raise ValueError(f"{name} has no {kind}")


def _check_distinct(what: str, values: Any) -> None:
    if len(np.unique(values)) != values.size:
        raise ValueError(f"{what} has a node twice")


def _check_nodes(what: str, values: Any, below: Any) -> None:
    if np.any(values < 0) or np.any(values >= below):
        raise ValueError(f"{what} has numbers of nodes that are none")

"""Sets scikit-learn's private attributes, so that models also work with scikit-learn alone.

Attributes that take long to make, such as trees of scikit-learn's own nodes, are made only when
they are needed: when the model is saved or copied, or a call goes to scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

#: Attributes that are made on demand, by family.
LATE: dict[str, tuple[str, ...]] = {
    "BisectingKMeans": ("_bisecting_tree",),
    "Birch": ("root_", "dummy_leaf_"),
    "HDBSCAN": ("_single_linkage_tree_",),
}


def at_once(model: Any, family: str) -> None:
    """Set those private attributes that cost next to nothing."""
    if family in ("KMeans", "MiniBatchKMeans", "BisectingKMeans"):
        model._n_features_out = model.cluster_centers_.shape[0]
        model._n_threads = _threads()
    if family == "MiniBatchKMeans":
        state = model._clusterx_state["_state"]
        model._counts = np.asarray(state.counts).astype(model.cluster_centers_.dtype)
        model._n_since_last_reassign = state.since_reassignment
        if not hasattr(model, "_batch_size"):
            model._batch_size = min(model.batch_size, len(getattr(model, "labels_", ())) or 1)
    if family == "hdbscan.HDBSCAN":
        state = model._clusterx_state
        model._condensed_tree = state["condensed_tree_"].to_numpy()
        model._single_linkage_tree = state["single_linkage_tree_"].to_numpy()
        model._outlier_scores = state["outlier_scores_"]
        model._raw_data, model._all_finite = state["_fit_X"], True
        model._min_spanning_tree = model._prediction_data = model._relative_validity = None
    if family == "FeatureAgglomeration":
        model._n_features_out = model.n_clusters_
    if family == "Birch":
        centers = model.subcluster_centers_
        model._n_features_out = len(centers)
        model._subcluster_norms = np.einsum("ij,ij->i", centers, centers)


def _threads() -> int:
    helpers = import_module("sklearn.utils._openmp_helpers")
    return helpers._openmp_effective_n_threads()


def late_attribute(model: Any, name: str) -> Any:
    """``__getattr__`` of accelerated classes: makes the attribute if it is one of `LATE`."""
    family = type(model)._family.key
    if name in LATE.get(family, ()) and "_clusterx_state" in vars(model):
        vars(model).update(_MAKERS[family](model, vars(model)["_clusterx_state"]))
        return vars(model)[name]
    raise AttributeError(f"{type(model).__name__!r} object has no attribute {name!r}")


def complete(model: Any) -> None:
    """Make the missing attributes, before the model is copied or scikit-learn uses it."""
    if "_clusterx_state" in vars(model):
        for name in LATE.get(type(model)._family.key, ()):
            getattr(model, name)


def _bisecting_tree(model: Any, state: dict[str, Any]) -> dict[str, Any]:
    node_class = import_module("sklearn.cluster._bisect_k_means")._BisectingTree
    tree, centers = state["_tree"], state["_node_centers"]
    first = 1 if len(tree.node) else 0  # the root has a centre only if nothing is split
    nodes = [
        node_class(None if number < first else centers[number - first], None, None)
        for number in range(2 * len(tree.node) + 1)
    ]
    for node, left, right in zip(tree.node, tree.left, tree.right, strict=True):
        nodes[node].left, nodes[node].right = nodes[left], nodes[right]
    for node, label in zip(nodes, tree.label, strict=True):
        if label >= 0:
            node.label = int(label)
    return {"_bisecting_tree": nodes[0]}


def _feature_tree(model: Any, state: dict[str, Any]) -> dict[str, Any]:
    birch = import_module("sklearn.cluster._birch")
    tree, centers = state["_tree"], np.asarray(state["_tree_centers"])
    dtype = model.subcluster_centers_.dtype

    def node(leaf: bool) -> Any:
        return birch._CFNode(
            threshold=model.threshold, branching_factor=model.branching_factor, is_leaf=leaf,
            n_features=centers.shape[2], dtype=dtype,
        )  # fmt: skip

    nodes = [node(bool(tree.child[i, 0] < 0)) for i in range(int(tree.top[0]))]
    for i, own in enumerate(nodes):
        for slot in range(int(tree.used[i])):
            weight, center = tree.weight[i, slot], centers[i, slot].astype(dtype)
            summary = birch._CFSubcluster(linear_sum=center)
            summary.n_samples_ = int(weight) if float(weight).is_integer() else float(weight)
            summary.linear_sum_ = center * dtype.type(weight)
            summary.squared_sum_ = float(tree.scatter[i, slot] + weight * center.dot(center))
            child = int(tree.child[i, slot])
            summary.child_ = None if child < 0 else nodes[child]
            own.append_subcluster(summary)
    before = node(True)
    last, place = before, 0
    while place >= 0:
        last.next_leaf_, nodes[place].prev_leaf_ = nodes[place], last
        last, place = nodes[place], int(tree.after[place])
    return {"root_": nodes[int(tree.top[1])], "dummy_leaf_": before}


def _single_linkage(model: Any, state: dict[str, Any]) -> dict[str, Any]:
    dtype = import_module("sklearn.cluster._hdbscan._tree").HIERARCHY_dtype
    twin_class = import_module("clusterx").HDBSCAN
    twin = twin_class()
    twin.__dict__.update(state, labels_=model.labels_)
    merges = twin.single_linkage_tree_.to_numpy()
    found = np.empty(len(merges), dtype=dtype)
    for name, column in zip(dtype.names, merges.T, strict=True):
        found[name] = column
    return {"_single_linkage_tree_": found}


_MAKERS: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "BisectingKMeans": _bisecting_tree,
    "Birch": _feature_tree,
    "HDBSCAN": _single_linkage,
}

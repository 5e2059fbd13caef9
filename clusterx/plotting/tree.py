"""Trees of merges as SciPy's linkage matrices: checks and cuts."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import check_count, host, host_matrix


def linkage_of(children: Any, distances: Any) -> np.ndarray:
    """SciPy's linkage matrix from scikit-learn's merges."""
    merges = host(children)
    if merges.ndim != 2 or merges.shape[1] != 2 or not len(merges):
        raise ValueError(f"children must have shape (n_leaves - 1, 2), got {merges.shape}.")
    if merges.dtype.kind not in "iu":
        raise TypeError(f"children must hold whole numbers, got dtype {merges.dtype}.")
    heights = host(distances).astype(np.float64)
    if heights.shape != (len(merges),):
        raise ValueError(
            f"distances must hold one number for each of the {len(merges)} merges, got shape "
            f"{heights.shape}."
        )
    n = len(merges) + 1
    known = n + np.arange(len(merges))  # number of nodes before each merge
    flat = np.sort(merges.ravel())
    if np.any(merges < 0) or np.any(merges >= known[:, None]) or np.any(flat[1:] == flat[:-1]):
        raise ValueError(
            "children is not a complete tree: every node but the root must be merged once, into a "
            "later one. A model stops early with connectivity or compute_full_tree=False; build "
            f"the full tree. (From {len(merges)} merges, {n} leaves are expected.)"
        )
    sizes = np.ones(2 * n - 1)
    for i, (a, b) in enumerate(merges.tolist()):
        sizes[n + i] = sizes[a] + sizes[b]
    return np.column_stack([merges.astype(np.float64), heights, sizes[n:]])


def checked_linkage(Z: Any) -> np.ndarray:
    from scipy.cluster.hierarchy import is_valid_linkage

    found = host_matrix("Z", Z)
    try:
        is_valid_linkage(found, throw=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Z is not a linkage matrix: {error}") from error
    return found


def threshold_for(Z: np.ndarray, n_clusters: int | None) -> float:
    """The height that cuts the tree into n_clusters; for None, 0.7 times the largest height."""
    heights = np.sort(Z[:, 2])
    n = len(Z) + 1
    if n_clusters is None:
        return 0.7 * float(heights[-1])
    if check_count("n_clusters", n_clusters) > n:
        raise ValueError(f"n_clusters is {n_clusters}, but the tree has only {n} leaves.")
    if n_clusters == 1:
        return 1.02 * float(heights[-1]) if heights[-1] > 0 else 1.0
    above = float(heights[n - n_clusters])
    below = float(heights[n - n_clusters - 1]) if n_clusters < n else 0.0
    return (above + below) / 2


def clusters_below(Z: np.ndarray, threshold: float) -> np.ndarray:
    """The topmost node below the threshold above each node; -1 for nodes above the threshold."""
    n = len(Z) + 1
    owner = np.full(2 * n - 1, -1, dtype=np.int64)
    nodes, heights = Z[:, :2].astype(np.int64).tolist(), Z[:, 2].tolist()
    for i in range(n - 2, -1, -1):
        if owner[n + i] < 0 and heights[i] < threshold:
            owner[n + i] = n + i
        for child in nodes[i]:
            owner[child] = owner[n + i]
    for leaf in range(n):  # a leaf merged above the threshold is a cluster of its own
        owner[leaf] = leaf if owner[leaf] < 0 else owner[leaf]
    return owner

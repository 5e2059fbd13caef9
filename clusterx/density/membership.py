"""Labels of new rows in a fitted hierarchy, and strengths of membership in each cluster.

A new row joins the tree at the fitted row with the least mutual reachability distance to it. It
leaves clusters at the density at which that row does, or at which it joined if that is lower. So
fitted rows get their own labels and strengths again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, float_dtype, namespace, to_host
from ..base import Clusterer
from ..blocks import TILE
from ..kernels.neighbors import Search
from ..neighbors.search import search_of
from .hierarchy import Hierarchy
from .points import Tree
from .reachability import nearest_weighing


class Joined(NamedTuple):
    """The clusters (m,) that rows leave last, and the densities (m,) at which they leave."""

    cluster: np.ndarray
    density: np.ndarray


class Memberships(Clusterer):
    """The methods of HDBSCAN for labels and memberships of rows."""

    # attributes of a fitted HDBSCAN
    metric: Any
    metric_params: Any
    alpha: float
    cluster_selection_epsilon: float
    _fit_X: Array | None
    _tree: Tree
    _hierarchy: tuple[Hierarchy]
    _selected: tuple[np.ndarray]

    def approximate_predict(self, X: Any) -> tuple[Array, Array]:
        """Labels and strengths of new rows in the fitted clusters.

        Parameters
        ----------
        X : array of shape (m, n_features)

        Returns
        -------
        labels : array of shape (m,), int32
            -1 is noise.
        strengths : array of shape (m,)
            As `probabilities_`. Fitted rows get their own values again.

        Raises
        ------
        ValueError
            The model was fitted to distances; X has another library, device or number of features;
            or X contains NaN or infinities.
        """
        rows = self._new_rows(X, "approximate_predict")
        hierarchy, selected = self._hierarchy[0], self._selected[0]
        joined = self._join(rows.values)
        epsilon = float(self.cluster_selection_epsilon)
        labels = hierarchy.labels(joined.cluster, joined.density, selected, epsilon)
        strengths = hierarchy.strengths(joined.density, labels, selected)
        wide = float_dtype(rows.xp, rows.like)
        return (
            asarray(labels.astype(np.int32), like=rows.like),
            asarray(strengths, like=rows.like, dtype=wide),
        )

    def membership_vector(self, X: Any) -> Array:
        """Membership of new rows in each cluster.

        Parameters
        ----------
        X : array of shape (m, n_features)

        Returns
        -------
        memberships : array of shape (m, n_clusters)
            The sum over the clusters is the probability that a row belongs to any of them.
        """
        rows = self._new_rows(X, "membership_vector")
        return self._memberships(rows.values, self._join(rows.values))

    def all_points_membership_vectors(self) -> Array:
        """Membership of the fitted rows in each cluster.

        A membership combines the distance of a row to the densest rows of the cluster and the
        density at which the row joins that cluster. Memory beyond the result is bounded.

        Returns
        -------
        memberships : array of shape (n_samples, n_clusters)
            NaN for rows that can't be clustered.
        """
        check_is_fitted(self, "labels_")
        self._need_rows("all_points_membership_vectors")
        hierarchy, tree = self._hierarchy[0], self._tree
        found = self._memberships(self._fit_X, Joined(hierarchy.row_cluster, hierarchy.row_density))
        if tree.rows is None:
            return found
        place = np.zeros(len(tree.state), np.int64)
        place[tree.rows] = np.arange(len(tree.rows))
        xp = namespace(found)
        found = xp.take(found, asarray(place, like=found), axis=0)
        out = asarray(tree.state != 0, like=found)
        return xp.where(out[:, None], xp.asarray(xp.nan, dtype=found.dtype), found)

    # -- details -------------------------------------------------------------------------------

    def _need_rows(self, method: str) -> None:
        if self._fit_X is None:
            raise ValueError(
                f"HDBSCAN.{method}() needs rows, but the model was fitted to a matrix of "
                "distances. Fit it to rows, with their metric."
            )

    def _new_rows(self, X: Any, method: str) -> Any:
        check_is_fitted(self, "labels_")
        self._need_rows(method)
        self._check_same_library(X, method, "_fit_X")
        rows = self._rows(X, reset=False)
        Clusterer._check_values(self, rows, None)
        return rows

    def _join(self, Y: Array) -> Joined:
        """The places at which the rows of Y join the tree."""
        hierarchy, tree = self._hierarchy[0], self._tree
        search = search_of(self._fit_X, self.metric, None, self.metric_params)
        reach, row = _least_reach(search, Y, tree, float(self.alpha))
        with np.errstate(divide="ignore"):
            density = np.minimum(1.0 / reach, hierarchy.row_density[row])
        cluster = hierarchy.row_cluster[row]
        while True:  # up to the cluster that exists at this density
            out = (cluster > 0) & (hierarchy.birth[cluster] >= density)
            out &= density < hierarchy.row_density[row]
            if not out.any():
                return Joined(cluster, density)
            cluster = np.where(out, hierarchy.parent[cluster], cluster)

    def _memberships(self, Y: Array, joined: Joined) -> Array:
        hierarchy, selected = self._hierarchy[0], self._selected[0]
        xp, k = namespace(Y), len(selected)
        wide = float_dtype(xp, Y)
        if not k:
            return xp.zeros((Y.shape[0], 0), dtype=wide)
        searches = [self._exemplars(c) for c in selected]
        parts = []
        step = max(1, TILE // (8 * k))
        for a in range(0, Y.shape[0], step):
            own = Y[a : min(Y.shape[0], a + step), :]
            block = Joined(*(part[a : a + step] for part in joined))
            away = [to_host(search.knn(own, 1)[0])[:, 0] for search in searches]
            shares = _nearness(np.stack(away, axis=1))
            meeting = _meetings(hierarchy, selected, block)
            shares *= _softmax(hierarchy.death[block.cluster], meeting)
            shares /= shares.sum(axis=1, keepdims=True)
            parts.append(shares * _in_any(hierarchy, selected, block, meeting)[:, None])
        return asarray(np.concatenate(parts), like=Y, dtype=wide)

    def _exemplars(self, cluster: int) -> Search:
        """A search over the rows that stay longest in the leaves of a cluster."""
        hierarchy = self._hierarchy[0]
        leaf = np.zeros(len(hierarchy), bool)
        leaf[hierarchy.leaves_in(cluster)] = True
        own = hierarchy.row_cluster
        last = leaf[own] & (hierarchy.row_density == hierarchy.death[own])
        rows = asarray(np.flatnonzero(last), like=self._fit_X)
        X = namespace(self._fit_X).take(self._fit_X, rows, axis=0)
        return search_of(X, self.metric, None, self.metric_params)


def _least_reach(
    search: Search, Y: Array, tree: Tree, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """The least mutual reachability distance (m,) of each row to a fitted row, and that row.

    Ties go to the nearest row. More neighbours are searched until no further row can have a smaller
    reachability distance.
    """
    m = Y.shape[0]
    reach, nearest = np.empty(m), np.empty(m, np.int64)
    block = max(1, TILE // max(16, tree.min_samples))
    for a in range(0, m, block):
        rows = np.arange(a, min(m, a + block))
        own = core = None
        k = min(search.n, tree.min_samples)
        while len(rows):
            own = namespace(Y).take(Y, asarray(rows, like=Y), axis=0)
            distances, indices = (to_host(part) for part in search.knn(own, k))
            if core is None:
                core = distances[:, -1]
                if tree.weights is not None:
                    core = nearest_weighing(search, own, tree.min_samples, tree.weights)
            each = np.maximum(np.maximum(distances / alpha, tree.core[indices]), core[:, None])
            place = each.argmin(axis=1)
            least = each[np.arange(len(rows)), place]
            done = (least <= np.maximum(distances[:, -1] / alpha, core)) | (k == search.n)
            reach[rows[done]] = least[done]
            nearest[rows[done]] = indices[np.arange(len(rows)), place][done]
            rows, core = rows[~done], core[~done]
            k = min(search.n, 4 * k)
    return reach, nearest


def _nearness(distances: np.ndarray) -> np.ndarray:
    """Shares in inverse proportion to the distance; clusters at distance zero share everything."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = 1.0 / distances
        at = np.isinf(shares)
        shares = np.where(at.any(axis=1, keepdims=True), at.astype(np.float64), shares)
        return shares / shares.sum(axis=1, keepdims=True)


def _meetings(hierarchy: Hierarchy, selected: np.ndarray, rows: Joined) -> np.ndarray:
    """The density (m, k) up to which a row and a selected cluster are in one cluster."""
    distinct, place = np.unique(rows.cluster, return_inverse=True)
    left = np.repeat(distinct[:, None], len(selected), axis=1)
    right = np.repeat(selected[None, :], len(distinct), axis=0)
    moved_left, moved_right = np.zeros(left.shape, bool), np.zeros(left.shape, bool)
    parted = np.zeros(left.shape)
    while (apart := left != right).any():
        up = apart & (left > right)  # the higher number is deeper, or in another branch
        down = apart & ~up
        parted = np.where(up, hierarchy.birth[left], np.where(down, hierarchy.birth[right], parted))
        left = np.where(up, hierarchy.parent[left], left)
        right = np.where(down, hierarchy.parent[right], right)
        moved_left |= up
        moved_right |= down
    beside = moved_left & moved_right
    return np.where(beside[place], parted[place], rows.density[:, None])


def _softmax(death: np.ndarray, meeting: np.ndarray) -> np.ndarray:
    """Shares that grow with the density at which a row meets each cluster."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (death[:, None] + 1e-8) / meeting
    ratio[np.isnan(ratio)] = 1.0  # both infinite
    shares = np.exp(np.exp(-ratio))
    return shares / shares.sum(axis=1, keepdims=True)


def _in_any(
    hierarchy: Hierarchy, selected: np.ndarray, rows: Joined, meeting: np.ndarray
) -> np.ndarray:
    """The probability (m,) that each row belongs to any cluster."""
    nearest = meeting.argmax(axis=1)
    best = meeting[np.arange(len(meeting)), nearest]
    top = np.maximum(hierarchy.death[selected[nearest]], rows.density)
    with np.errstate(invalid="ignore"):
        share = best / top
    return np.where(np.isinf(best) | (top == 0), 1.0, share)

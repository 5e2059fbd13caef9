"""HDBSCAN and OPTICS on blobs of unequal density."""

import numpy as np
from sklearn.cluster import HDBSCAN, OPTICS, cluster_optics_dbscan
from sklearn.datasets import make_blobs

X, y = make_blobs(
    300, centers=[[-5, -2], [5, 2], [0, 8]], cluster_std=[0.2, 1.0, 0.6], random_state=0
)
model = HDBSCAN(min_cluster_size=15, copy=True).fit(X)
print(sorted(np.bincount(model.labels_ + 1)), model.probabilities_.mean().round(3))
print(len(set(model.dbscan_clustering(0.5, min_cluster_size=10))))
optics = OPTICS(min_samples=20, xi=0.05, min_cluster_size=0.1).fit(X)
print(np.bincount(optics.labels_ + 1), optics.ordering_[:5])
print(optics.reachability_[optics.ordering_][1:4].round(4))
cut = cluster_optics_dbscan(
    reachability=optics.reachability_, core_distances=optics.core_distances_,
    ordering=optics.ordering_, eps=0.8,
)  # fmt: skip
print(np.bincount(cut + 1))

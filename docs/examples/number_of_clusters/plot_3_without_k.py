"""
Models that find the number themselves
======================================

Some models take a scale instead of a number of clusters: how near is a neighbour, how wide is a
hill, how willing is a row to speak for others. The number of clusters follows from the data.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import DBSCAN, HDBSCAN, AffinityPropagation, MeanShift, estimate_bandwidth
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import ClusterScatterDisplay

X, y = make_blobs(n_samples=300, centers=4, cluster_std=0.60, random_state=0)
X = np.asarray(X)  # cupy.asarray(X) on a GPU

# %%
# All four find four groups here. DBSCAN and HDBSCAN also leave rows out as noise, drawn in grey,
# which lowers their ARI: to the score, noise is one more cluster.
models = (
    MeanShift(bandwidth=estimate_bandwidth(X, quantile=0.2)),
    AffinityPropagation(preference=-50, damping=0.8, random_state=0),
    DBSCAN(eps=0.6, min_samples=8),
    HDBSCAN(min_cluster_size=20),
)
fig, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained", sharex=True, sharey=True)
for ax, model in zip(axes.flat, models, strict=True):
    model.fit(X)
    ClusterScatterDisplay.from_estimator(model, X, ax=ax)
    print(f"{type(model).__name__}: ARI {adjusted_rand_score(y, model.labels_):.2f}")

# %%
# A scale is a choice, too. With half the bandwidth, mean shift sees more hills.
for quantile in (0.05, 0.1, 0.2, 0.3):
    bandwidth = estimate_bandwidth(X, quantile=quantile)
    model = MeanShift(bandwidth=bandwidth).fit(X)
    print(f"bandwidth {bandwidth:.2f}: {model.cluster_centers_.shape[0]} clusters")

plt.show()

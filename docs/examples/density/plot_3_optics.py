"""
OPTICS: one order for all radii
===============================

DBSCAN needs one radius for all clusters, which fails if some are dense and some are not. OPTICS
walks from row to row, always to the nearest one that it can reach, and notes the distance of each
step. Valleys of this *reachability* are clusters.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import DBSCAN, OPTICS, cluster_optics_dbscan
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import ClusterScatterDisplay, ReachabilityDisplay

points, y = make_blobs(
    n_samples=[250, 250, 250, 250],
    centers=[[-5, -2], [1.9, -2], [1, -2], [5, 6]],
    cluster_std=[0.8, 0.1, 0.15, 2.0],
    random_state=0,
)
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# A radius for the dense clusters loses the wide one, and a radius for the wide one joins the
# dense ones.
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
optics = OPTICS(min_samples=30, xi=0.05, min_cluster_size=0.1)
for ax, model in zip(axes, (DBSCAN(eps=0.25), DBSCAN(eps=2.0), optics), strict=True):
    labels = model.fit_predict(X)
    ClusterScatterDisplay.from_predictions(X, labels, ax=ax)
    name = "OPTICS" if model is optics else f"DBSCAN, eps={model.eps}"
    ax.set_title(f"{name}: ARI {adjusted_rand_score(y, labels):.2f}")

# %%
# The reachability of the rows in OPTICS' order: each valley is a cluster, as deep as it is dense.
ReachabilityDisplay.from_estimator(optics)

# %%
# From the same order follow the clusters of DBSCAN for any radius, without another fit.
for eps in (0.25, 0.5, 1.0, 2.0):
    labels = cluster_optics_dbscan(
        reachability=optics.reachability_,
        core_distances=optics.core_distances_,
        ordering=optics.ordering_,
        eps=eps,
    )
    print(f"eps={eps}: {len(set(labels.tolist()) - {-1})} clusters")

plt.show()

"""
Bottom up: agglomerative clustering
===================================

Every row begins as a cluster of its own. The two nearest clusters merge, again and again, until
one is left. The tree of merges holds all clusterings at once, and a cut at some height gives one
of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification

from clusterx import AgglomerativeClustering
from clusterx.plotting import ClusterScatterDisplay, DendrogramDisplay

points, _ = make_classification(
    n_samples=1000,
    n_features=2,
    n_informative=2,
    n_redundant=0,
    n_clusters_per_class=1,
    random_state=4,
)
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# Ward's linkage merges the clusters whose union has the smallest variance. Its memory grows with
# the rows, not with their square.
model = AgglomerativeClustering(n_clusters=4, compute_distances=True).fit(X)
fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
ClusterScatterDisplay.from_estimator(model, X, ax=axes[0])
DendrogramDisplay.from_estimator(model, ax=axes[1])

# %%
# The tree is kept: another number of clusters, or a height, costs nothing.
for k in (2, 3, 4, 8):
    sizes = np.bincount(model.cut(n_clusters=k).tolist())
    print(f"{k} clusters of {sorted(sizes.tolist(), reverse=True)} rows")

# %%
# What *nearest* means is the linkage. Single linkage follows chains, and here it leaves single
# rows and one huge cluster. Complete and average linkage measure farthest and mean distances.
fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained", sharey=True)
for ax, linkage in zip(axes, ("single", "complete", "average"), strict=True):
    model = AgglomerativeClustering(n_clusters=4, linkage=linkage).fit(X)
    ClusterScatterDisplay.from_estimator(model, X, name=linkage, ax=ax)

plt.show()

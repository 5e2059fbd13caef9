"""
Silhouettes
===========

The silhouette coefficient of a row compares its mean distance to its own cluster, a, with that to
the nearest other cluster, b: (b - a) / max(a, b). Near 1, the row is well inside its cluster.
Near 0, it lies between two. Below 0, it is nearer to another one.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import KMeans, sweep
from clusterx.metrics import silhouette_score
from clusterx.plotting import SilhouetteDisplay, SilhouetteSweepDisplay

centers = [[0.2, 2.3], [-1.5, 2.3], [-2.8, 1.8], [-2.8, 2.8], [-2.8, 1.3]]
spreads = [0.4, 0.3, 0.1, 0.1, 0.1]
X, _ = make_blobs(n_samples=2000, centers=centers, cluster_std=spreads, random_state=7)
X = np.asarray(X)  # cupy.asarray(X) on a GPU

# %%
# The score is the mean over all rows. clusterx computes it without a matrix of all distances, so
# it works for many rows too.
model = KMeans(5, init=[[-3, 3], [-3, 2], [-3, 1], [-1, 2], [0, 2]]).fit(X)
print("silhouette score for k=5:", silhouette_score(X, model.labels_))

# %%
# Against k, the curve has a peak at four, and five is almost as good. The elbow did not say so.
found = sweep(KMeans(n_init=10, random_state=0), X, range(2, 9), metrics=["silhouette"])
SilhouetteSweepDisplay.from_sweep(found)

# %%
# A mean hides what the clusters are like. In a silhouette diagram each cluster is a knife: its
# height is the number of rows, and its shape shows their coefficients. Good knives are about
# equally high and reach past the dashed line of the mean. With k=5 they all do.
fig, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained", sharex=True)
for ax, k in zip(axes.flat, (3, 4, 5, 6), strict=True):
    SilhouetteDisplay.from_predictions(X, found.labels(k), name=f"k = {k}", ax=ax)

plt.show()

"""
k-means step by step
====================

k-means repeats two steps. The E step gives each point to its nearest centre. The M step moves
each centre to the mean of its points. Neither can make the sum of squared distances larger, so
the repetition ends.
"""

import matplotlib.pyplot as plt
import numpy as np
from array_api_compat import array_namespace
from sklearn.datasets import make_blobs

from clusterx import KMeans
from clusterx.plotting import ClusterBoundaryDisplay, ClusterScatterDisplay

X, _ = make_blobs(n_samples=300, centers=4, cluster_std=0.60, random_state=0)
X = np.asarray(X)  # cupy.asarray(X) on a GPU

# %%
# The algorithm in a few lines of the array API: they run on NumPy, CuPy and PyTorch as they are.


def find_clusters(X, centers):
    """Lloyd's algorithm, written to be read."""
    xp = array_namespace(X)
    while True:
        differences = X[:, None, :] - centers[None, :, :]
        labels = xp.argmin(xp.sum(differences**2, axis=2), axis=1)  # E step
        new = xp.stack([xp.mean(X[labels == i], axis=0) for i in range(centers.shape[0])])  # M step
        if xp.all(new == centers):
            return centers, labels
        centers = new


start = X[4:8, :]
centers, labels = find_clusters(X, start)
ClusterScatterDisplay.from_predictions(X, labels, centers=centers, name="by hand")

# %%
# `KMeans` finds the same centres from the same start, without the n x k x d array of differences.
model = KMeans(4, init=start, tol=0).fit(X)
xp = array_namespace(X)
print("same centres:", bool(xp.all(xp.abs(model.cluster_centers_ - centers) < 1e-12)))

# %%
# `max_iter` stops early, which shows each step from the same start. The cells are those of the
# centres after one, two, three and all iterations.
fig, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained", sharex=True, sharey=True)
for ax, max_iter in zip(axes.flat, (1, 2, 3, 300), strict=True):
    model = KMeans(4, init=start, max_iter=max_iter, tol=0).fit(X)
    ClusterBoundaryDisplay.from_estimator(model, X, ax=ax)
    ax.set_title(f"Iteration {model.n_iter_}, inertia {model.inertia_:.0f}")

plt.show()

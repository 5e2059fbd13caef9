"""
Limits of k-means
=================

k-means always finds k clusters, whether they are there or not, and prefers round ones of one
size. This page shows what goes wrong, and what to use instead.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import GaussianMixture, KMeans
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import ClusterBoundaryDisplay, GaussianEllipseDisplay

# %%
# **A wrong k.** Four groups, and k-means asked for three, for six, and for the right number. It
# reports no error, because there is none to find: inertia alone always falls with k.
X, _ = make_blobs(n_samples=300, centers=4, cluster_std=0.60, random_state=0)
X = np.asarray(X)  # cupy.asarray(X) on a GPU
fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained", sharey=True)
for ax, k in zip(axes, (3, 6, 4), strict=True):
    model = KMeans(k, n_init=10, random_state=0).fit(X)
    ClusterBoundaryDisplay.from_estimator(model, X, ax=ax)
    ax.set_title(f"k = {k}, inertia {model.inertia_:.0f}")

# %%
# **Long clusters of different density.** The lower inertia belongs to the worse picture: what
# k-means minimises is not what we want. The adjusted Rand index (ARI) compares the labels with
# the truth.
long, y_long = make_blobs(n_samples=1000, centers=((4, -4), (0, 0)), random_state=1)
long = long @ np.array([[0.374, 0.95], [0.732, 0.598]])
loose, _ = make_blobs(n_samples=250, centers=1, random_state=42)
points = np.concatenate([long, np.add(loose, [6, -8])])
y = np.concatenate([y_long, np.full(250, 2)])
X = np.asarray(points)  # cupy.asarray(points) on a GPU

by_eye = KMeans(3, init=[[-1.5, 2.5], [0.5, 0], [4, 0]]).fit(X)
best = KMeans(3, n_init=10, random_state=42).fit(X)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, model in zip(axes, (by_eye, best), strict=True):
    ari = adjusted_rand_score(y, model.labels_)
    name = f"Inertia {model.inertia_:.0f}, ARI {ari:.2f}"
    ClusterBoundaryDisplay.from_estimator(model, X, name=name, ax=ax)

# %%
# **The remedy** is a model that knows about shapes. A Gaussian mixture learns how long and how
# dense each cluster is.
mixture = GaussianMixture(3, n_init=10, random_state=42).fit(X)
print("ARI of the mixture:", round(adjusted_rand_score(y, mixture.predict(X)), 3))
GaussianEllipseDisplay.from_estimator(mixture, X)
plt.show()

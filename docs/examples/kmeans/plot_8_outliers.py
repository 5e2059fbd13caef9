"""
Outliers: means, medians and medoids
====================================

A single far row moves a mean as far as it likes. A median hardly moves, and a medoid is always
one of the rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import KMeans, KMedians, KMedoids
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import ClusterScatterDisplay

# %%
# Three groups, and five rows far away that belong to none of them.
points, y = make_blobs(n_samples=300, centers=[[0, 0], [6, 0], [3, 5]], random_state=0)
far = np.random.default_rng(0).normal([35, 30], 3, size=(5, 2))
rows = np.concatenate([points, far])
X = np.asarray(rows)  # cupy.asarray(rows) on a GPU

# %%
# `KMeans` spends a centre on the far rows, and joins two of the groups. The others keep all
# three. The pictures leave the far rows out. Starts are random, because `k-means++` begins with
# far rows.
models = (
    KMeans(3, init="random", n_init=20, random_state=0),
    KMedians(3, init="random", n_init=20, random_state=0),
    KMedoids(3, random_state=0),
)
fig, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained", sharey=True)
for ax, model in zip(axes, models, strict=True):
    model.fit(X)
    ari = adjusted_rand_score(y, model.labels_[: len(points)])
    ClusterScatterDisplay.from_estimator(model, X, ax=ax)
    ax.set(xlim=(-4, 10), ylim=(-4, 9), title=f"{type(model).__name__}, ARI {ari:.2f}")

plt.show()

"""
The elbow
=========

Inertia falls with every further cluster, so its lowest value says nothing. The *elbow* of the
curve does: up to there a further cluster helps much, and after it little.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import KMeans, sweep
from clusterx.plotting import ClusterBoundaryDisplay, ElbowDisplay

centers = [[0.2, 2.3], [-1.5, 2.3], [-2.8, 1.8], [-2.8, 2.8], [-2.8, 1.3]]
spreads = [0.4, 0.3, 0.1, 0.1, 0.1]
X, _ = make_blobs(n_samples=2000, centers=centers, cluster_std=spreads, random_state=7)
X = np.asarray(X)  # cupy.asarray(X) on a GPU

# %%
# Too few clusters join what belongs apart, and too many divide what belongs together.
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, k in zip(axes, (3, 8), strict=True):
    model = KMeans(k, n_init=10, random_state=0).fit(X)
    ClusterBoundaryDisplay.from_estimator(model, X, ax=ax)
    ax.set_title(f"k = {k}, inertia {model.inertia_:.0f}")

# %%
# `sweep` fits one model for each k. The rows are checked and prepared once for all of them.
found = sweep(KMeans(n_init=10, random_state=0), X, range(2, 10), metrics=["inertia"])
print(found)
ElbowDisplay.from_sweep(found)

# %%
# The elbow is at four. That is a fair answer, but not the true one: the data have five groups, of
# which two are close together. Inertia hardly notices them, because they are small.
ClusterBoundaryDisplay.from_estimator(found.best_estimator("elbow"), X)
plt.show()

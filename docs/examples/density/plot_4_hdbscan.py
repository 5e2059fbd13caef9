"""
HDBSCAN: clusters that persist
==============================

HDBSCAN builds the tree of DBSCAN's clusters for all radii, and keeps those that persist over the
widest range. Instead of a radius it asks how small a cluster may be.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs, make_moons

from clusterx import HDBSCAN
from clusterx.plotting import ClusterScatterDisplay, CondensedTreeDisplay

moons, _ = make_moons(n_samples=400, noise=0.06, random_state=0)
blobs, _ = make_blobs(
    n_samples=300, centers=[[3, 1.2], [3.4, -0.6]], cluster_std=[0.1, 0.35], random_state=0
)
scattered = np.random.default_rng(0).uniform([-1.5, -1.8], [4.6, 2.2], size=(80, 2))
points = np.concatenate([moons, blobs, scattered])
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# Four clusters of three densities, and scattered rows between them.
model = HDBSCAN(min_cluster_size=25).fit(X)
ClusterScatterDisplay.from_estimator(model, X)

# %%
# The condensed tree: the width of a branch is its number of rows, and height is density. Chosen
# clusters are coloured.
CondensedTreeDisplay.from_estimator(model)

# %%
# `probabilities_` says how firmly each row belongs to its cluster, and `outlier_scores_` how
# unlike its surroundings a row is. Both are drawn as sizes.
host = model.to_device("cpu")
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
axes[0].scatter(*points.T, s=1 + 20 * host.probabilities_, c=host.labels_, cmap="tab10", alpha=0.7)
axes[0].set_title("Membership")
axes[1].scatter(*points.T, s=1 + 60 * host.outlier_scores_**2, color="tab:red", alpha=0.6)
axes[1].set_title("Outlier score")
plt.show()

"""
Moons: beyond straight borders
==============================

Borders between k-means clusters are straight. Two half moons cannot be separated by a straight
line, but they can be by who is whose neighbour.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from clusterx import KMeans, SpectralClustering
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import AffinityDisplay, ClusterScatterDisplay

X, y = make_moons(200, noise=0.05, random_state=0)
X = np.asarray(X)  # cupy.asarray(X) on a GPU

# %%
# Spectral clustering joins each row to its nearest neighbours, places the rows such that joined
# ones are close, and runs k-means there.
straight = KMeans(2, random_state=0).fit(X)
spectral = SpectralClustering(2, affinity="nearest_neighbors", n_neighbors=12, random_state=0)
spectral.fit(X)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, model in zip(axes, (straight, spectral), strict=True):
    ClusterScatterDisplay.from_estimator(model, X, ax=ax)
    print(f"{type(model).__name__}: ARI {adjusted_rand_score(y, model.labels_):.2f}")

# %%
# The graph of neighbours, with the rows in the order of their clusters: no entry joins the two
# blocks.
AffinityDisplay.from_estimator(spectral)
plt.show()

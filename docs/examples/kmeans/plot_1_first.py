"""
A first clustering
==================

k-means looks for k centres such that the squared distances between the points and their nearest
centres add up to as little as possible. A centre is the mean of its points, and each point
belongs to its nearest centre.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import KMeans
from clusterx.plotting import ClusterScatterDisplay

# %%
# The data are 300 points around four places. Which place a point came from is not used.
X, _ = make_blobs(n_samples=300, centers=4, cluster_std=0.60, random_state=0)
X = np.asarray(X)  # cupy.asarray(X) on a GPU

# %%
# `fit` finds the centres, and `labels_` has the number of each point's cluster. The numbers have
# no meaning: another seed gives the same groups in another order.
model = KMeans(n_clusters=4, random_state=0).fit(X)
print("labels: ", model.labels_[:10])
print("inertia:", round(model.inertia_, 2))

# %%
# A display draws the fitted model. It works for arrays on any device, and copies only what it
# draws.
ClusterScatterDisplay.from_estimator(model, X)

# %%
# New points go to the nearest centre. `transform` says how far away each centre is.
new = X[:3, :] + 0.1
print("clusters: ", model.predict(new))
print("distances:", model.transform(new), sep="\n")
plt.show()

"""
DBSCAN and new points
=====================

DBSCAN describes the rows it was fitted to. New rows have to be assigned by a rule of our own.
Here are two: the rule of border rows, and a vote of neighbours.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.neighbors import KNeighborsClassifier

from clusterx import DBSCAN, NearestNeighbors
from clusterx.plotting import ClusterBoundaryDisplay

points, _ = make_moons(n_samples=1000, noise=0.05, random_state=42)
X = np.asarray(points)  # cupy.asarray(points) on a GPU
places = [[-0.5, 0.0], [0.0, 0.5], [1.0, -0.1], [2.0, 1.0]]
new = np.asarray(places)  # cupy.asarray(places) on a GPU

# %%
# `predict` keeps DBSCAN's own rule: a new row within `eps` of a core row joins its cluster, and
# any other is noise, -1. The regions below are everything within 0.2 of a core row.
model = DBSCAN(eps=0.2).fit(X)
print("by eps:       ", model.predict(new))
ClusterBoundaryDisplay.from_estimator(model, X)

# %%
# A classifier that was trained on the core rows never says noise: it gives each place to the
# nearest cluster. The distance to the nearest core row tells how far to trust it.
host = model.to_device("cpu")
voter = KNeighborsClassifier(n_neighbors=50)
voter.fit(host.components_, host.labels_[host.core_sample_indices_])
print("by neighbours:", voter.predict(places))

distances, _ = NearestNeighbors(n_neighbors=1).fit(model.components_).kneighbors(new)
print("distances:    ", [round(distance, 2) for (distance,) in distances.tolist()])
ClusterBoundaryDisplay.from_estimator(voter, points, name="Vote of 50 core rows")
plt.show()

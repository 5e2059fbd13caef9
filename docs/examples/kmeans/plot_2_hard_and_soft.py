"""
Voronoi cells, hard and soft assignment
=======================================

k-means divides the plane into cells: all places of a cell are nearest to the same centre. A hard
assignment says in which cell a point lies. A soft one says how near it is to each centre.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import FuzzyCMeans, KMeans
from clusterx.plotting import ClusterBoundaryDisplay

centers = [[0.2, 2.3], [-1.5, 2.3], [-2.8, 1.8], [-2.8, 2.8], [-2.8, 1.3]]
spreads = [0.4, 0.3, 0.1, 0.1, 0.1]
points, _ = make_blobs(n_samples=2000, centers=centers, cluster_std=spreads, random_state=7)
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# The borders between cells are straight lines, half way between two centres. They do not know how
# wide a blob is, so some points at the rim of the wide blob are in the cell of its neighbour.
model = KMeans(n_clusters=5, n_init=10, random_state=0).fit(X)
ClusterBoundaryDisplay.from_estimator(model, X)

# %%
# Hard: one label per row. Soft: `transform` gives the distance to each centre, so a row becomes
# five numbers, which another model can use as features.
print("labels of three rows:", model.predict(X[:3, :]))
print("their distances to the five centres:", model.transform(X[:3, :]), sep="\n")

# %%
# Distances are not probabilities. Fuzzy c-means gives memberships that add up to one for each
# row. The darker a point is below, the less clear its cluster.
fuzzy = FuzzyCMeans(n_clusters=5, random_state=0).fit(X)
memberships = fuzzy.to_device("cpu").memberships_
print("memberships of the first row:", memberships[0].round(3))
print(f"rows without a membership of 60%: {(memberships.max(axis=1) < 0.6).mean():.1%}")

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
drawn = ax.scatter(*points.T, c=memberships.max(axis=1), s=6, cmap="viridis")
ax.scatter(*fuzzy.to_device("cpu").cluster_centers_.T, c="white", edgecolors="black", s=80)
fig.colorbar(drawn, label="largest membership")
plt.show()

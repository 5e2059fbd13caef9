"""
Top down: divisive clustering
=============================

DIANA begins with all rows in one cluster. It splits the widest cluster in two: the row that is
farthest from the others on average leaves first, and takes along all rows that are nearer to it
than to the rest. Early splits see all rows, so the top of the tree is often better than that of a
bottom-up tree.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from clusterx import AgglomerativeClustering, DivisiveClustering
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import DendrogramDisplay

iris = load_iris()
X = np.asarray(iris.data)  # cupy.asarray(iris.data) on a GPU

# %%
# The two trees of the 150 flowers.
models = (
    DivisiveClustering(n_clusters=3),
    AgglomerativeClustering(n_clusters=3, linkage="average", compute_distances=True),
)
fig, axes = plt.subplots(2, 1, figsize=(9, 7), layout="constrained")
for ax, model in zip(axes, models, strict=True):
    model.fit(X)
    DendrogramDisplay.from_estimator(model, ax=ax)
    ax.set_xticks([])

# %%
# Both cut into any number of clusters.
print("clusters  divisive  agglomerative")
for k in (2, 3, 4, 5):
    scores = [adjusted_rand_score(iris.target, model.cut(n_clusters=k)) for model in models]
    print(f"{k:8} {scores[0]:9.3f} {scores[1]:14.3f}")

plt.show()

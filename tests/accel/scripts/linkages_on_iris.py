"""Agglomerative clustering of the irises by four linkages, and a tree cut by distance."""

import numpy as np
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score, rand_score

X, y = load_iris(return_X_y=True)
for linkage in ("ward", "complete", "average", "single"):
    model = AgglomerativeClustering(n_clusters=3, linkage=linkage)
    labels = model.fit_predict(X)
    print(
        f"{linkage:9s}", sorted(np.bincount(labels)),
        f"{adjusted_rand_score(y, labels):.4f} {rand_score(y, labels):.4f}",
    )  # fmt: skip
tree = AgglomerativeClustering(distance_threshold=5, n_clusters=None).fit(X)
print(tree.n_clusters_, tree.n_leaves_, tree.distances_[-3:].round(4), tree.children_.shape)
print(tree)

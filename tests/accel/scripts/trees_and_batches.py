"""Clustering in one pass: Birch, mini-batches and bisecting k-means, also in parts."""

import numpy as np
from sklearn.cluster import Birch, BisectingKMeans, MiniBatchKMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score

X, y = make_blobs(1500, centers=6, cluster_std=0.5, random_state=5)
birch = Birch(threshold=0.7, n_clusters=6).fit(X)
print(len(birch.subcluster_centers_), birch.labels_.dtype, birch.predict(X[:6]).shape)
print(f"{adjusted_rand_score(y, birch.labels_):.3f}")
batches = MiniBatchKMeans(6, random_state=0, n_init=5, batch_size=256).fit(X)
print(f"{adjusted_rand_score(y, batches.labels_):.2f} {batches.inertia_ / 1500:.1f}")
parts = MiniBatchKMeans(6, init=X[np.searchsorted(np.sort(y), range(6))], n_init=1, random_state=0)
for start in range(0, 1500, 500):
    parts.partial_fit(X[start : start + 500])
print(parts.cluster_centers_.shape, parts.n_steps_)
bisecting = BisectingKMeans(6, random_state=0).fit(X)
print(f"{bisecting.inertia_:.3f}", np.bincount(bisecting.labels_))
scores = calinski_harabasz_score(X, birch.labels_), davies_bouldin_score(X, birch.labels_)
print(f"{scores[0]:.2f} {scores[1]:.5f}")

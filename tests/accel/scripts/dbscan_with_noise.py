"""DBSCAN on three blobs: clusters, noise, and the scores against the truth."""

from sklearn import metrics
from sklearn.cluster import DBSCAN, dbscan
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler

X, truth = make_blobs(750, centers=[[1, 1], [-1, -1], [1, -1]], cluster_std=0.4, random_state=0)
X = StandardScaler().fit_transform(X)
db = DBSCAN(eps=0.3, min_samples=10).fit(X)
labels = db.labels_
print("clusters:", len(set(labels)) - (1 if -1 in labels else 0))
print("noise:", list(labels).count(-1), "core rows:", len(db.core_sample_indices_))
print(f"homogeneity {metrics.homogeneity_score(truth, labels):.4f}")
print(f"v-measure {metrics.v_measure_score(truth, labels):.4f}")
print(f"silhouette {metrics.silhouette_score(X, labels):.4f}")
core, again = dbscan(X, eps=0.3, min_samples=10)
print((again == labels).all(), core[:5], again.dtype, db.components_.shape)

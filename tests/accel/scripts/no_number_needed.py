"""Mean shift and affinity propagation find the number of clusters by themselves."""

from sklearn import metrics
from sklearn.cluster import AffinityPropagation, MeanShift, estimate_bandwidth
from sklearn.datasets import make_blobs

X, truth = make_blobs(240, centers=[[1, 1], [-1, -1], [1, -1]], cluster_std=0.5, random_state=0)
bandwidth = estimate_bandwidth(X, quantile=0.2, n_samples=200, random_state=0)
shift = MeanShift(bandwidth=bandwidth, bin_seeding=True).fit(X)
print(f"{bandwidth:.5f}", len(shift.cluster_centers_), shift.cluster_centers_.round(3)[0])
print(f"{metrics.fowlkes_mallows_score(truth, shift.labels_):.4f}", shift.predict([[0.9, 0.9]]))
af = AffinityPropagation(preference=-50, random_state=0).fit(X)
print(len(af.cluster_centers_indices_), af.n_iter_, af.labels_[:12], af.labels_.dtype)
print(f"{metrics.adjusted_mutual_info_score(truth, af.labels_):.4f}")
print(metrics.cluster.contingency_matrix(truth, af.labels_).sum(axis=0))

"""k-means on the digits with three starts, and what the labels say about the classes."""

import numpy as np
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data, labels = load_digits(return_X_y=True)
data, labels = data[:600], labels[:600]
components = PCA(n_components=10, svd_solver="full").fit(data).components_
starts = {
    "k-means++": KMeans(init="k-means++", n_clusters=10, n_init=2, random_state=0),
    "random": KMeans(init="random", n_clusters=10, n_init=2, random_state=0),
    "PCA": KMeans(init=components, n_clusters=10, n_init=1),
}
for name, kmeans in starts.items():
    model = make_pipeline(StandardScaler(), kmeans).fit(data)
    found = model[-1].labels_
    print(f"{name:10s} inertia {model[-1].inertia_:.0f}", end="")
    for score in (
        metrics.homogeneity_score, metrics.completeness_score, metrics.v_measure_score,
        metrics.adjusted_rand_score, metrics.adjusted_mutual_info_score,
    ):  # fmt: skip
        print(f" {score(labels, found):.3f}", end="")
    print(f" {metrics.silhouette_score(data, found, metric='euclidean'):.3f}")
print(np.bincount(found))

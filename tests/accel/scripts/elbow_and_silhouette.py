"""How many clusters? Inertia and silhouette for one to eight."""

from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_samples, silhouette_score

X, _ = make_blobs(500, centers=4, center_box=(-10, 10), random_state=1)
for k in range(1, 9):
    model = KMeans(n_clusters=k, random_state=10).fit(X)
    line = f"{k} clusters: inertia {model.inertia_:.2f}"
    if k > 1:
        samples = silhouette_samples(X, model.labels_)
        widths = sorted(samples[model.labels_ == i].mean().round(3) for i in range(k))
        line += f", silhouette {silhouette_score(X, model.labels_):.4f}, clusters {widths}"
    print(line.replace("np.float64(", "").replace(")", ""))

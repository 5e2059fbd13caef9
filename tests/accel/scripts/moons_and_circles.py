"""What k-means can't, spectral and agglomerative clustering can."""

from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.datasets import make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph

for name, (X, y) in {
    "moons": make_moons(200, noise=0.05, random_state=0),
    "circles": make_circles(200, factor=0.5, noise=0.05, random_state=0),
}.items():
    graph = kneighbors_graph(X, 10, include_self=False)
    graph = 0.5 * (graph + graph.T)
    models = {
        "k-means": KMeans(2, random_state=0, n_init=3),
        "spectral": SpectralClustering(2, affinity="nearest_neighbors", random_state=0),
        "precomputed": SpectralClustering(2, affinity="precomputed", random_state=0),
        "ward": AgglomerativeClustering(2, connectivity=graph),
        "single": AgglomerativeClustering(2, linkage="single"),
    }
    for kind, model in models.items():
        labels = model.fit_predict(graph if kind == "precomputed" else X)
        print(f"{name} {kind}: {adjusted_rand_score(y, labels):.3f}")

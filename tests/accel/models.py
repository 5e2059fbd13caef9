"""Models of every accelerated class, with parameters that make their results the same on both."""

import numpy as np

PARAMETERS = {
    "KMeans": {"n_clusters": 4, "random_state": 0, "n_init": 2},
    "MiniBatchKMeans": {"n_clusters": 4, "random_state": 0, "n_init": 1},
    "BisectingKMeans": {"n_clusters": 4, "random_state": 0},
    "DBSCAN": {"eps": 1.5},
    "HDBSCAN": {"copy": True, "store_centers": "both"},
    "OPTICS": {"min_samples": 10},
    "AgglomerativeClustering": {"n_clusters": 4, "compute_distances": True},
    "FeatureAgglomeration": {"n_clusters": 2},
    "SpectralClustering": {"n_clusters": 4, "random_state": 0},
    "MeanShift": {"bandwidth": 3.0},
    "AffinityPropagation": {"random_state": 0, "preference": -200.0},
    "Birch": {"n_clusters": 4, "threshold": 0.8},
    "GaussianMixture": {"n_components": 4, "random_state": 0},
    "BayesianGaussianMixture": {"n_components": 4, "random_state": 0},
}
#: Classes whose results depend on how random numbers are used, or on the order of tied merges.
FREE = ("MiniBatchKMeans", "SpectralClustering", "HDBSCAN")


def rows():
    rng = np.random.default_rng(7)
    centers = np.array([[0, 0, 0], [9, 0, 1], [0, 9, 2], [9, 9, 3.0]])
    return centers[np.arange(240) % 4] + rng.normal(size=(240, 3))


def own_class(name):
    """scikit-learn's own class, whether accel is installed or not."""
    import sklearn.cluster
    import sklearn.mixture

    for module in (sklearn.cluster, sklearn.mixture):
        if name in vars(module):
            return vars(module)[name]
    raise KeyError(name)


def user_class(name):
    """The class that a user's import gets."""
    import sklearn.cluster
    import sklearn.mixture

    return getattr(sklearn.cluster, name, None) or getattr(sklearn.mixture, name)

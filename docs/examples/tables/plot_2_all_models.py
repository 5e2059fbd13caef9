"""
All models on the classic toy sets
==================================

Which model finds what? In the second picture each row is a model, each column a data set of 500
points, and the number in the corner is the time of a fit. The last column has no clusters at all:
models that take a number of clusters divide it nevertheless.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.preprocessing import StandardScaler

import clusterx
from clusterx.plotting import ClusterScatterDisplay

n, rng = 500, np.random.default_rng(30)
blobs, _ = make_blobs(n_samples=n, random_state=8)
varied, _ = make_blobs(n_samples=n, cluster_std=[1.0, 2.5, 0.5], random_state=170)
tilted, _ = make_blobs(n_samples=n, random_state=170)
#: name: points, number of clusters, radius of DBSCAN, bandwidth of mean shift
sets = {
    "circles": (make_circles(n, factor=0.5, noise=0.05, random_state=30)[0], 2, 0.25, 0.8),
    "moons": (make_moons(n, noise=0.05, random_state=30)[0], 2, 0.25, 0.8),
    "blobs": (blobs, 3, 0.25, 0.8),
    "varied": (varied, 3, 0.17, 0.8),
    "tilted": (tilted @ [[0.6, -0.6], [-0.4, 0.8]], 3, 0.15, 0.6),
    "nothing": (rng.random((n, 2)), 3, 0.25, 0.8),
}


def models(k, eps, bandwidth):
    """Every model, with the parameters that it needs for a data set."""
    neighbours = {"affinity": "nearest_neighbors", "random_state": 0}
    return {
        "KMeans": clusterx.KMeans(k, n_init=5, random_state=0),
        "MiniBatchKMeans": clusterx.MiniBatchKMeans(k, random_state=0),
        "BisectingKMeans": clusterx.BisectingKMeans(k, random_state=0),
        "KMedians": clusterx.KMedians(k, random_state=0),
        "KMedoids": clusterx.KMedoids(k, random_state=0),
        "FuzzyCMeans": clusterx.FuzzyCMeans(k, random_state=0),
        "Ward": clusterx.AgglomerativeClustering(k),
        "average": clusterx.AgglomerativeClustering(k, linkage="average"),
        "single": clusterx.AgglomerativeClustering(k, linkage="single"),
        "Divisive": clusterx.DivisiveClustering(k),
        "Birch": clusterx.Birch(threshold=0.2, n_clusters=k),
        "DBSCAN": clusterx.DBSCAN(eps=eps),
        "HDBSCAN": clusterx.HDBSCAN(min_cluster_size=20, min_samples=5),
        "OPTICS": clusterx.OPTICS(min_samples=7, xi=0.1, min_cluster_size=0.1),
        "MeanShift": clusterx.MeanShift(bandwidth=bandwidth, bin_seeding=True),
        "Spectral": clusterx.SpectralClustering(k, **neighbours),
        "Affinity\nPropagation": clusterx.AffinityPropagation(
            damping=0.9, preference=-100, random_state=0
        ),
        "Gaussian\nMixture": clusterx.GaussianMixture(k, n_init=3, random_state=0),
        "Bayesian\nMixture": clusterx.BayesianGaussianMixture(
            n_components=k, n_init=3, random_state=0
        ),
    }


# %%
# The sets, with the clusters that HDBSCAN finds.
fig, axes = plt.subplots(2, 3, figsize=(9, 5.4), layout="constrained")
for ax, (title, (points, *_)) in zip(axes.flat, sets.items(), strict=True):
    rows = StandardScaler().fit_transform(points)
    X = np.asarray(rows)  # cupy.asarray(rows) on a GPU
    labels = clusterx.HDBSCAN(min_cluster_size=20, min_samples=5).fit_predict(X)
    ClusterScatterDisplay.from_predictions(X, labels, ax=ax, scatter_kwargs={"s": 6})
    ax.set(xticks=[], yticks=[], title=title, xlabel="", ylabel="")

# %%
# Times are of one fit on the CPU, after another one that may have had to compile.
names = list(models(2, 1, 1))
fig, axes = plt.subplots(
    len(names), len(sets), figsize=(9, 1.25 * len(names)), layout="constrained"
)
for column, (title, (points, k, eps, bandwidth)) in zip(axes.T, sets.items(), strict=True):
    rows = StandardScaler().fit_transform(points)
    X = np.asarray(rows)  # cupy.asarray(rows) on a GPU
    for ax, (name, model) in zip(column, models(k, eps, bandwidth).items(), strict=True):
        with warnings.catch_warnings():
            # graphs in separate parts are welcome here, and mixtures of rings need not converge
            warnings.simplefilter("ignore")
            model.fit(X)
            begin = time.perf_counter()
            labels = model.fit_predict(X)
            seconds = time.perf_counter() - begin
        display = ClusterScatterDisplay.from_predictions(X, labels, ax=ax, scatter_kwargs={"s": 3})
        for text in display.texts_:
            text.remove()
        ax.set(xticks=[], yticks=[], title=title if name == names[0] else "", xlabel="", ylabel="")
        if column[0] is axes[0, 0]:
            ax.set_ylabel(name, rotation=0, ha="right", va="center")
        box = {"facecolor": "white", "alpha": 0.8, "pad": 0.8, "linewidth": 0}
        style = {"transform": ax.transAxes, "ha": "right", "fontsize": 7, "bbox": box}
        ax.text(0.97, 0.04, f"{1000 * seconds:.1f} ms", **style)

plt.show()

# %%
# No model wins everywhere. The :doc:`user guide </guide/index>` says which to try when.

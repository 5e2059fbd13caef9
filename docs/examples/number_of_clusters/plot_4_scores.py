"""
Scores of a clustering
======================

Two questions have different scores. Do the clusters agree with known classes? And are they
compact and far apart, as far as the data alone can tell?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from clusterx import GaussianMixture, KMeans, metrics
from clusterx.plotting import ConfusionDisplay

# %%
# **Against known classes.** The numbers of clusters and classes do not matter, only which rows
# are together.
true = [2, 2, 3, 1, 1, 1]
same = [1, 1, 2, 3, 3, 3]
other_true, other = [2, 2, 3, 6, 1, 1], [1, 1, 2, 3, 2, 1]
for name in ("homogeneity_score", "completeness_score", "v_measure_score"):
    score = getattr(metrics, name)
    print(f"{name:>20}: {score(true, same):.4f} {score(other_true, other):.4f}")

# %%
# *Homogeneity* is 1 if no cluster mixes classes, and *completeness* if no class is divided. The
# *V-measure* is their harmonic mean. Homogeneity rises when clusters are divided, so compare it
# for the same number of clusters only.
labels = np.arange(6)
print("a cluster per row: homogeneity", metrics.homogeneity_score(true, labels), end=", ")
print("completeness", round(metrics.completeness_score(true, labels), 3))

# %%
# *ARI* and *AMI* are adjusted for chance: random labels get about 0, however many there are.
rng = np.random.default_rng(0)
y = rng.integers(0, 10, 500)
ks = [2, 5, 10, 20, 50, 100]
names = [
    "homogeneity_score",
    "v_measure_score",
    "adjusted_rand_score",
    "adjusted_mutual_info_score",
]
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name in names:
    ax.plot(ks, [getattr(metrics, name)(y, rng.integers(0, k, 500)) for k in ks], "o-", label=name)
ax.set(xlabel="number of random clusters", ylabel="score", ylim=(-0.1, 1), xscale="log")
ax.legend()

# %%
# **From the data alone.** Iris has three species, two of which touch. The silhouette prefers
# k-means, because it likes round clusters too; the classes prefer the mixture.
iris = load_iris()
X = np.asarray(iris.data)  # cupy.asarray(iris.data) on a GPU
for model in (KMeans(3, random_state=0), GaussianMixture(3, random_state=0)):
    labels = model.fit_predict(X)
    print(type(model).__name__)
    for name in ("silhouette_score", "calinski_harabasz_score", "davies_bouldin_score"):
        print(f"  {name:>25}: {getattr(metrics, name)(X, labels):.3f}")
    for name in ("adjusted_rand_score", "cluster_accuracy"):
        print(f"  {name:>25}: {getattr(metrics, name)(iris.target, labels):.3f}")

# %%
# The matrix of classes and clusters says more than any number.
ConfusionDisplay.from_predictions(iris.target_names[iris.target], labels, name="GaussianMixture")
plt.show()

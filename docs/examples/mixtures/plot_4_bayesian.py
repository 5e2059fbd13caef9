"""
Bayesian mixtures leave components empty
========================================

A Bayesian mixture takes an upper bound of the number of components, and gives weights near zero
to those that it does not need. How readily it uses a component is its prior.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs, make_moons

from clusterx import BayesianGaussianMixture
from clusterx.plotting import GaussianEllipseDisplay

long, _ = make_blobs(n_samples=1000, centers=((4, -4), (0, 0)), random_state=1)
loose, _ = make_blobs(n_samples=250, centers=1, random_state=42)
points = np.concatenate([long @ np.array([[0.374, 0.95], [0.732, 0.598]]), np.add(loose, [6, -8])])
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# Ten components are allowed, and three are used.
model = BayesianGaussianMixture(n_components=10, n_init=5, max_iter=500, random_state=42).fit(X)
print("weights:", sorted(model.to_device("cpu").weights_.round(2).tolist(), reverse=True))
GaussianEllipseDisplay.from_estimator(model, X)

# %%
# With few rows the prior matters. A small `weight_concentration_prior` says: few clusters, unless
# the data insist.
few = X[:73, :]
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, prior in zip(axes, (0.01, 10_000), strict=True):
    other = BayesianGaussianMixture(
        n_components=8, weight_concentration_prior=prior, n_init=5, max_iter=1000, random_state=1
    ).fit(few)
    GaussianEllipseDisplay.from_estimator(other, few, ax=ax)
    ax.set_title(f"prior {prior}")

# %%
# It is still a mixture of ellipses. Two moons become a handful of them, and each row's cluster is
# a piece of a moon: a density model of the moons, but not a clustering.
moons, _ = make_moons(n_samples=1000, noise=0.05, random_state=42)
Y = np.asarray(moons)  # cupy.asarray(moons) on a GPU
GaussianEllipseDisplay.from_estimator(
    BayesianGaussianMixture(n_components=10, n_init=5, max_iter=500, random_state=42).fit(Y), Y
)
plt.show()

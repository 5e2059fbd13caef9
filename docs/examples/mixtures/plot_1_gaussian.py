"""
A mixture of Gaussians
======================

A Gaussian mixture says how the data came about: choose a component, then draw a row from its
Gaussian. Each component has a weight, a mean and a covariance, and EM finds them in turn with the
probabilities of the rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification

from clusterx import GaussianMixture, KMeans
from clusterx.plotting import (
    ClusterScatterDisplay,
    GaussianEllipseDisplay,
    LikelihoodContourDisplay,
)

points, _ = make_classification(
    n_samples=1200,
    n_features=3,
    n_informative=2,
    n_redundant=0,
    n_clusters_per_class=1,
    random_state=4,
)
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# Three components for three columns. One column is noise, which the covariances learn to ignore.
# The pictures show the first two principal components.
model = GaussianMixture(n_components=3, n_init=5, random_state=0).fit(X)
print("weights:   ", model.to_device("cpu").weights_.round(3))
print("iterations:", model.n_iter_)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, fitted in zip(axes, (KMeans(3, n_init=5, random_state=0).fit(X), model), strict=True):
    ClusterScatterDisplay.from_estimator(fitted, X, ax=ax)

# %%
# Soft assignment: the probability of each component for each row. These components overlap so
# much that most rows have no clear one, which labels alone would not tell.
probabilities = model.to_device("cpu").predict_proba(points)
print("first row:", probabilities[0].round(3))
print(f"rows without a component of 90%: {(probabilities.max(axis=1) < 0.9).mean():.1%}")

# %%
# In two columns the whole model can be drawn: the ellipses of one, two and three standard
# deviations, and the negative log-likelihood of each place.
Y = X[:, :2]
flat = GaussianMixture(n_components=3, n_init=5, random_state=0).fit(Y)
GaussianEllipseDisplay.from_estimator(flat, Y)

# %%
LikelihoodContourDisplay.from_estimator(flat, Y)

# %%
# Simpler covariances need fewer rows. `spherical` components are round, `diag` ones follow the
# axes, and all `tied` ones share one shape.
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
for ax, kind in zip(axes, ("spherical", "diag", "tied"), strict=True):
    other = GaussianMixture(3, covariance_type=kind, n_init=5, random_state=0).fit(Y)
    GaussianEllipseDisplay.from_estimator(other, Y, ax=ax)
    ax.set_title(f"{kind}, mean log-likelihood {other.score(Y):.2f}")

plt.show()

"""
How many components? BIC and AIC
================================

The likelihood rises with every component. BIC and AIC subtract a price for each parameter, so
they have a lowest value. BIC's price is higher, and it chooses simpler models.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import GaussianMixture, sweep
from clusterx.plotting import GaussianEllipseDisplay

long, _ = make_blobs(n_samples=1000, centers=((4, -4), (0, 0)), random_state=1)
loose, _ = make_blobs(n_samples=250, centers=1, random_state=42)
points = np.concatenate([long @ np.array([[0.374, 0.95], [0.732, 0.598]]), np.add(loose, [6, -8])])
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# `sweep` works for mixtures, too. Both criteria choose three.
mixture = GaussianMixture(n_init=5, random_state=42)
found = sweep(mixture, X, range(1, 9), metrics=["bic", "aic"])
print(found)
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for name in ("bic", "aic"):
    ax.plot(found.n_clusters, found.scores[name], "o-", label=name.upper())
ax.set(xlabel="components", ylabel="criterion, lower is better")
ax.legend()

# %%
# They also choose the type of covariance: compare the lowest BIC of each.
for kind in ("full", "tied", "diag", "spherical"):
    mixture.set_params(covariance_type=kind)
    swept = sweep(mixture, X, range(1, 9), metrics=["bic"])
    print(f"{kind:>10}: {min(swept.scores['bic']):7.0f} with {swept.best('bic')} components")

# %%
GaussianEllipseDisplay.from_estimator(found.best_estimator("bic"), X)
plt.show()

"""
DBSCAN: core, border and noise
==============================

A *core* row has enough rows within a radius `eps`. Core rows within `eps` of each other are one
cluster. A *border* row has a core row within `eps`, but too few rows around it. Everything else
is *noise*.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from clusterx import DBSCAN
from clusterx.plotting import KDistanceDisplay

points, _ = make_moons(n_samples=1000, noise=0.05, random_state=42)
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# With a small radius the moons fall into pieces, and many rows are noise. A radius four times as
# large finds the two moons.
small = DBSCAN(eps=0.05, min_samples=5).fit(X)
large = DBSCAN(eps=0.2, min_samples=5).fit(X)
print("first labels:   ", small.labels_[:10])
print("first core rows:", small.core_sample_indices_[:10])
print("core rows:      ", small.components_.shape[0], "and", large.components_.shape[0])

# %%
# The kinds of rows. Core rows are large dots and border rows small ones; crosses are noise.
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, model in zip(axes, (small, large), strict=True):
    host = model.to_device("cpu")
    core = np.isin(np.arange(len(points)), host.core_sample_indices_)
    noise = host.labels_ == -1
    for chosen, size in ((core, 14), (~core & ~noise, 4)):
        colors = host.labels_[chosen] % 10
        ax.scatter(*points[chosen].T, s=size, c=colors, cmap="tab10", vmin=0, vmax=9)
    ax.scatter(*points[noise].T, s=22, marker="x", color="0.4", linewidths=0.8)
    kinds = f"{core.sum()} core, {(~core & ~noise).sum()} border, {noise.sum()} noise"
    ax.set(title=f"eps={model.eps}: {host.labels_.max() + 1} clusters\n{kinds}")

# %%
# Where to begin with `eps`: draw the distance of each row to its fifth neighbour, in order. Most
# are small, and those of isolated rows are large. The knee between them is a first value. If
# clusters are in pieces, as here, try larger ones.
display = KDistanceDisplay.from_data(X, k=5)
print("first value for eps:", round(display.eps_, 3))
plt.show()

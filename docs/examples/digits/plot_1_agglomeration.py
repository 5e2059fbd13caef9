"""
Pixels that say the same
========================

Neighbouring pixels of an image carry much the same information. `FeatureAgglomeration` merges
similar columns, and with a graph of neighbours only adjacent pixels merge. Here 64 pixels become
32 patches.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from clusterx import FeatureAgglomeration, grid_to_graph
from clusterx.plotting import CentroidImageDisplay

digits = load_digits()
X = digits.data

# %%
# Merges along a graph run on the host, so this page stays on the CPU. `transform` takes the mean
# of the pixels of each patch. `inverse_transform` gives each pixel the mean of its patch, so the
# images look blurred: the difference is what was lost.
model = FeatureAgglomeration(n_clusters=32, connectivity=grid_to_graph(8, 8)).fit(X)
reduced = model.transform(X)
restored = model.inverse_transform(reduced)
print(f"{X.shape[1]} columns become {reduced.shape[1]}")

fig, axes = plt.subplots(2, 1, figsize=(6, 3.8), layout="constrained")
for ax, rows, name in zip(axes, (X, restored), ("Original", "Restored"), strict=True):
    CentroidImageDisplay(rows[:5, :], titles=[""] * 5).plot(ax=ax, n_columns=5)
    ax.set_title(name)

# %%
# Which pixels are together. The corners, which are always blank, form large patches; in the
# middle, where digits differ, most pixels stay alone.
patches = model.to_device("cpu").labels_.reshape(8, 8)
fig, ax = plt.subplots(figsize=(3.6, 3.6), layout="constrained")
order = np.random.default_rng(1).permutation(32)
ax.imshow(order[patches], cmap="nipy_spectral")
ax.set(xticks=[], yticks=[], title="32 patches of pixels")

# %%
# How much is lost depends on the number of patches.
for k in (8, 16, 24, 32, 48):
    model.set_params(n_clusters=k).fit(X)
    error = X - model.inverse_transform(model.transform(X))
    print(
        f"{k:2} patches keep {1 - float((error**2).sum() / ((X - X.mean(axis=0)) ** 2).sum()):.0%}"
    )

plt.show()

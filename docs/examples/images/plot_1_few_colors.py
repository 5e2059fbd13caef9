"""
A photo in sixteen colours
==========================

Each pixel of a photo is a point in the space of colours. k-means finds the sixteen colours that
replace all of them with the smallest squared error.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from clusterx import MiniBatchKMeans, quantize
from clusterx.plotting import ColorSpaceDisplay, PaletteDisplay

china = load_sample_image("china.jpg")
print("height, width, channels:", china.shape)
print(f"{len(np.unique(china.reshape(-1, 3), axis=0)):,} of 16,777,216 possible colours")

# %%
# Ten thousand of its pixels, in their own colours.
ColorSpaceDisplay.from_image(china, name="The photo")

# %%
# The general way is a model of rows: each pixel gets the colour of its centre, which is
# `model.cluster_centers_[model.labels_]`. The inertia is the squared error.
data = china.reshape(-1, 3) / 255
X = np.asarray(data)  # cupy.asarray(data) on a GPU
model = MiniBatchKMeans(16, random_state=0).fit(X)
print(f"mini-batches, mean squared error: {255**2 * model.inertia_ / data.size:.1f}")

# %%
# The short way is `quantize`. It fits the distinct colours, weighted by how often they occur: the
# same objective with tens of times fewer points.
result = quantize(china, 16, random_state=0)
print(f"quantize,     mean squared error: {result.mse:.1f}, {result.psnr:.1f} dB")

fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for ax, picture, title in zip(axes, (china, result.image), ("96,615 colours", "16"), strict=True):
    ax.imshow(picture)
    ax.set(xticks=[], yticks=[], title=title)

# %%
# The sixteen colours, and how much of the photo each covers.
PaletteDisplay.from_image(result)
plt.show()

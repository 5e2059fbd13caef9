"""
Segments by colour
==================

With very few colours, what remains of an image are its segments: petals, leaves, background.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_sample_image

from clusterx.image import segment_colors

flower = load_sample_image("flower.jpg")[::2, ::2]

# %%
# Ten colours keep the shading. Two still find the flower, because it is unlike everything else.
# With eight or more, small things of a colour of their own can be lost: k-means prefers large
# clusters.
fig, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained")
axes[0, 0].imshow(flower)
axes[0, 0].set_title("The photo")
for ax, k in zip(axes.flat[1:], (10, 8, 6, 4, 2), strict=True):
    ax.imshow(segment_colors(flower, k, random_state=0).image)
    ax.set_title(f"{k} colours")
for ax in axes.flat:
    ax.set_axis_off()

# %%
# Segments of one colour may lie anywhere. `spatial_weight` also counts the place of a pixel, and
# `min_size` gives crumbs to their neighbours.
fig, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
options = ({}, {"min_size": 500}, {"spatial_weight": 0.5, "min_size": 500})
for ax, more in zip(axes, options, strict=True):
    found = segment_colors(flower, 6, random_state=0, **more)
    ax.imshow(found.labels, cmap="tab10", interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(
        ", ".join(f"{name}={value}" for name, value in more.items()) or "plain", fontsize=9
    )

plt.show()

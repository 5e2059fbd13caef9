"""
Digits after t-SNE
==================

k-means measures straight distances between images. t-SNE first places the images in the plane
such that near neighbours stay near, and k-means has an easier task there.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE

from clusterx import KMeans
from clusterx.metrics import majority_labels
from clusterx.plotting import ClusterScatterDisplay, ConfusionDisplay

# %%
# t-SNE is scikit-learn's, on the CPU. It takes most of the time of this page, which uses every
# second digit.
pixels, digits = load_digits(return_X_y=True)
pixels, digits = pixels[::2], digits[::2]
plane = TSNE(n_components=2, init="random", max_iter=600, random_state=0).fit_transform(pixels)
X = np.asarray(plane)  # cupy.asarray(plane) on a GPU

model = KMeans(10, n_init=10, random_state=0).fit(X)
named = np.array(majority_labels(digits, model.labels_).tolist())
print(f"accuracy: {np.mean(named == digits):.3f}")
ClusterScatterDisplay.from_estimator(model, X, name="KMeans in the plane of t-SNE")

# %%
# On the pixels themselves the accuracy is about 0.8. The labels were not used in either case.
ConfusionDisplay.from_predictions(digits, model.labels_, name="KMeans after t-SNE")
plt.show()

# %%
# A warning: t-SNE keeps neighbours, not distances or densities. How far apart two clusters are in
# its plane, or how wide they are, means nothing.

"""
Digits without labels
=====================

k-means on images of digits finds, without being told, clusters that look like digits. Labels are
used at the end only, to see how well it did.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from clusterx import KMeans
from clusterx.metrics import cluster_accuracy, majority_labels
from clusterx.plotting import CentroidImageDisplay, ConfusionDisplay

digits = load_digits()
X = np.asarray(digits.data)  # cupy.asarray(digits.data) on a GPU
print("rows and columns:", X.shape)

# %%
# Each centre has 64 numbers, as an image has, so it can be drawn as one: it is the mean of the
# images of its cluster. The titles are the most frequent digit of each cluster.
model = KMeans(10, n_init=10, random_state=3).fit(X)
print("centres:", model.cluster_centers_.shape)
CentroidImageDisplay.from_estimator(model, X, digits.target)

# %%
# Clusters have numbers but no names. `majority_labels` gives each the most frequent digit of its
# rows, and the share of rows with the right digit is the accuracy. `cluster_accuracy` is
# stricter: each digit gets at most one cluster.
named = np.array(majority_labels(digits.target, model.labels_).tolist())
print(f"accuracy by majority: {np.mean(named == digits.target):.3f}")
print(f"accuracy one to one:  {cluster_accuracy(digits.target, model.labels_):.3f}")

# %%
# The errors: eights and ones look alike to k-means, and nines are mixed with threes.
ConfusionDisplay.from_predictions(digits.target, model.labels_, name="KMeans")
plt.show()

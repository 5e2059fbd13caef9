"""
Fifty labels are enough
=======================

Labels cost work, so it matters which rows are labelled. This page spends fifty labels on digits
in three ways: on random rows, on the rows that stand for a cluster, and on whole clusters.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from clusterx import KMeans, LabelSpreading, propagate_labels, representatives
from clusterx.plotting import CentroidImageDisplay

pixels, digits = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(pixels, digits, random_state=42)


def accuracy(X, y):
    """Of a classifier that is trained with X and y, on the test images."""
    with threadpool_limits(1):  # for matrices this small, two threads are slower than one
        return LogisticRegression(max_iter=10_000, random_state=42).fit(X, y).score(X_test, y_test)


print(f"all {len(y_train)} labels:          {accuracy(X_train, y_train):.3f}")
print(f"the first 50 labels:      {accuracy(X_train[:50], y_train[:50]):.3f}")

# %%
# **Representatives.** Fifty clusters, and of each the image nearest to its centre. These are the
# images to label by hand. Here the known labels stand in for the hand.
X = np.asarray(X_train)  # cupy.asarray(X_train) on a GPU
model = KMeans(50, n_init=10, random_state=5).fit(X)
chosen = representatives(model, X).tolist()
titles = [str(digit) for digit in y_train[chosen]]
display = CentroidImageDisplay(X_train[chosen], titles=titles).plot(n_columns=10)
display.ax_.set_title("The rows to label")
print(f"50 representatives:       {accuracy(X_train[chosen], y_train[chosen]):.3f}")

# %%
# **Whole clusters.** `propagate_labels` gives every row the label of its cluster's
# representative. Rows far from their centre get wrong labels more often, so a second run leaves
# the far ones out.
y = np.full(len(y_train), -1)
y[chosen] = y_train[chosen]
for percentile in (100, 75, 25):
    spread = propagate_labels(model, X, y, percentile=percentile)
    given = np.flatnonzero((spread != -1).tolist())
    labels = np.array(spread.tolist())[given]
    right = np.mean(labels == y_train[given])
    print(
        f"nearest {percentile:3}%: {accuracy(X_train[given], labels):.3f}"
        f" ({len(given)} rows, {right:.1%} of their labels are right)"
    )

# %%
# **Along a graph.** `LabelSpreading` lets labels flow between neighbouring rows, and predicts new
# rows from their neighbours. It needs neither clusters nor a classifier.
spreading = LabelSpreading(kernel="knn", n_neighbors=7).fit(X, y)
right = np.mean(np.array(spreading.transduction_.tolist()) == y_train)
found = spreading.to_device("cpu").predict(X_test)
print(f"label spreading: {np.mean(found == y_test):.3f} ({right:.1%} of the labels are right)")
plt.show()

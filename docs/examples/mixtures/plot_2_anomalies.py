"""
Anomalies below a threshold
===========================

A mixture knows how likely each row is. The least likely ones are anomalies: choose how many you
want to look at, and the percentile gives the threshold.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import GaussianMixture
from clusterx.plotting import LikelihoodContourDisplay

long, _ = make_blobs(n_samples=1000, centers=((4, -4), (0, 0)), random_state=1)
loose, _ = make_blobs(n_samples=250, centers=1, random_state=42)
points = np.concatenate([long @ np.array([[0.374, 0.95], [0.732, 0.598]]), np.add(loose, [6, -8])])
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# Two percent of the rows are below the threshold, marked by red stars.
model = GaussianMixture(3, n_init=10, random_state=42).fit(X)
scores = model.to_device("cpu").score_samples(points)
threshold = np.percentile(scores, 2)
print(f"log-likelihoods from {scores.min():.1f} to {scores.max():.1f}, threshold {threshold:.1f}")

display = LikelihoodContourDisplay.from_estimator(model, X)
display.ax_.scatter(*points[scores < threshold].T, marker="*", s=60, color="#B2182B", zorder=5)
display.ax_.set_title("The least likely 2% of the rows")

# %%
# The same threshold judges new rows. Of rows drawn from the model itself about two percent are
# below it, and a row far from all components is always.
new, _ = model.to_device("cpu").sample(2000)
print(
    f"of the model's own rows: {(model.to_device('cpu').score_samples(new) < threshold).mean():.1%}"
)
print("a far row:", bool(model.to_device("cpu").score_samples([[6.0, 6.0]])[0] < threshold))
plt.show()

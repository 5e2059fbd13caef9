"""
DBSCAN where it is hard
=======================

The second data set of the page on agglomerative clustering has two classes that nearly touch, one
dense and one wide. Only a narrow range of radii tells them apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification

from clusterx import DBSCAN
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import ClusterScatterDisplay, KDistanceDisplay

points, y = make_classification(
    n_samples=1000,
    n_features=2,
    n_informative=2,
    n_redundant=0,
    n_clusters_per_class=1,
    random_state=4,
)
X = np.asarray(points)  # cupy.asarray(points) on a GPU

# %%
# With a small radius the wide class falls into pieces. At 0.25 with nine neighbours there are two
# large clusters, which are nearly the classes. A slightly larger radius joins them.
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
for ax, eps in zip(axes, (0.12, 0.25, 0.5), strict=True):
    model = DBSCAN(eps=eps, min_samples=9).fit(X)
    ClusterScatterDisplay.from_estimator(model, X, name=f"eps={eps}", ax=ax)
    print(f"eps={eps}: ARI with the classes {adjusted_rand_score(y, model.labels_):.2f}")

# %%
# The knee of the distances to the ninth neighbour is a first value to try, not an answer: here it
# is too large already, because the rim of the wide class is as sparse as the gap.
KDistanceDisplay.from_data(X, k=9)
plt.show()

"""
Fewer distances: accelerated and mini-batch k-means
===================================================

Lloyd's algorithm measures n x k distances in each iteration. Bounds avoid most of them and change
nothing. Mini-batches use a few rows per step and change the result a little.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import KMeans, MiniBatchKMeans, kmeans_plusplus
from clusterx.metrics import adjusted_rand_score
from clusterx.plotting import ClusterBoundaryDisplay

# %%
# Elkan's variant uses the triangle inequality: if a centre moved less than a row's lead over the
# second nearest centre, the row stays. clusterx uses bounds of this kind wherever they pay, and
# exact ones only, so `algorithm="lloyd"` and `"elkan"` are two names for one result.
X, _ = make_blobs(n_samples=60_000, n_features=8, centers=50, cluster_std=2.0, random_state=0)
X = np.asarray(X)  # cupy.asarray(X) on a GPU
start, _ = kmeans_plusplus(X, 50, random_state=0)
plain = KMeans(50, init=start, algorithm="lloyd").fit(X)
elkan = KMeans(50, init=start, algorithm="elkan").fit(X)
print("same inertia:", plain.inertia_ == elkan.inertia_)

# %%
# Mini-batches trade inertia for time. Their cost per step does not depend on the number of rows,
# so the more rows, the more they save. All fits begin at the same centres.
for model in (
    KMeans(50, init=start),
    MiniBatchKMeans(50, init=start, batch_size=1024, random_state=0),
    MiniBatchKMeans(50, init=start, batch_size=8192, random_state=0),
):
    model.fit(X)  # the first call of a process may compile kernels
    begin = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - begin
    name = f"batches of {model.batch_size}" if hasattr(model, "batch_size") else "all rows"
    agreement = adjusted_rand_score(plain.labels_, model.labels_)
    print(
        f"{name:>16}: {1000 * seconds:6.0f} ms, inertia {model.inertia_:.4g}, ARI {agreement:.2f}"
    )

# %%
# In two dimensions the difference can be seen: the cells are nearly those of all rows.
Y, _ = make_blobs(n_samples=20_000, centers=8, cluster_std=1.2, random_state=3)
Y = np.asarray(Y)  # cupy.asarray(Y) on a GPU
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
start, _ = kmeans_plusplus(Y, 8, random_state=0)
every = KMeans(8, init=start).fit(Y)
some = MiniBatchKMeans(8, init=start, batch_size=512, random_state=0).fit(Y)
for ax, model, name in zip(axes, (every, some), ("All rows", "Batches of 512"), strict=True):
    ClusterBoundaryDisplay.from_estimator(model, Y, max_points=3000, ax=ax)
    ax.set_title(f"{name}, inertia {model.inertia_:.0f}")

plt.show()

"""
Where k-means starts
====================

Each iteration improves the centres, but from a bad start it ends in a bad place. This page shows
how much the start matters, and three remedies.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from clusterx import KMeans
from clusterx.plotting import ClusterBoundaryDisplay

centers = [[0.2, 2.3], [-1.5, 2.3], [-2.8, 1.8], [-2.8, 2.8], [-2.8, 1.3]]
spreads = [0.4, 0.3, 0.1, 0.1, 0.1]
X, _ = make_blobs(n_samples=2000, centers=centers, cluster_std=spreads, random_state=7)
X = np.asarray(X)  # cupy.asarray(X) on a GPU

# %%
# Two fits, each from one random start. They differ only in the seed.
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, seed in zip(axes, (1, 0), strict=True):
    model = KMeans(5, init="random", n_init=1, random_state=seed).fit(X)
    name = f"Seed {seed}, inertia {model.inertia_:.1f}"
    ClusterBoundaryDisplay.from_estimator(model, X, name=name, ax=ax)

# %%
# *Inertia* is the sum of the squared distances between the rows and their centres: the lower, the
# better, for the same data and k. `score` is its negative, because scores rise towards the
# better.
good = KMeans(5, init=[[-3, 3], [-3, 2], [-3, 1], [-1, 2], [0, 2]]).fit(X)
print("inertia from a start by eye:", good.inertia_)
print("score:                     ", good.score(X))

# %%
# The first remedy is to start several times and keep the best, with `n_init`. The second is a
# better start: `k-means++` draws centres one after the other, far ones more likely, and it is the
# default. The histogram has the inertia of a hundred single starts of each kind.
seeds = range(100)
found = {
    init: [KMeans(5, init=init, n_init=1, random_state=seed).fit(X).inertia_ for seed in seeds]
    for init in ("random", "k-means++")
}
for init, values in found.items():
    print(
        f"{init:>10}: mean {np.mean(values):.0f}, best {min(values):.0f}, worst {max(values):.0f}"
    )

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.hist(found.values(), bins=24, label=list(found))
ax.set(xlabel="inertia", ylabel="single starts")
ax.legend()

# %%
# On these data a random start finds the best centres a little more often, but it can also end
# with three times the inertia. `k-means++` never ends far away, which is what counts with many
# clusters: then hardly any single start is perfect.
blobs, _ = make_blobs(n_samples=1000, centers=15, cluster_std=0.5, random_state=1)
Y = np.asarray(blobs)  # cupy.asarray(blobs) on a GPU
for init in found:
    values = [KMeans(15, init=init, n_init=1, random_state=seed).fit(Y).inertia_ for seed in seeds]
    print(
        f"{init:>10}: mean {np.mean(values):.0f}, best {min(values):.0f}, worst {max(values):.0f}"
    )

# %%
# The third remedy uses no random numbers: `maximin` takes the row that is farthest from all
# centres so far. It is the same for every seed, and outliers mislead it.
model = KMeans(5, init="maximin").fit(X)
print("inertia from maximin:", model.inertia_)
plt.show()

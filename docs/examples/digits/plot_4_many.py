"""
Seventy thousand digits
=======================

MNIST has 70,000 images of 28 x 28 pixels. Where scikit-learn has it on disk, this page uses it.
Otherwise it makes a stand-in of the same size from the 1,797 small digits that come with
scikit-learn: each is enlarged, sheared and shifted at random. Stand-ins are easier than MNIST,
because many are copies of one digit; but no digit is both in the training and the test part.
"""

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_openml, get_data_home, load_digits

from clusterx import MiniBatchKMeans
from clusterx.metrics import homogeneity_score, majority_labels
from clusterx.plotting import CentroidImageDisplay


def stand_in(digits, targets, n, rng):
    """`n` images of 28 x 28 pixels, 0 to 1, and their digits."""
    digits = np.pad(digits, ((0, 0), (1, 1), (1, 1)))  # blank around
    row, column = np.mgrid[-13.5:14, -13.5:14]
    chosen = rng.integers(0, len(digits), n)
    scale, shear = rng.uniform(0.36, 0.44, (n, 1, 1)), rng.normal(0, 0.15, (n, 1, 1))
    down, right = rng.normal(0, 1, (2, n, 1, 1))
    images = np.empty((n, 28, 28), np.float32)
    for part in np.array_split(np.arange(n), max(1, n // 5000)):
        y = (row - down[part]) * scale[part]
        x = (column - right[part]) * scale[part] + shear[part] * y
        y, x = np.clip(y + 4.5, 0, 8.99), np.clip(x + 4.5, 0, 8.99)
        i, j, of = y.astype(int), x.astype(int), chosen[part][:, None, None]
        y, x = y - i, x - j
        upper = (1 - x) * digits[of, i, j] + x * digits[of, i, j + 1]
        lower = (1 - x) * digits[of, i + 1, j] + x * digits[of, i + 1, j + 1]
        images[part] = (1 - y) * upper + y * lower
    return images.reshape(n, 784), targets[chosen]


if (Path(get_data_home()) / "openml/openml.org/data/v1/download/52667.gz").exists():
    pixels, target = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    pixels, target = (pixels / 255).astype(np.float32), target.astype(int)
    train, test, y_train, y_test = (
        pixels[:60_000],
        pixels[60_000:],
        target[:60_000],
        target[60_000:],
    )
else:
    small, rng = load_digits(), np.random.default_rng(0)
    small.images /= 16
    train, y_train = stand_in(small.images[:1500], small.target[:1500], 60_000, rng)
    test, y_test = stand_in(small.images[1500:], small.target[1500:], 10_000, rng)
X = np.asarray(train)  # cupy.asarray(train) on a GPU
X_test = np.asarray(test)  # cupy.asarray(test) on a GPU

titles = [str(digit) for digit in y_train[:20]]
display = CentroidImageDisplay(X[:20, :], titles=titles).plot(n_columns=10)
display.ax_.set_title("The first images")

# %%
# Mini-batches keep this fast: a fit reads only some of the rows. With more clusters the inertia
# falls, and clusters get purer. `homogeneity` and the accuracy of the most frequent digit rise.
ks = (10, 16, 36, 64, 144, 256)
models, scores = {}, []
print(f"{'k':>4} {'seconds':>8} {'inertia':>10} {'homogeneity':>12} {'accuracy':>9}")
for k in ks:
    begin = time.perf_counter()
    models[k] = model = MiniBatchKMeans(k, random_state=0).fit(X)
    seconds = time.perf_counter() - begin
    named = np.array(majority_labels(y_train, model.labels_).tolist())
    homogeneity = homogeneity_score(y_train, model.labels_)
    scores.append((model.inertia_, homogeneity, np.mean(named == y_train)))
    print(f"{k:4} {seconds:8.2f} {model.inertia_:10.0f} {homogeneity:12.3f} {scores[-1][2]:9.3f}")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
inertia, homogeneity, accuracy = zip(*scores, strict=True)
axes[0].plot(ks, inertia, "o-")
axes[1].plot(ks, homogeneity, "o-", label="homogeneity")
axes[1].plot(ks, accuracy, "s-", label="accuracy")
axes[1].legend()
for ax, label in zip(axes, ("inertia", "score"), strict=True):
    ax.set(xlabel="clusters", ylabel=label, xscale="log", xticks=ks, xticklabels=ks)
    ax.minorticks_off()

# %%
# The test images get the digit of their nearest centre. Only the digits of the training part name
# the clusters.
model = models[256]
_, digit_of = majority_labels(y_train, model.labels_, return_mapping=True)
found = [digit_of[cluster] for cluster in model.predict(X_test).tolist()]
print(f"accuracy on {len(found):,} test images with 256 clusters: {np.mean(found == y_test):.3f}")

# %%
# The centres of 36 clusters, and the digit that each stands for.
CentroidImageDisplay.from_estimator(models[36], X, y_train)
plt.show()

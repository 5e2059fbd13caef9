"""
Faces
=====

Four exercises with portraits: cluster them, use the clusters as features, draw new faces from a
mixture, and find damaged ones. Where scikit-learn has the Olivetti faces on disk, this page uses
them. Otherwise it draws forty simple persons, ten pictures of each. These are stand-ins, and
easier than real faces.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_olivetti_faces, get_data_home
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline

from clusterx import GaussianMixture, KMeans, sweep
from clusterx.plotting import CentroidImageDisplay, SilhouetteSweepDisplay


def drawn_faces(rng):
    """Ten pictures of each of forty drawn persons: (400, 64, 64), 0 to 1, and who they are."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    faces = []
    for _ in range(40):
        wide, high, eyes, mouth, nose = rng.uniform(
            [0.5, 0.7, 0.18, 0.35, 0.05], [0.75, 0.92, 0.32, 0.55, 0.25]
        )
        skin, hair, smile, brows, hairline = rng.uniform(
            [0.5, 0.05, -0.25, 0.02, -0.8], [0.9, 0.6, 0.25, 0.1, -0.35]
        )
        for _ in range(10):
            u, v = x - rng.normal(0, 0.02), y - rng.normal(0, 0.015)
            u = u * (1 + rng.normal(0, 0.03)) + rng.normal(0, 0.02) * v
            light, grin = rng.normal(0, 0.08), smile + rng.normal(0, 0.08)
            face = np.full((64, 64), 0.3)
            inside = (u / wide) ** 2 + (v / high) ** 2 < 1
            face[inside] = skin
            face[inside & (v < hairline + 0.3 * u**2)] = hair
            for side in (-1, 1):
                apart = u - side * eyes
                face[(apart / 0.12) ** 2 + ((v + 0.15) / 0.06) ** 2 < 1] = 0.95
                face[apart**2 + (v + 0.15) ** 2 < 0.05**2] = 0.05
                face[(abs(apart) < 0.13) & (abs(v + 0.3) < brows / 2)] = hair
            face[(abs(u) < nose / 2 * (v + 0.15)) & (v > -0.1) & (v < 0.2)] = skin * 0.7
            face[(abs(u) < mouth / 2) & (abs(v - mouth + grin * (u**2 * 8 - 0.3)) < 0.035)] = 0.15
            faces.append(face * (1 + light * u) + rng.normal(0, 0.02, face.shape))
    return np.clip(faces, 0, 1), np.repeat(np.arange(40), 10)


if (Path(get_data_home()) / "olivetti_py3.pkz").exists():
    faces, persons = fetch_olivetti_faces(return_X_y=True)
    print("Olivetti faces")
else:
    faces, persons = drawn_faces(np.random.default_rng(0))
    print("drawn stand-ins")
faces = np.asarray(faces, np.float32).reshape(400, 4096)
titles = [""] * 40
display = CentroidImageDisplay(faces[::5][:40], titles=titles, image_shape=(64, 64))
display.plot(n_columns=10, image_kwargs={"cmap": "gray"}).ax_.set_title(
    "Two pictures of each person"
)

# %%
# Five sixths of the pictures of each person are for training. Principal components keep 99% of
# the variance in far fewer columns.
split = StratifiedShuffleSplit(1, test_size=80, random_state=42).split(faces, persons)
train, test = next(split)
pca = PCA(0.99, random_state=0).fit(faces[train])
points = pca.transform(faces[train])
X = np.asarray(points)  # cupy.asarray(points) on a GPU
print(f"{faces.shape[1]} pixels become {X.shape[1]} components")

# %%
# **Clusters.** The silhouette against their number. Persons who look alike share a cluster, and a
# person who looks different in different pictures has several, so its peak need not be at forty.
found = sweep(KMeans(n_init=3, random_state=0), X, range(10, 100, 10), metrics=["silhouette"])
SilhouetteSweepDisplay.from_sweep(found)

# %%
# The largest cluster in detail: persons who look alike share it.
labels = np.array(found.labels(found.best("silhouette")).tolist())
members = train[labels == np.bincount(labels).argmax()][:10]
names = [f"person {person}" for person in persons[members]]
display = CentroidImageDisplay(faces[members], titles=names, image_shape=(64, 64))
display.plot(n_columns=5, image_kwargs={"cmap": "gray"}).ax_.set_title("The largest cluster")

# %%
# **Features.** Distances to centres in place of the components cost the classifier little, or
# help, depending on the data. Try it, and keep what cross-validation prefers.
unseen = pca.transform(faces[test])
for name, steps in (("components", []), ("distances", [KMeans(80, random_state=0)])):
    classifier = make_pipeline(*steps, RandomForestClassifier(50, random_state=0))
    score = classifier.fit(points, persons[train]).score(unseen, persons[test])
    print(f"forest on {name}: {score:.2f}")

# %%
# **New faces.** A mixture of Gaussians can be sampled. The samples are new points among the
# components, and `inverse_transform` draws them.
mixture = GaussianMixture(20, covariance_type="diag", random_state=0).fit(X)
drawn, _ = mixture.to_device("cpu").sample(10)
display = CentroidImageDisplay(
    pca.inverse_transform(drawn), titles=[""] * 10, image_shape=(64, 64)
).plot(n_columns=5, image_kwargs={"cmap": "gray"})
display.ax_.set_title("Faces of nobody")

# %%
# **Anomalies.** Damaged pictures have lower log-likelihoods than others. Dark ones are far below
# all, and turned ones below the median in most cases, because faces are nearly symmetric.
host = mixture.to_device("cpu")
some = faces[test[:3]].reshape(3, 64, 64)
damaged = np.concatenate([some[:, ::-1], 0.3 * some, some.transpose(0, 2, 1)]).reshape(9, 4096)
print("test pictures, median:", round(float(np.median(host.score_samples(unseen)))))
for name, part in zip(("upside down", "dark", "lying"), np.split(damaged, 3), strict=True):
    print(f"{name:>21}:", host.score_samples(pca.transform(part)).round().astype(int).tolist())

# %%
# The reconstruction error says the same: principal components of faces cannot draw other things.
for name, part in (("test pictures", faces[test]), ("damaged pictures", damaged)):
    errors = ((part - pca.inverse_transform(pca.transform(part))) ** 2).mean(axis=1)
    print(f"{name:>21}: mean squared error {errors.mean():.4f}")

plt.show()

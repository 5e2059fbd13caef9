"""A photo in 16 colours, which are found on a sample of its pixels."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_image
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils import shuffle

china = load_sample_image("china.jpg")[::4, ::4].astype(np.float64) / 255
pixels = china.reshape(-1, 3)
sample = shuffle(pixels, random_state=0, n_samples=1000)
kmeans = KMeans(n_clusters=16, random_state=0, n_init=1).fit(sample)
labels = kmeans.predict(pixels)
print(np.bincount(labels), labels.dtype, kmeans.n_iter_)
print(kmeans.cluster_centers_[:3].round(4))
again = pairwise_distances_argmin(kmeans.cluster_centers_, pixels, axis=0)
print((kmeans.cluster_centers_[labels] - pixels).std().round(5), again.shape)

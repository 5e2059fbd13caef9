"""Pixels of the digits pooled by similarity, before a regression and as a picture again."""

import numpy as np
from sklearn.cluster import FeatureAgglomeration, ward_tree
from sklearn.datasets import load_digits
from sklearn.feature_extraction.image import grid_to_graph
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline

digits = load_digits()
images, X = digits.images, digits.data[:400]
agglo = FeatureAgglomeration(connectivity=grid_to_graph(*images[0].shape), n_clusters=32).fit(X)
reduced = agglo.transform(X)
restored = agglo.inverse_transform(reduced)
print(reduced.shape, np.bincount(agglo.labels_), f"{np.abs(restored - X).mean():.4f}")
pipe = make_pipeline(FeatureAgglomeration(16), BayesianRidge()).fit(X, digits.target[:400])
print(f"{pipe.score(X, digits.target[:400]):.4f}", agglo.get_feature_names_out()[:2])
print(ward_tree(X.T)[0][:4])

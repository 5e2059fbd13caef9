"""Rows of low density under a mixture, kept in a file and read back."""

import pickle

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

frame = load_wine(as_frame=True).data[["alcohol", "malic_acid", "hue"]]
scaled = pd.DataFrame(StandardScaler().fit_transform(frame), columns=frame.columns)
model = GaussianMixture(n_components=3, n_init=3, random_state=42).fit(scaled)
densities = model.score_samples(scaled)
print(f"{model.lower_bound_:.5f}", model.n_iter_, list(model.feature_names_in_))
print(np.flatnonzero(densities < np.percentile(densities, 4)))
again = pickle.loads(pickle.dumps(model))
print((again.score_samples(scaled) == densities).all(), type(again).__name__)
print(clone(model).set_params(n_components=2).fit(scaled).weights_.round(3))
pipe = make_pipeline(StandardScaler(), clone(model)).fit(frame)
print(pipe.predict(frame)[:8], f"{pipe.score(frame):.4f}", isinstance(model, GaussianMixture))

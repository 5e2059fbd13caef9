"""
A self-organising map
=====================

A map is a grid of units. Each has a place among the rows, and neighbours on the grid stay
neighbours among the rows. So the map is a clustering and a picture of the data at once.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler

from clusterx import AgglomerativeClustering, SelfOrganizingMap
from clusterx.metrics import cluster_accuracy
from clusterx.plotting import CentroidImageDisplay, CodebookDisplay, UMatrixDisplay

# %%
# Thirteen measurements of wines, on a map of 12 x 8 hexagons. The U-matrix shows how far each
# unit is from its neighbours: dark valleys are clusters, and bright ridges separate them.
wine = load_wine()
rows = StandardScaler().fit_transform(wine.data)
X = np.asarray(rows)  # cupy.asarray(rows) on a GPU
model = SelfOrganizingMap((8, 12), topology="hexagonal", max_iter=30, random_state=0).fit(X)
print(f"topographic error: {model.topographic_error(X):.3f}")
UMatrixDisplay.from_estimator(model)

# %%
# One panel per column: where wines have much alcohol, much proline, dark colour.
columns = [0, 6, 9, 12]
display = CodebookDisplay.from_estimator(model, features=columns)
for ax, column in zip(display.axes_.flat, columns, strict=True):
    ax.set_title(wine.feature_names[column])

# %%
# Units are small clusters. `cluster_units` joins them to larger ones.
labels = model.cluster_units(AgglomerativeClustering(3))[model.labels_]
print(f"three clusters of units: {cluster_accuracy(wine.target, labels):.1%} of the wines")

# %%
# On digits the units can be drawn: similar digits are neighbours.
digits = load_digits()
Y = np.asarray(digits.data)  # cupy.asarray(digits.data) on a GPU
drawn = SelfOrganizingMap((8, 12), max_iter=20, random_state=0).fit(Y)
display = CentroidImageDisplay(drawn.cluster_centers_, titles=[""] * 96).plot(n_columns=12)
display.ax_.set_title("A map of digits")
plt.show()

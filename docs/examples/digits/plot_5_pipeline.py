"""
Distances to centres as features
================================

A clustering can prepare data for another model: `transform` replaces each image by its distances
to the centres. How many centres are best for the classifier, a grid search finds out.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from clusterx import KMeans

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=42)

# %%
# The base line is a logistic regression on the pixels.
with threadpool_limits(1):  # for matrices this small, two threads are slower than one
    plain = LogisticRegression(max_iter=10_000, random_state=42).fit(X_train, y_train)
print(f"pixels: {plain.score(X_test, y_test):.3f}")

# %%
# Estimators of clusterx are scikit-learn's: they can be put into a `Pipeline`, cloned and
# searched. This page stays on the CPU, because the classifier is scikit-learn's.
pipeline = Pipeline(
    [
        ("kmeans", KMeans(random_state=42)),
        ("scaler", StandardScaler()),
        ("regression", LogisticRegression(max_iter=10_000, random_state=42)),
    ]
)
search = GridSearchCV(pipeline, {"kmeans__n_clusters": [10, 25, 50, 88]}, cv=3)
with threadpool_limits(1):
    search.fit(X_train, y_train)
print(f"distances to {search.best_params_['kmeans__n_clusters']} centres:", end=" ")
print(f"{search.score(X_test, y_test):.3f}")

# %%
# The accuracy in cross-validation. More centres than needed do little harm.
ks = search.cv_results_["param_kmeans__n_clusters"]
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.errorbar(
    ks,
    search.cv_results_["mean_test_score"],
    search.cv_results_["std_test_score"],
    fmt="o-",
    capsize=3,
)
ax.set(xlabel="number of clusters", ylabel="accuracy, 3 folds")
plt.show()

"""Distances to clusters as features of a classifier; their number is found by a grid search."""

from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X[:240], y[:240], random_state=42)
pipe = Pipeline(
    [
        ("scale", StandardScaler()),
        ("kmeans", KMeans(random_state=42, n_init=1)),
        ("classify", LogisticRegression(solver="newton-cholesky", tol=1e-2)),
    ]
)
search = GridSearchCV(pipe, {"kmeans__n_clusters": [5, 20]}, cv=2).fit(X, y)
print(search.best_params_, f"{search.best_score_:.3f} {search.score(X_test, y_test):.3f}")
print(search.best_estimator_.named_steps["kmeans"])
print(pipe[:-1].fit_transform(X)[:2].shape)

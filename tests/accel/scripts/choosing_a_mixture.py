"""Gaussian mixtures of the irises: types of covariance and numbers of components by BIC."""

from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV

X, y = load_iris(return_X_y=True)
for kind in ("spherical", "tied", "diag", "full"):
    scores = [
        GaussianMixture(n_components=k, covariance_type=kind, random_state=0).fit(X).bic(X)
        for k in (1, 3)
    ]
    print(kind, [f"{score:.1f}" for score in scores])
search = GridSearchCV(
    GaussianMixture(random_state=0),
    {"n_components": [2, 3], "covariance_type": ["full", "diag"]},
    cv=2,
    scoring=lambda model, X, y=None: -model.bic(X),
).fit(X)
print(search.best_params_)
best = search.best_estimator_
print(best.weights_.round(3), best.converged_, f"{best.score(X):.4f}", best.predict(X[:3]).dtype)
print(best.predict_proba(X[:2]).round(4))
bayesian = BayesianGaussianMixture(n_components=3, random_state=0, max_iter=200).fit(X)
print(f"{adjusted_rand_score(y, bayesian.predict(X)):.3f}")

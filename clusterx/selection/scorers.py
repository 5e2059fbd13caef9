"""Scorers of unsupervised models, for `GridSearchCV` and similar: greater is better."""

from __future__ import annotations

from typing import Any

from .. import metrics


def silhouette_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Mean silhouette coefficient of the clusters that a fitted model predicts for X.

    Parameters
    ----------
    estimator : fitted model with a `predict` method
        For a `Pipeline`, scores use the rows as passed, so that pipelines with different steps
        before the clustering can be compared.
    X : array of shape (n_samples, n_features)
    y : ignored

    Returns
    -------
    float
        From -1 to 1; greater is better.

    Raises
    ------
    TypeError
        The model can't predict clusters for rows other than those it was fitted to.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from clusterx import KMeans
    >>> from clusterx.selection import silhouette_scorer
    >>> X = np.random.default_rng(0).permutation(np.repeat([[0.0], [1.0], [5.0]], 20, axis=0))
    >>> X += np.linspace(0, 0.1, 60)[:, None]
    >>> grid = {"n_clusters": [2, 3, 4]}
    >>> search = GridSearchCV(KMeans(random_state=0), grid, scoring=silhouette_scorer)
    >>> search.fit(X).best_params_
    {'n_clusters': 3}
    """
    return float(metrics.silhouette_score(X, _predicted(estimator, X)))


def calinski_harabasz_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Calinski-Harabasz score of the predicted clusters; greater is better.

    Parameters and errors are those of `silhouette_scorer`.
    """
    return float(metrics.calinski_harabasz_score(X, _predicted(estimator, X)))


def davies_bouldin_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """The negative of the Davies-Bouldin index of the predicted clusters; greater is better.

    Parameters and errors are those of `silhouette_scorer`.
    """
    return -float(metrics.davies_bouldin_score(X, _predicted(estimator, X)))


def _predicted(estimator: Any, X: Any) -> Any:
    if not hasattr(estimator, "predict"):
        raise TypeError(
            f"{type(estimator).__name__} has no predict method, but a scorer needs labels of rows "
            "that the model was not fitted to. Compare such models with clusterx.sweep, which fits "
            "and scores the same rows."
        )
    return estimator.predict(X)

"""The result of a sweep, and the criteria that choose k from it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array, to_host


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult:
    """Models with several numbers of clusters, and their scores; the result of `sweep`.

    Attributes
    ----------
    n_clusters : tuple of int
        The numbers of clusters, in rising order.
    scores : dict of str to ndarray of shape (len(n_clusters),), float64
        Scores by name; NaN where undefined, such as the silhouette of one cluster. ``'gap'`` comes
        with ``'gap_error'``, the standard error s of Tibshirani et al.
    estimators : tuple
        The fitted model for each number.
    fit_seconds : ndarray of shape (len(n_clusters),), float64
    n_samples : int
        Number of rows.
    silhouette_samples : int
        Number of rows used for silhouettes: fewer than `n_samples` if they were sampled.
    """

    n_clusters: tuple[int, ...]
    scores: dict[str, np.ndarray]
    estimators: tuple[Any, ...]
    fit_seconds: np.ndarray
    n_samples: int
    silhouette_samples: int
    _labels: tuple[Array, ...] = field(default=())

    def labels(self, k: int) -> Array:
        """Labels of the rows in the model of k clusters.

        Parameters
        ----------
        k : int

        Returns
        -------
        labels : array of shape (n_samples,)

        Raises
        ------
        ValueError
            k was not swept.
        """
        return self._labels[self._place(k)]

    def estimator(self, k: int) -> Any:
        """The fitted model of k clusters.

        Raises
        ------
        ValueError
            k was not swept.
        """
        return self.estimators[self._place(k)]

    def best(self, criterion: str = "silhouette") -> int:
        """The number of clusters that a criterion chooses.

        Parameters
        ----------
        criterion : str, default='silhouette'
            ``'elbow'``: the knee of inertia (Satopää et al., 2011), found by the library kneed. It
            depends on the range: the inertia of k=1 is so large that it moves the knee to fewer
            clusters. Sweep from 2 on, unless 2 may be the answer.
            ``'silhouette'``, ``'calinski_harabasz'``: the largest score.
            ``'davies_bouldin'``, ``'bic'``, ``'aic'``: the least score.
            ``'gap'``: the least k whose gap is at least that of the next k minus its standard
            error (Tibshirani, Walther and Hastie, 2001).
            Ties go to the least k.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            The criterion is unknown, the sweep did not compute its score, or no k satisfies it: the
            curve has no knee, or the gap still rises at the end.
        ImportError
            ``'elbow'`` needs kneed, which comes with clusterx[plot].

        References
        ----------
        Satopää, Albrecht, Irwin and Raghavan, "Finding a 'kneedle' in a haystack", ICDCSW 2011.
        Tibshirani, Walther and Hastie, "Estimating the number of clusters in a data set via the
        gap statistic", J. R. Stat. Soc. B 63(2), 2001.
        """
        if criterion not in CRITERIA:
            raise ValueError(
                f"criterion must be one of {', '.join(map(repr, CRITERIA))}; got {criterion!r}."
            )
        name, choose = CRITERIA[criterion]
        if name not in self.scores:
            raise ValueError(
                f"criterion={criterion!r} needs the score {name!r}, but this sweep computed "
                f"{', '.join(map(repr, self.scores))}. Sweep with metrics=({name!r},)."
            )
        return self.n_clusters[choose(self)]

    def best_estimator(self, criterion: str = "silhouette") -> Any:
        """The fitted model that a criterion chooses; parameters and errors as in `best`."""
        return self.estimator(self.best(criterion))

    def to_frame(self) -> Any:
        """The scores as a pandas DataFrame: a row for each k, a column for each score.

        Returns
        -------
        pandas.DataFrame
            Its index is called ``n_clusters``; ``fit_seconds`` is the last column.

        Raises
        ------
        ImportError
            pandas is missing.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                'to_frame() needs pandas, which is not installed: pip install "clusterx[tables]"'
            ) from error
        columns = {**self.scores, "fit_seconds": self.fit_seconds}
        return pd.DataFrame(columns, index=pd.Index(self.n_clusters, name="n_clusters"))

    def __repr__(self) -> str:
        columns = {"k": [str(k) for k in self.n_clusters]}
        for name, values in self.scores.items():
            columns[name] = [f"{value:.6g}" for value in values]
        model = type(self.estimators[0]).__name__
        lines = [f"SweepResult of {model} on {self.n_samples:,} rows"]
        if "silhouette" in self.scores and self.silhouette_samples < self.n_samples:
            lines[0] += f", silhouette over {self.silhouette_samples:,} sampled rows"
        widths = [max(map(len, (name, *cells))) for name, cells in columns.items()]
        for cells in [list(columns), *zip(*columns.values(), strict=True)]:
            lines.append("  ".join(c.rjust(w) for c, w in zip(cells, widths, strict=True)))
        return "\n".join(lines)

    def __getstate__(self) -> dict[str, Any]:
        # NumPy arrays, as in models, so that a sweep from a GPU loads without one
        return {**self.__dict__, "_labels": tuple(map(to_host, self._labels))}

    def _place(self, k: int) -> int:
        if k not in self.n_clusters:
            raise ValueError(
                f"k={k!r} was not swept: choose from {', '.join(map(str, self.n_clusters))}."
            )
        return self.n_clusters.index(k)


def _elbow(result: SweepResult) -> int:
    try:
        from kneed import KneeLocator
    except ImportError as error:
        raise ImportError(
            "criterion='elbow' needs the library kneed, which is not installed: pip install "
            '"clusterx[plot]"'
        ) from error
    inertia = result.scores["inertia"]
    knee = None
    if len(inertia) > 2 and np.isfinite(inertia).all() and inertia.max() > inertia.min():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a missing knee is reported below
            found = KneeLocator(result.n_clusters, inertia, curve="convex", direction="decreasing")
        knee = found.knee
    if knee is None:
        raise ValueError(
            f"The inertia of k={_span(result)} has no knee: it falls without a bend, or there are "
            "too few values of k. Sweep a wider range, or choose by another criterion."
        )
    return result.n_clusters.index(int(knee))


def _gap(result: SweepResult) -> int:
    gap, error = result.scores["gap"], result.scores["gap_error"]
    enough = np.flatnonzero(gap[:-1] >= gap[1:] - error[1:])
    if len(enough) == 0 and np.isnan(gap).any():
        raise ValueError(
            f"The gap has no value for some of k={_span(result)}, because the rows of each cluster "
            "coincide. Sweep up to a smaller k, or choose by another criterion."
        )
    if len(enough) == 0:
        raise ValueError(
            f"The gap still rises at the end of k={_span(result)}, so it chooses none of them. "
            "Sweep up to a larger k, or choose by another criterion."
        )
    return int(enough[0])


def _extreme(name: str, sign: float) -> Callable[[SweepResult], int]:
    def choose(result: SweepResult) -> int:
        values = sign * result.scores[name]
        if np.isnan(values).all():
            raise ValueError(
                f"The score {name!r} has no value for k={_span(result)}: it needs at least two "
                "clusters, and fewer clusters than rows. Sweep other numbers of clusters."
            )
        return int(np.nanargmax(values))

    return choose


def _span(result: SweepResult) -> str:
    ks = result.n_clusters
    return f"{ks[0]}..{ks[-1]}" if len(ks) > 1 else str(ks[0])


#: criterion: the score that it uses, and the function that returns the index of the best k
CRITERIA: dict[str, tuple[str, Callable[[SweepResult], int]]] = {
    "elbow": ("inertia", _elbow),
    "silhouette": ("silhouette", _extreme("silhouette", 1.0)),
    "calinski_harabasz": ("calinski_harabasz", _extreme("calinski_harabasz", 1.0)),
    "davies_bouldin": ("davies_bouldin", _extreme("davies_bouldin", -1.0)),
    "gap": ("gap", _gap),
    "bic": ("bic", _extreme("bic", -1.0)),
    "aic": ("aic", _extreme("aic", -1.0)),
}

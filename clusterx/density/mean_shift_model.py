"""Mean shift."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, float_dtype, host_floats, namespace, on_host
from ..base import Clusterer
from ..fitted import fitted_matrix
from ..kernels import kernels_for
from ..rows import InMemory
from ..validation import check_finite, check_number, device_rows, host_rows, real_array
from .climbing import binned, climb, peaks

#: A seed rests when it moves by at most this fraction of the bandwidth.
REST = 1e-3


class MeanShift(Clusterer):
    """Clusters around the places where rows are densest (Comaniciu and Meer, 2002).

    Each seed moves to the mean of the rows within `bandwidth` of it, repeatedly, until it rests.
    Among resting places within `bandwidth` of each other, the one with the most rows around it
    becomes a centre. The number of clusters follows from the bandwidth.

    Parameters
    ----------
    bandwidth : float, default=None
        Radius of the neighbourhoods, in the units of X; a distance equal to it counts. By default
        `estimate_bandwidth` of X, in O(n^2 d) time.
    seeds : array of shape (n_seeds, d), default=None
        The places to start from. By default all rows, or bins.
    bin_seeding : bool, default=False
        Whether to start from the occupied cells of a grid of side `bandwidth`, which gives fewer
        seeds. Ignored with `seeds`.
    min_bin_freq : int, default=1
        Cells with fewer rows are not used as seeds.
    cluster_all : bool, default=True
        Whether rows farther than `bandwidth` from all centres join the nearest one; otherwise they
        are labelled -1.
    n_jobs : int, default=None
        Accepted for compatibility: all cores that the process may use are used.
    max_iter : int, default=300
        Maximum number of moves of a seed.

    Attributes
    ----------
    cluster_centers_ : array of shape (k, d)
        Centres in the dtype of X, those with the most rows around them first; ties go to larger
        coordinates.
    labels_ : array of shape (n,)
        The nearest centre of each row, int32.
    n_iter_ : int
        Number of moves of the seed that moved most often.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features,)
        Names of the columns, if they are strings.

    See Also
    --------
    estimate_bandwidth : A bandwidth from distances to neighbours.
    DBSCAN : Clusters of any shape by density.

    Notes
    -----
    All seeds move as a batch, on the device of X. Seeds whose means are equal to the last bit go on
    as one, so that few remain after some moves. Time is O(m c d) per move for m seeds that have not
    met and c rows near a seed; memory is O(n d). Means are taken in float64 as differences to a
    neighbour: no digit is lost far from the origin.

    References
    ----------
    D. Comaniciu, P. Meer, "Mean shift: a robust approach toward feature space analysis", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 24(5), 2002.

    Examples
    --------
    >>> from clusterx import MeanShift
    >>> X = [[1.0, 1.0], [2.0, 1.0], [1.0, 0.0], [4.0, 7.0], [3.0, 5.0], [3.0, 6.0]]
    >>> model = MeanShift(bandwidth=2).fit(X)
    >>> model.labels_.tolist(), model.predict([[0.0, 0.0], [5.0, 5.0]]).tolist()
    ([1, 1, 1, 0, 0, 0], [1, 0])
    """

    cluster_centers_: Array
    labels_: Array
    n_iter_: int

    def __init__(
        self,
        *,
        bandwidth=None,
        seeds=None,
        bin_seeding=False,
        min_bin_freq=1,
        cluster_all=True,
        n_jobs=None,
        max_iter=300,
    ):
        self.bandwidth = bandwidth
        self.seeds = seeds
        self.bin_seeding = bin_seeding
        self.min_bin_freq = min_bin_freq
        self.cluster_all = cluster_all
        self.n_jobs = n_jobs
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any = None) -> MeanShift:
        """Find the centres, and the nearest one of each row.

        Parameters
        ----------
        X : array of shape (n, d)
        y : ignored

        Returns
        -------
        MeanShift
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter, the seeds or X are invalid, or no row is within the bandwidth of any seed.
        """
        self._check_parameters()
        rows = self._rows(X, reset=True).in_memory("MeanShift")
        X, xp = rows.values, rows.xp
        wide = float_dtype(xp, X)
        bandwidth = self.bandwidth
        if bandwidth is None:
            bandwidth = _mean_distance(X, 0.3)
        seeds = xp.astype(self._seeds(X, bandwidth), wide)
        means_of = rows.kernels.neighbors.means_within(X, float(bandwidth))
        summits = climb(means_of, seeds, REST * float(bandwidth), int(self.max_iter))
        if not summits.means.shape[0]:
            raise ValueError(
                f"No point was within bandwidth={bandwidth:f} of any seed. Try a different seeding "
                "strategy or increase the bandwidth."
            )
        self.n_iter_ = summits.n_iter
        self.cluster_centers_ = xp.astype(peaks(summits, float(bandwidth)), X.dtype)
        labels, squares = rows.kernels.distances.nearest(X, self.cluster_centers_)
        if not self.cluster_all:
            near = squares <= float(bandwidth) ** 2
            labels = xp.where(near, labels, -xp.ones_like(labels))
        self.labels_ = labels
        return self

    def predict(self, X: Any) -> Array:
        """The nearest centre of each row.

        Parameters
        ----------
        X : array of shape (m, d)

        Returns
        -------
        array of shape (m,)
            Labels, int32, on the device of X; the lowest among equally near centres.
        """
        check_is_fitted(self, "cluster_centers_")
        centers = fitted_matrix(self, "cluster_centers_")
        self._check_same_library(X, "predict", "cluster_centers_")
        rows = self._rows(X, reset=False, beside="cluster_centers_")
        wider = rows.xp.result_type(centers.dtype, rows.dtype)
        return rows.map(rows.kernels.distances.nearest, rows.xp.asarray(centers, dtype=wider))[0]

    def _seeds(self, X: Array, bandwidth: float) -> Array:
        if self.seeds is None:
            return _bins(X, bandwidth, self.min_bin_freq) if self.bin_seeding else X
        seeds = asarray(real_array("The 'seeds' parameter", self.seeds), like=X)
        xp = namespace(X)
        if seeds.ndim != 2 or seeds.shape[1] != X.shape[1]:
            raise ValueError(
                f"The 'seeds' parameter of MeanShift must have shape (n_seeds, {X.shape[1]}), one "
                f"column per feature of X; got {tuple(seeds.shape)}."
            )
        seeds = xp.astype(seeds, float_dtype(xp, X))
        if not host_floats(xp.all(xp.isfinite(seeds)))[0]:
            raise ValueError("The 'seeds' parameter of MeanShift contains NaN or infinity.")
        return seeds

    def _check_parameters(self) -> None:
        check_number(self, "bandwidth", self.bandwidth, numbers.Real, least=0, or_none=True)
        if self.bandwidth == 0:
            raise ValueError(
                "The 'bandwidth' parameter of MeanShift must be above 0 or None; got 0. For "
                "clusters of equal rows only, choose a value below all nonzero distances."
            )
        check_number(self, "min_bin_freq", self.min_bin_freq, numbers.Integral, least=1)
        check_number(self, "max_iter", self.max_iter, numbers.Integral, least=0)
        for name in ("bin_seeding", "cluster_all"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise TypeError(
                    f"The {name!r} parameter of MeanShift must be True or False; got "
                    f"{getattr(self, name)!r}."
                )


def mean_shift(
    X: Any,
    *,
    bandwidth: float | None = None,
    seeds: Any = None,
    bin_seeding: bool = False,
    min_bin_freq: int = 1,
    cluster_all: bool = True,
    max_iter: int = 300,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Centres and labels of mean shift: the function form of `MeanShift`.

    Parameters
    ----------
    X : array of shape (n, d)
    bandwidth, seeds, bin_seeding, min_bin_freq, cluster_all, max_iter, n_jobs
        See `MeanShift`.

    Returns
    -------
    cluster_centers : array of shape (k, d)
    labels : array of shape (n,)
        int32.
    """
    model = MeanShift(
        bandwidth=bandwidth,
        seeds=seeds,
        bin_seeding=bin_seeding,
        min_bin_freq=min_bin_freq,
        cluster_all=cluster_all,
        max_iter=max_iter,
        n_jobs=n_jobs,
    ).fit(X)
    return model.cluster_centers_, model.labels_


def estimate_bandwidth(
    X: Any,
    *,
    quantile: float = 0.3,
    n_samples: int | None = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> float:
    """A bandwidth for mean shift: the mean distance of rows to a neighbour of a given rank.

    Parameters
    ----------
    X : array of shape (n, d)
    quantile : float, default=0.3
        The rank of the neighbour as a fraction of all rows; between 0 and 1.
    n_samples : int, default=None
        Number of rows drawn at random; all by default.
    random_state : int, RandomState or None, default=0
        Draws them.
    n_jobs : ignored

    Returns
    -------
    float
        In the units of X. Time is O(m^2 d) for m rows.

    Raises
    ------
    TypeError, ValueError
        X holds something other than finite numbers, or an argument is out of range.

    Examples
    --------
    >>> from clusterx import estimate_bandwidth
    >>> X = [[1.0, 1.0], [2.0, 1.0], [1.0, 0.0], [4.0, 7.0], [3.0, 5.0], [3.0, 6.0]]
    >>> round(float(estimate_bandwidth(X, quantile=0.5)), 2)
    1.62
    """
    real = isinstance(quantile, numbers.Real) and not isinstance(quantile, bool)
    if not real or not 0 <= quantile <= 1:
        raise ValueError(f"quantile must be a number between 0 and 1; got {quantile!r}.")
    whole = isinstance(n_samples, numbers.Integral) and not isinstance(n_samples, bool)
    if n_samples is not None and not (whole and n_samples >= 1):
        raise ValueError(
            f"n_samples must be a whole number of at least 1, or None; got {n_samples!r}."
        )
    X = _checked(X, "estimate_bandwidth")
    if n_samples is not None:
        chosen = check_random_state(random_state).permutation(X.shape[0])[:n_samples]
        X = InMemory(X).take(chosen)
    return _mean_distance(X, float(quantile))


def get_bin_seeds(X: Any, bin_size: float, min_bin_freq: int = 1) -> Array:
    """Seeds for mean shift: the occupied cells of a grid.

    Parameters
    ----------
    X : array of shape (n, d)
    bin_size : float
        Side of the cells, such as the bandwidth. 0 returns X itself.
    min_bin_freq : int, default=1
        Cells with fewer rows are left out.

    Returns
    -------
    array of shape (m, d)
        Multiples of `bin_size`, in the order of the first rows of the cells. X itself, with a
        warning, if each row has a cell of its own.
    """
    if bin_size == 0:
        return X
    return _bins(_checked(X, "get_bin_seeds"), bin_size, min_bin_freq)


def _bins(X: Array, size: float, least: int) -> Array:
    if size == 0:
        return X
    cells, alone = binned(X, float(size), least)
    if alone:
        warnings.warn(
            f"Binning data failed with provided bin_size={size:f}, using data points as seeds.",
            UserWarning,
            stacklevel=4,
        )
        return X
    return cells * float(size)


def _mean_distance(X: Array, quantile: float) -> float:
    """The mean over rows of the distance to the neighbour of rank quantile * n."""
    k = max(1, int(X.shape[0] * quantile))
    distances = kernels_for(namespace(X)).neighbors.search(X).kth_distances(k)
    return np.float64(host_floats(namespace(X).mean(distances))[0])


def _checked(X: Any, name: str) -> Array:
    if not on_host(X):
        X = device_rows(name, X)
        xp = namespace(X)
        if not host_floats(xp.all(xp.isfinite(X)))[0]:
            raise ValueError(f"Input X of {name} contains NaN or infinity.")
        return X
    X = host_rows(f"Input X of {name}", X, dtype=[np.float64, np.float32], order="C")
    check_finite(X, estimator_name=name, input_name="X")
    return X

"""The package hdbscan, where it is installed, computes by clusterx, too."""

import pickle

import numpy as np
import pytest

from clusterx import accel

hdbscan = pytest.importorskip("hdbscan")
pytestmark = pytest.mark.filterwarnings("default")


def rows():
    rng = np.random.default_rng(3)
    centers = np.array([[0, 0, 0], [7, 0, 0], [0, 7, 0.0]])
    return centers[np.arange(300) % 3] + rng.normal(size=(300, 3))


X = rows()
OWN = vars(hdbscan)["HDBSCAN"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"min_samples": 3},
        {"min_cluster_size": 15, "cluster_selection_method": "leaf"},
        {"metric": "manhattan"},
        {"cluster_selection_epsilon": 0.3, "max_cluster_size": 150},
    ],
)
def test_models_are_those_of_hdbscan(installed, parameters, ran):
    # by default hdbscan's own tree is approximate
    own = OWN(approx_min_span_tree=False, **parameters).fit(X)
    mine = hdbscan.HDBSCAN(approx_min_span_tree=False, **parameters).fit(X)
    assert ran() == {"clusterx": ["hdbscan.HDBSCAN.fit"]}
    assert isinstance(mine, OWN)
    assert isinstance(own, hdbscan.HDBSCAN)
    # merges at tied distances can be made in any order, which moves single rows
    both, counts = np.unique(np.stack([own.labels_, mine.labels_]), axis=1, return_counts=True)
    matched = [counts[both[0] == label].max() for label in np.unique(own.labels_)]
    assert sum(matched) >= len(X) - 2
    assert len(set(mine.labels_)) == len(set(own.labels_))
    assert mine.labels_.dtype == own.labels_.dtype
    heights = [np.sort(m.single_linkage_tree_.to_numpy()[:, 2]) for m in (own, mine)]
    np.testing.assert_allclose(*heights)
    assert mine._condensed_tree.dtype == own._condensed_tree.dtype
    assert mine.cluster_persistence_.shape == own.cluster_persistence_.shape
    assert np.isclose(mine.outlier_scores_, own.outlier_scores_).mean() > 0.8
    assert len(mine.exemplars_) == len(own.exemplars_)
    assert len(mine.condensed_tree_.to_pandas()) == len(mine._condensed_tree)


def test_pickles_are_plain(installed):
    pickled = pickle.dumps(hdbscan.HDBSCAN().fit(X))
    assert b"clusterx" not in pickled
    accel.uninstall()
    assert type(pickle.loads(pickled)) is OWN


@pytest.mark.parametrize("option", ["prediction_data", "gen_min_span_tree", "alpha"])
def test_options_of_its_own_stay_with_hdbscan(installed, option, ran):
    model = hdbscan.HDBSCAN(**{option: 1.5 if option == "alpha" else True}).fit(X)
    assert ran() == {"scikit-learn": ["hdbscan.HDBSCAN.fit"]}
    if option == "prediction_data":
        assert len(hdbscan.approximate_predict(model, X[:5])[0]) == 5

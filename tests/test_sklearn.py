"""scikit-learn's own checks of estimators, its array API checks among them."""

import pytest
import sklearn
from sklearn.base import is_classifier, is_clusterer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import clusterx
from clusterx import (
    DBSCAN,
    HDBSCAN,
    OPTICS,
    AffinityPropagation,
    AgglomerativeClustering,
    BayesianGaussianMixture,
    Birch,
    BisectingKMeans,
    DivisiveClustering,
    FeatureAgglomeration,
    FuzzyCMeans,
    GaussianMixture,
    KMeans,
    KMedians,
    KMedoids,
    LabelPropagation,
    LabelSpreading,
    MeanShift,
    MiniBatchKMeans,
    NearestNeighbors,
    SelfOrganizingMap,
    SpectralClustering,
)
from clusterx.base import Clusterer, Estimator
from clusterx.centroid.base import CentroidClusterer
from clusterx.connectivity.base import Agglomeration
from clusterx.distribution.base import Mixture

DRAWS = {
    f"check_sample_weight_equivalence_on_{kind}_data": (
        "The check shuffles the weighted rows but not the repeated ones, so that equal draws "
        "choose other rows. scikit-learn excepts its own class alike."
    )
    for kind in ("dense", "sparse")
}
ORDER = {
    name: "The check shuffles the weighted rows but not the repeated ones, and order matters."
    for name in DRAWS
}
NO_DIRECTION = {
    check: "The data of the check have rows of zeros, whose cosine is not defined."
    for check in (
        "check_estimators_dtypes",
        "check_estimator_sparse_tag",
        "check_estimator_sparse_array",
        "check_estimator_sparse_matrix",
    )
}

ESTIMATORS = [
    KMeans(n_clusters=2, n_init=2, max_iter=5),
    KMeans(n_clusters=2, n_init=2, max_iter=5, metric="cosine"),
    KMeans(n_clusters=2, init="k-means||", max_iter=5),
    KMeans(n_clusters=2, init="maximin", max_iter=5),
    MiniBatchKMeans(n_clusters=2, n_init=2, max_iter=5, batch_size=10),
    MiniBatchKMeans(n_clusters=2, init="maximin", max_iter=5, batch_size=10),
    BisectingKMeans(n_clusters=3, max_iter=5),
    Birch(n_clusters=2, threshold=0.01),
    DivisiveClustering(),
    FuzzyCMeans(n_clusters=2, init="maximin", max_iter=20),
    KMedians(n_clusters=2, init="maximin", max_iter=5),
    KMedoids(n_clusters=2, random_state=0),
    DBSCAN(eps=1.0),
    DBSCAN(metric="cosine"),
    HDBSCAN(min_samples=1),
    OPTICS(),
    MeanShift(bandwidth=1.0),
    AgglomerativeClustering(),
    AgglomerativeClustering(linkage="average"),
    AffinityPropagation(damping=0.8, random_state=0),
    FeatureAgglomeration(),
    SpectralClustering(n_clusters=2, n_init=1, random_state=0),
    LabelPropagation(max_iter=5000),
    LabelSpreading(kernel="knn", max_iter=200),
    NearestNeighbors(n_neighbors=1),
    SelfOrganizingMap((1, 3), max_iter=3),
    GaussianMixture(2, random_state=0),
    BayesianGaussianMixture(n_components=2, max_iter=1000, random_state=0),
]


def expected_failures(estimator):
    """Checks that must fail, with the reasons; one that passes is an error (xfail_strict)."""
    if isinstance(estimator, Mixture):
        return {name: why for name, why in DRAWS.items() if "dense" in name}
    if isinstance(estimator, Birch):
        return ORDER
    if not isinstance(estimator, CentroidClusterer):
        return {}
    draws = isinstance(estimator, MiniBatchKMeans) or estimator.init != "maximin"
    cosine = getattr(estimator, "metric", None) == "cosine"
    return {**(DRAWS if draws else {}), **(NO_DIRECTION if cosine else {})}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_checks(estimator, check):
    labels = isinstance(estimator, LabelPropagation | LabelSpreading)
    if labels and "check_array_api_input" in str(check) and sklearn.__version__ < "1.9":
        pytest.skip("scikit-learn 1.7 and 1.8 want classes_ where X is, also of labels on the host")
    check(estimator)


def test_every_estimator_is_checked():
    public = {getattr(clusterx, name) for name in clusterx.__all__}
    kinds = {kind for kind in public if isinstance(kind, type) and issubclass(kind, Estimator)}
    assert kinds <= {type(estimator) for estimator in ESTIMATORS}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_tags(estimator):
    tags = get_tags(estimator)
    assert is_clusterer(estimator) == isinstance(estimator, Clusterer)
    assert tags.array_api_support
    dense = FuzzyCMeans | SelfOrganizingMap | KMedians | Mixture | MeanShift | Agglomeration
    assert tags.input_tags.sparse != isinstance(estimator, dense)
    assert tags.input_tags.allow_nan == isinstance(estimator, HDBSCAN | SelfOrganizingMap)
    assert tags.target_tags.required == is_classifier(estimator)

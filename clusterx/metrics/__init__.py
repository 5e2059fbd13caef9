"""Scores of clusterings: against known classes, and from the data alone."""

from .centers import (
    calinski_harabasz_score,
    davies_bouldin_score,
    simplified_silhouette_samples,
    simplified_silhouette_score,
)
from .contingency import cluster_accuracy, contingency_matrix, majority_labels
from .density import density_validity_score
from .dunn import dunn_index
from .information import (
    adjusted_mutual_info_score,
    completeness_score,
    entropy,
    expected_mutual_information,
    homogeneity_completeness_v_measure,
    homogeneity_score,
    mutual_info_score,
    normalized_mutual_info_score,
    v_measure_score,
)
from .pair_counting import (
    adjusted_rand_score,
    fowlkes_mallows_score,
    pair_confusion_matrix,
    rand_score,
)
from .silhouette import silhouette_samples, silhouette_score

__all__ = [
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "calinski_harabasz_score",
    "cluster_accuracy",
    "completeness_score",
    "contingency_matrix",
    "davies_bouldin_score",
    "density_validity_score",
    "dunn_index",
    "entropy",
    "expected_mutual_information",
    "fowlkes_mallows_score",
    "homogeneity_completeness_v_measure",
    "homogeneity_score",
    "majority_labels",
    "mutual_info_score",
    "normalized_mutual_info_score",
    "pair_confusion_matrix",
    "rand_score",
    "silhouette_samples",
    "silhouette_score",
    "simplified_silhouette_samples",
    "simplified_silhouette_score",
    "v_measure_score",
]

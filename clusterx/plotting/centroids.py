"""Cluster centres of images, drawn as images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .canvas import axes, counted, pyplot, size_in_points, title
from .data import (
    PlotTable,
    check_count,
    clusters_of,
    fitted_centers,
    fitted_labels,
    host_labels,
    host_matrix,
)


class CentroidImageDisplay:
    """The centre of each cluster as an image, all on the same grey scale.

    It is best made by `from_estimator` or `from_centers`. All parameters become attributes.

    Parameters
    ----------
    centers : array of shape (k, n_pixels)
    image_shape : tuple of int, optional
        (height, width), or (height, width, 3) for RGB; by default a square, if `n_pixels` is one.
    titles : sequence of str, optional
        Titles of the images; the cluster numbers by default.
    name : str, optional
        For the title.

    Attributes
    ----------
    images_ : list of AxesImage
        One per cluster, row by row from the top left.
    texts_ : list of Text
        Their titles.
    ax_ : matplotlib Axes
        All images are on the same axes.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from clusterx import KMeans
    >>> from clusterx.plotting import CentroidImageDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = KMeans(10, random_state=0).fit(X)
    >>> CentroidImageDisplay.from_estimator(model, y=y)  # doctest: +SKIP
    """

    def __init__(
        self,
        centers: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        titles: Sequence[str] | None = None,
        name: str | None = None,
    ):
        self.centers = centers
        self.image_shape = image_shape
        self.titles = titles
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        image_shape: tuple[int, ...] | None = None,
        name: str | None = None,
        ax: Any = None,
        image_kwargs: dict[str, Any] | None = None,
    ) -> CentroidImageDisplay:
        """Draw the centres of a fitted model.

        Parameters
        ----------
        estimator : fitted clustering model
            With `cluster_centers_`, `means_` or `centroids_`.
        X : array of shape (n_samples, n_pixels), optional
            The rows of `y`; by default those that the model was fitted to.
        y : array of shape (n_samples,), optional
            Classes of the rows. The title of each image then gives the most frequent class of the
            cluster, and its share.
        image_shape : tuple of int, optional
            (height, width), or (height, width, 3) for RGB; by default a square.
        name : str, optional
            For the title; the class of the model by default.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        image_kwargs : dict, optional
            Passed to `Axes.imshow` of each picture.

        Returns
        -------
        CentroidImageDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            The model has no centres.
        ValueError
            The number of values per centre does not fit the image shape, or there is not one class
            per row.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        kind = type(estimator).__name__
        centers = fitted_centers(estimator)
        if centers is None:
            raise TypeError(
                f"{kind} has no centers: none of cluster_centers_, means_ and centroids_. Pass the "
                "mean of each cluster to from_centers."
            )
        titles = None
        if y is not None:
            titles = majority_titles(_labels(estimator, X), y, len(centers))
        elif X is not None:
            raise ValueError("X is given without y. Pass the class of each row too, or neither.")
        return cls.from_centers(
            centers,
            image_shape=image_shape,
            titles=titles,
            name=kind if name is None else name,
            ax=ax,
            image_kwargs=image_kwargs,
        )

    @classmethod
    def from_centers(
        cls,
        centers: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        titles: Sequence[str] | None = None,
        name: str | None = None,
        ax: Any = None,
        image_kwargs: dict[str, Any] | None = None,
    ) -> CentroidImageDisplay:
        """Draw centres.

        Parameters
        ----------
        centers : array of shape (k, n_pixels)
            Of any library.
        image_shape, titles, name
            As in the class.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        image_kwargs : dict, optional
            Passed to `Axes.imshow` of each picture.

        Returns
        -------
        CentroidImageDisplay
        """
        display = cls(centers, image_shape=image_shape, titles=titles, name=name)
        return display.plot(ax=ax, image_kwargs=image_kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        n_columns: int | None = None,
        image_kwargs: dict[str, Any] | None = None,
    ) -> CentroidImageDisplay:
        """Draw the pictures.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        n_columns : int, optional
            Images per row; by default such that the plot is slightly wider than high.
        image_kwargs : dict, optional
            Passed to `Axes.imshow` of each picture.

        Returns
        -------
        CentroidImageDisplay
        """
        centers = host_matrix("centers", self.centers)
        k = len(centers)
        shape = checked_shape(self.image_shape, centers.shape[1])
        titles = [str(i) for i in range(k)] if self.titles is None else list(self.titles)
        if len(titles) != k:
            raise ValueError(f"titles has {len(titles)} entries, but there are {k} centers.")
        if n_columns is None:
            columns = _columns_for(k, shape[0] / shape[1])
        else:
            columns = min(k, check_count("n_columns", n_columns))
        lines = -(-k // columns)
        tile = min(1.15, 14 / max(columns, lines))
        size = (max(4.0, tile * columns), tile * lines * 1.2 * shape[0] / shape[1] + 0.5)
        ax = axes(ax, "CentroidImageDisplay.plot", size)
        self._draw(ax, centers.reshape(k, *shape), titles, columns, image_kwargs or {})
        ax.set(xlim=(-0.05, columns + 0.05), ylim=(lines * _pitch(shape) + 0.05, -0.3))
        ax.set_aspect("equal")
        ax.axis("off")
        what = f"{self.name}: " if self.name else ""
        title(ax, f"{what}centres of {counted(k, 'cluster')}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(
        self, ax: Any, centers: np.ndarray, titles: list[str], columns: int, image_kwargs: dict
    ) -> None:
        """Draw images of width 1, each below its title."""
        low, high = float(centers.min()), float(centers.max())
        style = {"cmap": "gray_r", "vmin": low, "vmax": high if high > low else low + 1}
        style["origin"] = "upper"  # whatever the user's style says
        if centers.ndim == 4:  # RGB has a scale of its own: 0..1
            centers = centers / (255.0 if high > 1 else 1.0)
            centers = np.clip(centers, 0, 1)
        height = centers.shape[1] / centers.shape[2]
        wide = size_in_points(ax)[0] / (columns + 0.1)
        longest = max(1, *(len(text) for text in titles))
        font = float(np.clip(wide * 0.92 / (0.6 * longest), 3, 10))
        self.images_, self.texts_ = [], []
        for i, (center, text) in enumerate(zip(centers, titles, strict=True)):
            left, top = i % columns, i // columns * _pitch(centers.shape[1:])
            extent = (left + 0.04, left + 0.96, top + 0.96 * height, top + 0.04 * height)
            self.images_.append(ax.imshow(center, extent=extent, **style | image_kwargs))
            self.texts_.append(
                ax.text(
                    left + 0.5,
                    top - 0.02,
                    text,
                    fontsize=font,
                    ha="center",
                    va="bottom",
                    parse_math=False,
                )
            )


def _columns_for(k: int, height: float) -> int:
    """Images per row: the plot is wider than high, and its last row as full as possible."""
    least = min(k, math.ceil(math.sqrt(1.5 * k * height)))
    return min(
        range(least, min(k, least + least // 4) + 1), key=lambda columns: (-k % columns, columns)
    )


def _pitch(shape: tuple[int, ...]) -> float:
    """The distance between the tops of two images above each other, with a title between them."""
    return shape[0] / shape[1] + 0.26


def checked_shape(image_shape: Any, n_pixels: int) -> tuple[int, ...]:
    """The shape of images of `n_pixels` values; a square if none is given."""
    if image_shape is None:
        side = math.isqrt(n_pixels)
        if side * side != n_pixels:
            raise ValueError(
                f"The centers have {n_pixels} values, which is not a square image. Pass their "
                "shape: image_shape=(height, width)."
            )
        return side, side
    shape = tuple(int(size) for size in image_shape)
    if len(shape) not in (2, 3) or min(shape) < 1 or (len(shape) == 3 and shape[2] != 3):
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, 3), got {image_shape!r}."
        )
    if math.prod(shape) != n_pixels:
        raise ValueError(
            f"image_shape={shape} has {math.prod(shape)} values, but the centers have {n_pixels}. "
            "Pass the shape of the images that were clustered."
        )
    return shape


def _labels(estimator: Any, X: Any) -> np.ndarray:
    if X is not None:
        return fitted_labels(estimator, X, PlotTable(X).n)
    if not hasattr(estimator, "labels_"):
        raise ValueError(
            f"{type(estimator).__name__} has no labels_ of the rows it was fitted to. Pass X, the "
            "rows of y."
        )
    return host_labels("labels_", estimator.labels_)


def majority_titles(labels: np.ndarray, y: Any, k: int) -> list[str]:
    """'3 → seven (95%)' for each of k clusters: its number, most frequent class, and that share."""
    y = host_labels("y", y, len(labels))
    codes = clusters_of(labels, k).codes
    classes, kinds = np.unique(y, return_inverse=True)
    own = codes >= 0
    counts = np.bincount(codes[own] * len(classes) + kinds[own], minlength=k * len(classes))
    counts = counts.reshape(k, len(classes))
    titles = []
    for i, row in enumerate(counts):
        if not row.any():
            titles.append(f"{i} (empty)")
            continue
        titles.append(f"{i} → {classes[row.argmax()]} ({row.max() / row.sum():.0%})")
    return titles

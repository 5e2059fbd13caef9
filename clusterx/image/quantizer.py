"""An estimator that learns a palette from images and maps other images onto it."""

from __future__ import annotations

import math
from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, dtype_name, named_dtype, namespace, to_host
from ..fitted import SavedModel, fitted_matrix
from ..kernels import kernels_for
from .clustering import nearest_colors
from .device import back, move
from .many import quantize_many
from .pixels import PEAK, Pixels, Space, as_pixels, paint, psnr
from .quantize import QuantizedImage, quantize


class ColorQuantizer(SavedModel):
    """Learn a palette of few colours from an image or several, and map images onto it.

    By default, k-means runs over all pixels of the image, exactly; see `quantize` for what is
    minimised, how alpha counts and what the parameters mean.

    Parameters
    ----------
    n_colors : int, default=16
        Colours of the palette.
    method : {'kmeans', 'minibatch', 'wu', 'median-cut', 'octree'}, default='kmeans'
        How the palette is found.
    space : {'srgb', 'linear', 'lab', 'oklab'}, default='srgb'
        Where colours are compared, in `predict` as well.
    lightness : float, default=1.0
        Factor of the lightness in CIELAB and Oklab.
    init : {'auto', 'k-means++', 'maximin', 'random', 'wu', 'median-cut', 'octree'} or array of \
shape (n_colors, c), default='auto'
        Starting colours.
    n_init : int, default=1
        Runs from different starts.
    max_iter : int, default=100
        Maximum number of iterations of a run.
    tol : float, default=1e-5
        Relative movement of the centres at which a run is over.
    keep : sequence of str, or array of shape (m, c), default=()
        Colours that the palette must contain.
    order : {'lightness', 'hue', 'popularity'}, default='lightness'
        Order of the palette.
    min_share : float, default=0.0
        Share of the total weight to which the weights of rare colours are raised.
    min_psnr : float, optional
        Find the fewest colours, at most `n_colors`, with at least this PSNR in dB.
    max_delta_e : float, optional
        Find the fewest with at most this mean CIEDE2000 difference.
    random_state : int, RandomState or None
        An int makes the result reproducible.
    device : {'auto', 'cpu', 'cuda'}, default='auto'
        Where to compute.
    max_pixels : int, optional
        Largest file to decode.

    Attributes
    ----------
    palette_ : array of shape (k, c)
        The colours, of the image's dtype, in the order asked for.
    counts_ : array of shape (k,), int64
        Pixels of each colour in the image that was fitted, or in all images together.
    labels_ : array of shape (height, width), or list of arrays
        Indices of that image, or of each image of the list.
    inertia_, mse_, psnr_ : float
        Errors of that image, or of all images together; see `QuantizedImage`.
    n_iter_ : int
        Iterations of k-means.
    n_features_in_ : int
        Number of channels.

    See Also
    --------
    quantize : the same as a function.

    Examples
    --------
    >>> from clusterx.image import ColorQuantizer
    >>> quantizer = ColorQuantizer(8, random_state=0).fit("sample:china.jpg")
    >>> quantizer.predict("sample:flower.jpg").shape
    (427, 640)
    """

    def __init__(
        self,
        n_colors: int = 16,
        *,
        method: str = "kmeans",
        space: str = "srgb",
        lightness: float = 1.0,
        init: Any = "auto",
        n_init: int = 1,
        max_iter: int = 100,
        tol: float = 1e-5,
        keep: Any = (),
        order: str = "lightness",
        min_share: float = 0.0,
        min_psnr: float | None = None,
        max_delta_e: float | None = None,
        random_state: Any = None,
        device: str = "auto",
        max_pixels: int | None = None,
    ):
        self.n_colors = n_colors
        self.method = method
        self.space = space
        self.lightness = lightness
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.keep = keep
        self.order = order
        self.min_share = min_share
        self.min_psnr = min_psnr
        self.max_delta_e = max_delta_e
        self.random_state = random_state
        self.device = device
        self.max_pixels = max_pixels

    def fit(self, image: Any, y: None = None, *, importance: Any = None) -> ColorQuantizer:
        """Learn the palette of an image, or the one that several images share.

        Parameters
        ----------
        image : array, path, PIL image or open binary file; or a list of them
            As in `quantize`; several as in `quantize_many`.
        y : None
            Not used.
        importance : array of shape (height, width), or list of arrays, optional
            Weight of each pixel, 0 or more; 1 by default.

        Returns
        -------
        self
        """
        self._learn(image, importance)
        return self

    def _learn(self, image: Any, importance: Any) -> list[QuantizedImage]:
        """Set the attributes, and return the results of all images."""
        parameters, many = self.get_params(deep=False), isinstance(image, (list, tuple))
        if many:
            results = quantize_many(image, importance=importance, **parameters)
        else:
            results = [quantize(image, importance=importance, **parameters)]
        first, sizes = results[0], [math.prod(result.shape) for result in results]
        self.palette_ = first.palette
        self.counts_ = sum((result.counts for result in results[1:]), first.counts)
        self.labels_ = [result.indices for result in results] if many else first.indices
        self.inertia_ = first.inertia
        self.mse_ = sum(r.mse * n for r, n in zip(results, sizes, strict=True)) / sum(sizes)
        self.psnr_ = psnr(self.mse_, PEAK[dtype_name(first.palette.dtype)])
        self.n_iter_ = first.n_iter
        self.n_features_in_ = first.palette.shape[1]
        return results

    def predict(self, image: Any) -> Array:
        """Place in the palette of the colour nearest to each pixel.

        Parameters
        ----------
        image : array, path, PIL image or open binary file
            Of any size; channels and dtype as in the image that was fitted.

        Returns
        -------
        array of shape (height, width)
            uint8, uint16 or int32, as the palette needs.

        Raises
        ------
        ValueError
            The image has other channels or another dtype than the palette.
        TypeError
            `palette_` was set to something other than an array of uint8 or uint16.
        """
        pixels, indices, _ = self._predict(image)
        return back(indices, pixels.rows)

    def transform(self, image: Any) -> Array:
        """The image painted in the palette's colours, of its own shape and dtype.

        Parameters
        ----------
        image : array, path, PIL image or open binary file
            As in `predict`.

        Returns
        -------
        array of the shape of the image
        """
        pixels, indices, palette = self._predict(image)
        return back(paint(indices, palette, pixels.shape), pixels.rows)

    def fit_predict(self, image: Any, y: None = None, *, importance: Any = None) -> Any:
        """Learn the palette of an image, and return its indices; a list for a list of images."""
        return self.fit(image, importance=importance).labels_

    def fit_transform(self, image: Any, y: None = None, *, importance: Any = None) -> Any:
        """Learn the palette of an image, and return the image painted in it; a list for a list."""
        results = [result.image for result in self._learn(image, importance)]
        return results if isinstance(image, (list, tuple)) else results[0]

    def _predict(self, image: Any) -> tuple[Pixels, Array, Array]:
        check_is_fitted(self, "palette_")
        fitted = fitted_matrix(self, "palette_", tuple(PEAK))
        pixels = as_pixels(image, max_pixels=self.max_pixels)
        _check_kind(pixels.rows, fitted)
        rows = move(pixels.rows, self.device, from_file=pixels.from_file)
        kind = named_dtype(namespace(rows), dtype_name(fitted.dtype))
        palette = asarray(to_host(fitted), like=rows, dtype=kind)
        kernels = kernels_for(namespace(rows))
        colors, _ = kernels.color.color_counts(rows)
        indices = kernels.color.remap(
            rows, colors, nearest_colors(colors, palette, Space(self.space, self.lightness))
        )
        return pixels, namespace(rows).reshape(indices, pixels.shape[:2]), palette


def _check_kind(rows: Array, palette: Array) -> None:
    fitted, given = ((a.shape[1], dtype_name(a.dtype)) for a in (palette, rows))
    if given != fitted:
        raise ValueError(
            "The palette was fitted to an image of {} channel(s), {}, and this one has {}, {}. "
            "Convert it to the same kind, or fit another palette.".format(*fitted, *given)
        )

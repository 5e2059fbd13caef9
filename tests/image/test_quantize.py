"""Quantisation: the objective of k-means on every pixel, honest figures, exact files."""

import math
import pickle

import numpy as np
import pytest
import sklearn.cluster
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from clusterx.image import ColorQuantizer, load, quantize
from clusterx.image.pixels import coordinates, hex_codes, stored


@pytest.fixture(scope="module")
def photo():
    return load("sample:china.jpg").pixels[150:250, 100:220].copy()


def some_image(channels=3, dtype=np.uint8, shape=(30, 40), seed=0):
    """Smooth colours with noise; a tenth of an RGBA image is invisible."""
    rng = np.random.default_rng(seed)
    size = shape if channels == 2 else (*shape, channels)
    ramp = np.linspace(0.1, 0.9, size[1])[None, :] if channels == 2 else 0
    if channels != 2:
        ramp = np.linspace(0.1, 0.9, size[1])[None, :, None] * np.linspace(0.5, 1, channels)
    values = np.clip(ramp + rng.normal(0, 0.05, size), 0, 1)
    image = np.round(values * np.iinfo(dtype).max).astype(dtype)
    if channels == 4:
        image[:3, :, 3] = 0
    return image


def premultiplied(image):
    values = image.astype(np.float64)
    peak = np.iinfo(image.dtype).max
    return np.concatenate([values[..., :3] * values[..., 3:] / peak, values[..., 3:]], axis=-1)


def test_objective_is_that_of_kmeans_on_every_pixel(photo):
    pixels = photo.reshape(-1, 3).astype(np.float64)
    # off the whole numbers, where ties between centres are as good as impossible
    starts = np.random.default_rng(0).choice(pixels, 8) + np.linspace(-0.4, 0.4, 24).reshape(8, 3)
    peer = sklearn.cluster.KMeans(8, init=starts, n_init=1, max_iter=15, tol=0, algorithm="lloyd")
    peer.fit(pixels)
    result = quantize(photo, 8, init=starts, max_iter=15, tol=0)
    assert result.inertia == pytest.approx(peer.inertia_, rel=1e-6)
    assert result.n_iter == peer.n_iter_


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_figures_are_those_of_the_painted_image(channels, dtype):
    image = some_image(channels, dtype)
    result = quantize(image, 5, random_state=0)
    assert result.image.shape == image.shape
    assert result.image.dtype == image.dtype
    assert result.palette.dtype == image.dtype
    mse = np.mean((result.image.astype(np.float64) - image) ** 2)
    assert result.mse == pytest.approx(mse, rel=1e-12)
    peak = np.iinfo(dtype).max
    assert result.psnr == pytest.approx(10 * math.log10(peak**2 / mse))
    np.testing.assert_array_equal(result.counts, np.bincount(result.indices.reshape(-1)))
    assert result.counts.dtype == np.int64
    assert result.n_unique == len(np.unique(image.reshape(30 * 40, -1), axis=0))


def test_figures_of_rgba_are_premultiplied():
    image = some_image(4)
    result = quantize(image, 6, random_state=0)
    mse = np.mean((premultiplied(result.image) - premultiplied(image)) ** 2)
    assert result.mse == pytest.approx(mse, rel=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_pixel_has_the_nearest_color(channels, dtype):
    image = some_image(channels, dtype)
    result = quantize(image, 7, random_state=1)
    prepare = premultiplied if channels == 4 else np.float64
    pixels, palette = prepare(image).reshape(-1, channels), prepare(result.palette)
    squared = ((pixels[:, None] - palette[None]) ** 2).sum(axis=2)
    own = squared[np.arange(len(pixels)), result.indices.reshape(-1)]
    np.testing.assert_allclose(own, squared.min(axis=1), rtol=1e-5)


def test_invisible_pixels_share_one_entry_and_take_no_other():
    image = some_image(4)
    image[3:, :, 3] |= 128  # far from invisible
    image[:3, :, :3] = np.random.default_rng(0).integers(0, 256, (3, 40, 3))
    result = quantize(image, 6, random_state=0)
    assert result.palette[0].tolist() == [0, 0, 0, 0]
    assert (result.indices[:3] == 0).all()
    assert result.counts[0] == 3 * 40
    visible = quantize(image[3:], 5, random_state=0)
    np.testing.assert_array_equal(result.palette[1:], visible.palette)
    assert result.n_unique == visible.n_unique + 1


def test_one_color_for_visible_and_invisible_pixels():
    result = quantize(some_image(4), 1, random_state=0)
    assert result.palette.shape == (1, 4)
    assert (result.indices == 0).all()
    assert 0 < result.palette[0, 3] < 255


def test_an_image_that_cannot_be_seen():
    result = quantize(np.array([[[1, 2, 3, 0], [9, 9, 9, 0]]], dtype=np.uint8), 4)
    assert result.palette.tolist() == [[0, 0, 0, 0]]
    assert result.psnr == math.inf


def test_init_of_rgba_gives_way_to_the_transparent_entry():
    image = some_image(4)
    starts = np.array([[10, 10, 10, 255], [0, 0, 0, 3], [90, 90, 90, 255], [200, 90, 20, 255]])
    result = quantize(image, 4, init=starts, max_iter=30)
    direct = quantize(image[3:], 3, init=starts[[0, 2, 3]], max_iter=30)
    np.testing.assert_array_equal(result.palette[1:], direct.palette)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("n_colors", [3, 4, 100])
def test_few_colors_are_kept_without_loss(channels, n_colors, recwarn):
    own = np.arange(3 * channels, dtype=np.uint8).reshape(3, channels) + 100
    image = own[np.random.default_rng(0).integers(0, 3, (20, 10))]
    result = quantize(image, n_colors)
    np.testing.assert_array_equal(result.image, image)
    assert len(result.palette) == 3
    assert (result.mse, result.psnr, result.n_iter, result.inertia) == (0.0, math.inf, 0, 0.0)
    assert len(recwarn) == 0


def test_palette_goes_from_dark_to_light(photo):
    palette = quantize(photo, 12, random_state=0).palette.astype(float)
    luma = palette @ [0.299, 0.587, 0.114]
    assert (np.diff(luma) >= 0).all()


def test_colors_that_round_to_the_same_give_way_to_another():
    # of two clusters, (0, 0, 0) and the other three, whose mean is a third of (1, 1, 1)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.uint8) + 100
    image = np.repeat(corners, [25, 25, 30, 20], axis=0).reshape(10, 10, 3)
    result = quantize(image, 2, init=np.array([[100.0] * 3, [100.4] * 3]), max_iter=1)
    assert result.palette.tolist() == [[100, 100, 100], [100, 101, 100]]
    assert result.counts.tolist() == [70, 30]
    assert result.mse == pytest.approx((25 + 20) / 300)


def test_same_seed_same_result(photo):
    first, second = (quantize(photo, 16, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first.palette, second.palette)
    np.testing.assert_array_equal(first.indices, second.indices)
    assert first.mse == second.mse


def test_more_starts_are_no_worse(photo):
    one = quantize(photo, 8, random_state=0, n_init=1)
    many = quantize(photo, 8, random_state=0, n_init=4)
    assert many.inertia <= one.inertia


@pytest.mark.parametrize(
    ("n_colors", "dtype"), [(2, np.uint8), (256, np.uint8), (257, np.uint16), (1000, np.uint16)]
)
def test_indices_are_as_wide_as_the_palette_needs(n_colors, dtype):
    image = np.arange(3 * 2000, dtype=np.uint16).reshape(40, 50, 3)
    result = quantize(image, n_colors, random_state=0, max_iter=3)
    assert result.indices.dtype == dtype
    assert len(result.palette) == n_colors


@pytest.mark.smoke
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_of_any_library(xp, channels):
    image = some_image(channels)
    expected = quantize(image, 5, random_state=0)
    result = quantize(xp.asarray(image), 5, random_state=0)
    for array in (result.indices, result.palette, result.counts, result.image):
        assert xp.owns(array)
    assert result.mse == pytest.approx(expected.mse, rel=1e-3)
    assert tuple(result.image.shape) == image.shape
    painted = xp.to_host(result.image)
    palette = xp.to_host(result.palette)
    np.testing.assert_array_equal(painted, palette[xp.to_host(result.indices)])


def test_views_and_swapped_bytes():
    image = some_image(3, np.uint16)
    expected = quantize(image, 4, random_state=0)
    swapped = quantize(image.astype(">u2"), 4, random_state=0)
    np.testing.assert_array_equal(swapped.image, expected.image)
    flipped = quantize(image[:, ::-1, ::-1], 4, init=expected.palette[:, ::-1])
    assert flipped.mse == pytest.approx(expected.mse, rel=1e-2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_channel_of_an_image(dtype):
    image = some_image(3, dtype)
    expected = quantize(image[..., 1].copy(), 4, random_state=0)
    for view in (image[..., 1], image[..., 1:2], image[::-1, :, 1]):
        found = quantize(view, 4, random_state=0)
        assert found.image.shape == view.shape
        np.testing.assert_array_equal(found.palette, expected.palette)
    one_row = image[:1, ::-1, 0]
    model = ColorQuantizer(4, random_state=0).fit(image[..., 0])
    np.testing.assert_array_equal(model.predict(one_row), model.predict(one_row.copy()))


def test_sources(photo, tmp_path):
    expected = quantize(photo, 4, random_state=0)
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    with Image.open(path) as image, path.open("rb") as file:
        for source in (image, path, str(path), file):
            np.testing.assert_array_equal(quantize(source, 4, random_state=0).image, expected.image)
    assert list(quantize(path, 4).seconds) == ["read", "count", "cluster", "remap"]


@pytest.mark.parametrize(
    ("image", "error", "match"),
    [
        (np.zeros((4, 4)), TypeError, r"dtype float64.*astype"),
        (np.zeros((4, 4), bool), TypeError, "dtype bool"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, r"shape \(4, 4, 2\).*channels"),
        (np.zeros(4, np.uint8), ValueError, r"shape \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "no pixels"),
        (np.ma.masked_equal(np.eye(4, dtype=np.uint8), 1), ValueError, "masked pixels"),
        ([[1, 2], [3, 4]], TypeError, r"a list.*numpy.asarray"),
        (None, TypeError, "a NoneType"),
    ],
)
def test_what_is_no_image_is_refused(image, error, match):
    with pytest.raises(error, match=match):
        quantize(image, 2)


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"n_colors": 0}, ValueError, "n_colors must be at least 1, got 0"),
        ({"n_colors": 2.5}, TypeError, "n_colors must be a whole number"),
        ({"n_colors": True}, TypeError, "n_colors must be a whole number"),
        ({"init": np.zeros((3, 3))}, ValueError, r"init has shape \(3, 3\); wanted is \(2, 3\)"),
        ({"init": "best"}, ValueError, "init"),
        ({"max_iter": 0}, ValueError, "max_iter"),
        ({"device": "tpu"}, ValueError, "device must be"),
    ],
)
def test_wrong_parameters_are_refused(parameters, error, match):
    with pytest.raises(error, match=match):
        quantize(some_image(), **{"n_colors": 2} | parameters)


def test_png_keeps_the_color_profile(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = tmp_path / "in.png"
    Image.fromarray(some_image()).save(source, icc_profile=profile)
    quantize(source, 4).save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as file:
        assert file.info["icc_profile"] == profile


def test_save_overwrites_only_when_told(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    result = quantize(some_image(), 2)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        result.save(path)
    assert path.read_bytes() == b"old"
    result.save(path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_estimator_agrees_with_the_function(photo):
    result = quantize(photo, 6, random_state=0)
    model = ColorQuantizer(6, random_state=0)
    np.testing.assert_array_equal(model.fit_predict(photo), result.indices)
    np.testing.assert_array_equal(model.palette_, result.palette)
    np.testing.assert_array_equal(model.predict(photo), result.indices)
    np.testing.assert_array_equal(model.transform(photo), result.image)
    np.testing.assert_array_equal(clone(model).fit_transform(photo), result.image)
    np.testing.assert_array_equal(model.labels_, result.indices)
    np.testing.assert_array_equal(model.counts_, result.counts)
    assert (model.mse_, model.psnr_, model.inertia_, model.n_iter_, model.n_features_in_) == (
        result.mse, result.psnr, result.inertia, result.n_iter, 3,
    )  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_predict_is_exact_for_any_image(channels, dtype):
    model = ColorQuantizer(9, random_state=0).fit(some_image(channels, dtype))
    other = some_image(channels, dtype, shape=(17, 23), seed=5)
    indices = model.predict(other)
    points = coordinates(other.reshape(-1, channels)).astype(np.float64)
    palette = coordinates(model.palette_).astype(np.float64)
    squared = ((points[:, None] - palette[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(indices.reshape(-1), squared.argmin(axis=1))
    np.testing.assert_array_equal(
        model.transform(other), model.palette_[indices].reshape(other.shape)
    )


def test_estimator_refuses_other_images():
    model = ColorQuantizer(3, random_state=0)
    with pytest.raises(NotFittedError):
        model.predict(some_image())
    model.fit(some_image())
    with pytest.raises(ValueError, match=r"3 channel\(s\), uint8, and this one has 4, uint8"):
        model.predict(some_image(4))
    with pytest.raises(ValueError, match="uint16"):
        model.transform(some_image(3, np.uint16))


@pytest.mark.smoke
def test_estimator_on_a_device_pickles_to_the_host(xp):
    image = xp.asarray(some_image())
    model = ColorQuantizer(4, random_state=0).fit(image)
    assert xp.owns(model.predict(image))
    assert xp.owns(model.transform(image))
    loaded = pickle.loads(pickle.dumps(model))
    assert isinstance(loaded.palette_, np.ndarray)
    np.testing.assert_array_equal(loaded.predict(some_image()), xp.to_host(model.labels_))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_stored_inverts_coordinates(dtype):
    colors = some_image(4, dtype).reshape(-1, 4)
    visible = colors[colors[:, 3] > np.iinfo(dtype).max // 2]
    np.testing.assert_array_equal(stored(coordinates(visible), visible.dtype), visible)


@pytest.mark.parametrize(
    ("color", "dtype", "code"),
    [
        ([1, 171, 255], np.uint8, "#01abff"),
        ([1, 171, 255, 0], np.uint8, "#01abff00"),
        ([16], np.uint8, "#101010"),
        ([1, 2, 65535], np.uint16, "#00010002ffff"),
    ],
)
def test_hex_codes(color, dtype, code):
    assert hex_codes(np.array([color], dtype=dtype)) == [code]


@pytest.mark.parametrize("n_colors", [2, 16, 200])
def test_mse_of_bytes_is_exact(n_colors):
    rng = np.random.default_rng(n_colors)
    image = rng.normal(140, 50, (150, 170, 3)).clip(0, 255).astype(np.uint8)
    result = quantize(image, n_colors, random_state=0, max_iter=5)
    error = ((result.image.astype(np.int64) - image) ** 2).sum()
    assert result.mse == error / image.size


def test_a_first_picture_waits_for_no_tree(monkeypatch):
    """While nothing is compiled, plain steps stand in for the octree, from the start to the end."""
    from clusterx.kernels.kmeans import cpu
    from clusterx.kernels.kmeans.cpu import plain

    def tree(*_):
        raise AssertionError("a tree would be compiled")

    monkeypatch.setattr(cpu, "TreeStep", tree)
    monkeypatch.setattr(plain, "_stood_in", 0)
    monkeypatch.setattr(plain, "compiles_always", lambda: False)
    monkeypatch.setattr(plain, "has_code", lambda *_: False)
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    assert quantize(pixels, 16, random_state=0).palette.shape == (16, 3)

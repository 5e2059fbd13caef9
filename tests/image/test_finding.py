"""Palettes: methods, colours kept, order, weights of pixels, targets."""

import warnings

import numpy as np
import pytest
import sklearn.cluster
from sklearn.exceptions import ConvergenceWarning

from clusterx.image import ColorQuantizer, load, quantize
from clusterx.image.pixels import PEAK, coordinates
from clusterx.image.quality import compare
from tests.image.test_completing import assert_exactly
from tests.image.test_quantize import some_image


@pytest.fixture(scope="module")
def photo():
    return load("sample:flower.jpg").pixels[150:230, 100:200].copy()


def error_of(image, palette):
    points = image.reshape(-1, 1, 3).astype(np.float64)
    return ((points - palette.astype(np.float64)) ** 2).sum(axis=2).min(axis=1).sum()


@pytest.mark.parametrize("method", ["minibatch", "wu", "median-cut", "octree"])
@pytest.mark.parametrize("k", [5, 64])
def test_methods_give_palettes_near_those_of_kmeans(photo, method, k):
    best = quantize(photo, k, random_state=0)
    found = quantize(photo, k, method=method, random_state=0)
    assert len(found.palette) == k
    assert best.mse < found.mse < best.mse * (10 if method == "octree" else 3)
    assert (found.n_iter > 0) == (method == "minibatch")
    assert found.mse == pytest.approx(error_of(photo, found.palette) / photo.size)


def test_wu_cuts_where_the_error_falls_most():
    # three clumps; the first cut has to be between the two that are farthest apart
    clumps = np.repeat([[10, 0, 0], [14, 0, 0], [200, 9, 0]], [40, 40, 20], axis=0)
    image = clumps.reshape(10, 10, 3).astype(np.uint8)
    assert quantize(image, 2, method="wu").palette.tolist() == [[12, 0, 0], [200, 9, 0]]
    # the median, by contrast, halves the pixels
    assert quantize(image, 2, method="median-cut").palette.tolist() == [[10, 0, 0], [76, 3, 0]]


def test_octree_merges_the_lightest_leaves():
    colors = np.array([[0, 0, 0], [1, 0, 0], [200, 200, 200], [201, 200, 200], [255, 0, 0]])
    image = np.repeat(colors, [5, 5, 1, 1, 4], axis=0).reshape(4, 4, 3).astype(np.uint8)
    found = quantize(image, 4, method="octree")
    assert len(found.palette) == 4
    assert [0, 0, 0] in found.palette.tolist()  # the heavier pair stays apart
    assert [1, 0, 0] in found.palette.tolist()


@pytest.mark.parametrize("init", ["auto", "wu", "octree", "median-cut", "maximin", "k-means++"])
def test_starts_end_near_each_other(photo, init):
    found = quantize(photo, 8, init=init, random_state=0)
    assert found.mse < 1.5 * quantize(photo, 8, random_state=0).mse
    assert len(found.palette) == 8


def test_auto_is_as_good_as_the_best_of_many_starts():
    photo = load("sample:china.jpg").pixels[::2, ::2].copy()
    for k in (8, 16):
        best = min(quantize(photo, k, init="k-means++", random_state=i).mse for i in range(10))
        assert quantize(photo, k, random_state=0).mse <= 1.005 * best


@pytest.mark.parametrize("method", ["kmeans", "wu", "octree"])
@pytest.mark.parametrize("space", ["srgb", "lab"])
def test_kept_colors_are_in_the_palette(photo, method, space):
    keep = ["#ff00ff", "#ffffff", "#FFF"]
    found = quantize(photo, 8, method=method, space=space, keep=keep, random_state=0)
    palette = found.palette.tolist()
    assert len(palette) == 8
    assert palette.count([255, 0, 255]) == palette.count([255, 255, 255]) == 1
    assert found.counts[palette.index([255, 0, 255])] == 0
    assert found.counts.sum() == 80 * 100
    if space == "srgb":
        assert found.mse == pytest.approx(error_of(photo, found.palette) / photo.size)


def test_the_others_are_best_beside_the_kept():
    values = np.repeat([10, 12, 100, 102, 250], 20).astype(np.uint8).reshape(10, 10)
    found = quantize(values, 3, keep=[[101]])
    assert found.palette.tolist() == [[11], [101], [250]]
    assert found.inertia == 80
    # as rows, of which the number is one more than asked for
    with pytest.raises(ValueError, match="keep has 2 colours, and n_colors=1"):
        quantize(values, 1, keep=[[1], [2]])


def test_all_colors_kept(photo):
    keep = np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8)
    found = quantize(photo, 2, keep=keep)
    np.testing.assert_array_equal(found.palette, keep)
    few = quantize(photo[:1, :2], 8, keep=keep)
    assert len(few.palette) == 2 + len(np.unique(photo[0, :2], axis=0))
    assert few.mse == 0


def test_a_transparent_color_kept():
    image = some_image(4)
    found = quantize(image, 6, keep=["#0000"], random_state=0)
    assert found.palette.tolist().count([0, 0, 0, 0]) == 1
    assert len(found.palette) == 6


@pytest.mark.parametrize(
    ("keep", "channels", "match"),
    [
        (["#12"], 3, r"keep has '#12'; wanted are codes"),
        (["#0000"], 3, "no alpha channel"),
        (["#123"], 1, "no colours"),
        ([[1, 2]], 3, r"shape \(m, 3\).*shape \(1, 2\)"),
        ([[1, 2, 256]], 3, r"0\.\.255"),
        ([[0.5, 0, 0]], 3, "float64"),
    ],
)
def test_wrong_colors_to_keep(keep, channels, match):
    with pytest.raises(ValueError, match=match):
        quantize(some_image(channels), 4, keep=keep)


def test_hex_codes_of_sixteen_bits():
    found = quantize(some_image(3, np.uint16), 4, keep=["#ff8000"], random_state=0)
    assert [65535, 0x8080, 0] in found.palette.tolist()


def test_orders_hold_the_same_colors(photo):
    by = {order: quantize(photo, 12, order=order, random_state=0) for order in
          ("lightness", "hue", "popularity")}  # fmt: skip
    for found in by.values():
        np.testing.assert_array_equal(found.image, by["lightness"].image)
        np.testing.assert_array_equal(found.counts, np.bincount(found.indices.reshape(-1)))
    assert (np.diff(by["popularity"].counts) <= 0).all()


def test_hues_follow_greys():
    colors = [[0, 0, 255], [255, 0, 0], [250, 250, 250], [0, 255, 0], [9, 9, 9]]
    found = quantize(np.array([colors], dtype=np.uint8), 5, order="hue")
    assert found.palette.tolist() == [colors[i] for i in (4, 2, 1, 3, 0)]


@pytest.mark.smoke
def test_importance_is_the_weight_of_pixels(xp):
    image = np.array([[0, 10, 10, 90, 100]], dtype=np.uint8)
    importance = np.array([[3.0, 0.5, 0.5, 1.0, 1.0]])
    found = quantize(xp.asarray(image), 2, importance=xp.asarray(importance), random_state=0)
    assert xp.to_host(found.palette).tolist() == [[2], [95]]  # 10 / 4, to the even number
    assert found.inertia == pytest.approx(3 * 2.5**2 + 7.5**2 + 50)
    assert xp.to_host(found.counts).tolist() == [3, 2]
    assert found.mse == pytest.approx((2**2 + 2 * 8**2 + 2 * 5**2) / 5)


def test_pixels_of_no_importance_take_no_color():
    image = np.array([[0, 10, 200, 250]], dtype=np.uint8)
    found = quantize(image, 2, importance=[[1, 1, 0, 0]])
    assert found.palette.tolist() == [[0], [10]]
    assert found.counts.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("importance", "match"),
    [
        (np.ones((2, 2)), r"importance has shape \(2, 2\), and the image \(30, 40\)"),
        (np.full((30, 40), -1.0), "0 or more"),
        (np.zeros((30, 40)), "not all 0"),
    ],
)
def test_wrong_importance(importance, match):
    with pytest.raises(ValueError, match=match):
        quantize(some_image(), 4, importance=importance)


def test_rare_colors_are_protected():
    image = np.random.default_rng(0).integers(96, 128, (60, 60, 3)).astype(np.uint8)
    image[0, :3] = (165, 165, 165)
    plain = quantize(image, 2, random_state=0)
    found = quantize(image, 2, min_share=0.02, random_state=0)
    assert plain.counts.min() > 1000
    assert found.palette[1].tolist() == [165, 165, 165]
    assert found.counts.sum() == 60 * 60


def test_fewest_colors_that_reach_a_psnr(photo):
    found = quantize(photo, 64, min_psnr=30, random_state=0)
    k = len(found.palette)
    assert found.psnr >= 30 > quantize(photo, k - 1, random_state=0).psnr
    with pytest.warns(UserWarning, match=r"n_colors=4 reach a PSNR of .* dB, and min_psnr=60"):
        short = quantize(photo, 4, min_psnr=60, random_state=0)
    assert len(short.palette) == 4
    assert len(quantize(np.zeros((3, 3), np.uint8), 4, min_psnr=99).palette) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_fewest_colors_for_a_delta_e(channels):
    image = some_image(channels)
    found = quantize(image, 256, max_delta_e=4.0, random_state=0)
    k = len(found.palette)
    fewer = quantize(image, k - 1, random_state=0)
    assert compare(image, found.image).delta_e <= 4.0 < compare(image, fewer.image).delta_e
    both = quantize(image, 256, max_delta_e=4.0, min_psnr=30, random_state=0)
    assert both.psnr >= 30
    assert len(both.palette) >= k
    with pytest.warns(UserWarning, match=r"n_colors=2 reach a mean CIEDE2000 of .*max_delta_e=1"):
        quantize(image, 2, max_delta_e=1, random_state=0)


def made_images():
    """Gradients, noise, pixel art, a ramp of sixteen bits, sprites; small."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :64]
    yield np.stack([4 * x, 5 * y, x + y], axis=-1).astype(np.uint8)
    yield rng.integers(0, 256, (50, 60, 3)).astype(np.uint8)
    yield rng.integers(0, 256, (300, 3))[rng.integers(0, 300, (40, 50))].astype(np.uint8)
    ramp = np.linspace(0, 65000, 48 * 64).reshape(48, 64, 1) * [1.0, 0.7, 0.3]
    yield (ramp + rng.integers(0, 40, (48, 64, 3))).astype(np.uint16)
    sprites = rng.integers(0, 256, (45, 50, 4)).astype(np.uint8)
    sprites[:15, :, 3] = 0
    yield sprites


#: both sample photos, and the images made
IMAGES = {
    **{name: load(f"sample:{name}.jpg").pixels[::9, ::9].copy() for name in ("china", "flower")},
    **dict(zip(("gradients", "noise", "art", "ramp", "sprites"), made_images(), strict=True)),
}


@pytest.mark.parametrize("k", [2, 16, 256])
@pytest.mark.parametrize("name", IMAGES)
def test_objective_is_that_of_all_pixels(name, k):
    image = IMAGES[name]
    c = image.shape[2]
    shown = image.reshape(-1, c)
    shown = shown[shown[:, -1] > 0] if c == 4 else shown
    points, rng = coordinates(shown).astype(np.float64), np.random.default_rng(k)
    hidden = int(c == 4)
    starts = np.unique(shown, axis=0)
    starts = starts[rng.choice(len(starts), k - hidden, replace=False)]
    starts = starts + rng.uniform(0, 0.3, starts.shape)  # off whole numbers, where centres tie
    init = np.concatenate([np.zeros((hidden, c)), starts])
    starts = coordinates(starts.astype(np.float32), image.dtype)
    # means of few pixels of a gradient tie, which scikit-learn leaves to rounding
    most = 1 if (name, k) == ("gradients", 256) else 8
    peer = sklearn.cluster.KMeans(k - hidden, init=starts, n_init=1, max_iter=most, tol=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer.fit(points)
    found = quantize(image, k, init=init, max_iter=most, tol=0)
    assert found.inertia == pytest.approx(peer.inertia_, rel=1e-6)
    painted = found.image
    again = quantize(painted, k)
    np.testing.assert_array_equal(again.image, painted)
    assert (again.mse, len(again.palette)) == (0, len(np.unique(painted.reshape(-1, c), axis=0)))


@pytest.mark.parametrize("k", [16, 256])
def test_threads_change_no_bit(monkeypatch, k):
    photo = load("sample:china.jpg").pixels  # blocks enough for both threads
    found = []
    for n in ("1", "2"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", n)
        found.append(quantize(photo, k, random_state=0))
    np.testing.assert_array_equal(found[0].palette, found[1].palette)
    np.testing.assert_array_equal(found[0].indices, found[1].indices)
    assert found[0].inertia == found[1].inertia


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"method": "best"}, "method must be one of 'kmeans'"),
        ({"order": "size"}, "order must be one of"),
        ({"space": "hsv"}, "space must be one of"),
        ({"lightness": 2.0}, "lightness=2.0 needs a space"),
        ({"lightness": 0.0, "space": "lab"}, "lightness must be a number above 0"),
        ({"min_share": 1.5}, "min_share"),
        ({"min_psnr": -3}, "min_psnr"),
        ({"max_delta_e": 0}, "max_delta_e"),
        ({"keep": ["#fff"], "init": "random"}, "keep needs an init"),
        ({"keep": ["#fff"], "method": "minibatch"}, "'minibatch'"),
        ({"min_psnr": 30, "init": np.zeros((2, 3))}, "min_psnr and max_delta_e try several"),
    ],
)
def test_wrong_parameters_are_refused(parameters, match):
    with pytest.raises(ValueError, match=match):
        quantize(some_image(), **{"n_colors": 2} | parameters)


@pytest.mark.parametrize("method", ["kmeans", "median-cut"])
def test_more_colors_than_cells(method):
    image = np.random.default_rng(0).integers(0, 256, (90, 100, 3)).astype(np.uint8)
    found = quantize(image, 1500, method=method, random_state=0, max_iter=2)
    assert_exactly(found, 1500)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("space", "channels"), [("linear", 3), ("lab", 1), ("lab", 4), ("oklab", 3), ("oklab", 4)]
)
def test_the_objective_is_that_of_the_space(xp, space, channels):
    image = some_image(channels, np.uint8, shape=(12, 15))
    found = quantize(xp.asarray(image), 4, space=space, random_state=0)
    assert found.space == space
    points = space_points(image, space).astype(np.float64)
    palette = space_points(xp.to_host(found.palette)[:, None], space).astype(np.float64)
    squared = ((points[:, None] - palette[None]) ** 2).sum(axis=2)
    own = squared[np.arange(len(points)), xp.to_host(found.indices).reshape(-1)]
    np.testing.assert_allclose(own, squared.min(axis=1), rtol=1e-4, atol=1e-7)
    # the palette is rounded, the centres are not; faint pixels may be nearest to the invisible one
    assert own.sum() <= 1.02 * found.inertia
    assert channels == 4 or found.inertia == pytest.approx(own.sum(), rel=0.02)
    expected = quantize(image, 4, space=space, random_state=0)
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-3)


def space_points(image, space):
    """Independent of the package but for `convert`, which has tests of its own."""
    from clusterx.image.colorspace import convert

    values = image.reshape(-1, image.shape[-1]) / np.iinfo(image.dtype).max
    rgb = np.repeat(values, 3, axis=1) if values.shape[1] == 1 else values[:, :3]
    found = convert(rgb, "srgb", space)
    if values.shape[1] < 4:
        return found[:, : values.shape[1]]
    white = {"lab": 100.0}.get(space, 1.0)
    return np.concatenate([found * values[:, 3:], values[:, 3:] * white], axis=1)


def test_lightness_counts_for_more():
    # shades differ by as much as hues; which of them are told apart depends on the factor
    colors = np.array([[90, 90, 90], [150, 150, 150], [90, 110, 60], [150, 170, 120]])
    image = np.repeat(colors, 9, axis=0).reshape(6, 6, 3).astype(np.uint8)
    for factor, together in ((10.0, ({0, 2}, {1, 3})), (0.01, ({0, 1}, {2, 3}))):
        found = quantize(image, 2, space="oklab", lightness=factor, random_state=0)
        labels = found.indices.reshape(4, 9)[:, 0]
        sets = {frozenset(np.flatnonzero(labels == j).tolist()) for j in range(2)}
        assert sets == set(map(frozenset, together))


def test_estimator_predicts_in_its_space(photo):
    model = ColorQuantizer(6, space="oklab", lightness=2.0, random_state=0)
    labels = model.fit_predict(photo)
    np.testing.assert_array_equal(model.predict(photo), labels)
    with pytest.raises(ValueError, match="space must be"):
        ColorQuantizer(6, space="hsl").fit(photo)


@pytest.mark.parametrize("bits", [10, 16])
@pytest.mark.parametrize("space", ["srgb", "oklab"])
def test_deep_images(bits, space):
    rng = np.random.default_rng(bits)
    values = rng.normal([[[0.2, 0.5, 0.7]]], 0.1, (110, 100, 3)).clip(0, 1)
    image = (values * (2**bits - 1)).astype(np.uint16)
    found = quantize(image, 16, space=space, random_state=0)
    assert found.n_unique > 9000
    assert found.palette.dtype == np.uint16
    assert found.image.dtype == np.uint16
    assert found.psnr > (40 if bits == 10 else 23)
    np.testing.assert_array_equal(found.image, found.palette[found.indices])
    pixels = coordinates(image.reshape(-1, 3))
    assert found.mse == pytest.approx(
        ((pixels - found.image.reshape(-1, 3).astype(np.float64)) ** 2).mean(), rel=1e-6
    )
    assert PEAK["uint16"] == 65535

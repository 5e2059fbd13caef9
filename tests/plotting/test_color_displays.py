"""Palettes, and pixels in colour space."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from clusterx.image import ColorQuantizer, quantize
from clusterx.image.colorspace import convert
from clusterx.plotting import ColorSpaceDisplay, PaletteDisplay

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8)
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [255, 255, 255], [10, 200, 30]], dtype=np.uint8)
COUNTS = np.array([10, 60, 25, 5])


def faces(patches):
    return np.array([patch.get_facecolor() for patch in patches])


# -- palettes ------------------------------------------------------------------------------------


def test_swatches_and_strip(xp):
    display = PaletteDisplay.from_palette(xp.asarray(PALETTE), xp.asarray(COUNTS))
    np.testing.assert_allclose(faces(display.swatches_)[:, :3] * 255, PALETTE)
    np.testing.assert_allclose(faces(display.strip_)[:, :3] * 255, PALETTE)
    widths = np.array([patch.get_width() for patch in display.strip_])
    np.testing.assert_allclose(widths / widths.sum(), COUNTS / 100)
    lefts = [patch.get_x() for patch in display.strip_]
    np.testing.assert_allclose(lefts, np.cumsum(widths) - widths)
    texts = [t.get_text() for t in display.texts_]
    assert texts == ["#000000\n10%", "#ff0000\n60%", "#ffffff\n25%", "#0ac81e\n5.0%"]
    assert [t.get_color() for t in display.texts_] == ["white", "black", "black", "black"]


def test_most_frequent_first():
    display = PaletteDisplay.from_palette(PALETTE, COUNTS, sort="share")
    np.testing.assert_array_equal(display.order_, [1, 2, 0, 3])
    np.testing.assert_allclose(faces(display.swatches_)[:, :3] * 255, PALETTE[[1, 2, 0, 3]])
    assert display.texts_[0].get_text().startswith("#ff0000")


@pytest.mark.smoke
def test_palette_of_an_image(xp):
    result = quantize(xp.asarray(IMAGE), 6, random_state=0)
    display = PaletteDisplay.from_image(result, name="noise")
    palette = xp.to_host(result.palette)
    np.testing.assert_allclose(faces(display.swatches_)[:, :3] * 255, palette)
    assert display.ax_.get_title() == "noise: palette of 6 colours"
    quantizer = ColorQuantizer(6, random_state=0).fit(xp.asarray(IMAGE))
    same = PaletteDisplay.from_estimator(quantizer)
    np.testing.assert_array_equal(faces(same.swatches_), faces(display.swatches_))
    assert [t.get_text() for t in same.texts_] == [t.get_text() for t in display.texts_]


def test_without_counts():
    display = PaletteDisplay.from_palette(PALETTE)
    assert display.strip_ == []
    assert [t.get_text() for t in display.texts_] == ["#000000", "#ff0000", "#ffffff", "#0ac81e"]


@pytest.mark.parametrize(
    ("palette", "codes"),
    [
        (np.array([[7], [255]], dtype=np.uint8), ["#070707", "#ffffff"]),
        (np.array([[0, 65535, 32896]], dtype=np.uint16), ["#00ff80"]),
        (np.array([[0.0, 1.0, 0.5]]), ["#00ff80"]),
        (np.array([[255, 0, 0, 128]], dtype=np.uint8), ["#ff000080"]),
    ],
)
def test_kinds_of_colors(palette, codes):
    display = PaletteDisplay.from_palette(palette)
    assert [t.get_text() for t in display.texts_] == codes


def test_transparent_colors_lie_on_a_chequered_ground():
    plain = PaletteDisplay.from_palette(PALETTE)
    clear = np.column_stack([PALETTE, [0, 128, 255, 255]]).astype(np.uint8)
    display = PaletteDisplay.from_palette(clear)
    assert len(display.ax_.patches) == len(plain.ax_.patches) + 2 * 16
    assert display.swatches_[1].get_facecolor() == to_rgba((1, 0, 0, 128 / 255))
    assert display.texts_[0].get_color() == "black"  # on white, though its colour is black


def test_small_shares():
    display = PaletteDisplay.from_palette(PALETTE[:3], [99990, 3, 7])
    assert [t.get_text().split("\n")[1] for t in display.texts_] == ["100%", "<0.1%", "<0.1%"]


@pytest.mark.parametrize("k", [1, 2, 9, 64, 256, 1000])
def test_any_number_of_colors(k):
    palette = RNG.integers(0, 256, (k, 3), dtype=np.uint8)
    display = PaletteDisplay.from_palette(palette, np.arange(1, k + 1))
    assert len(display.swatches_) == len(display.strip_) == k
    corners = {(round(p.get_x(), 6), round(p.get_y(), 6)) for p in display.swatches_}
    assert len(corners) == k
    assert len(display.texts_) == (k if k <= 256 else 0)


def test_columns_can_be_chosen():
    display = PaletteDisplay(PALETTE).plot(n_columns=2)
    assert len({round(p.get_x(), 6) for p in display.swatches_}) == 2


@pytest.mark.parametrize(
    ("palette", "arguments", "message"),
    [
        (PALETTE.astype(int), {}, "must be uint8, uint16 or floats in 0..1; got int64, from 0"),
        (PALETTE.astype(float), {}, "got float64, from 0.0 to 255.0"),
        (np.full((1, 3), np.nan), {}, "must be uint8, uint16 or floats in 0..1"),
        (PALETTE[0], {}, r"must have shape \(k, c\)"),
        (PALETTE[:, :2], {}, r"must have shape \(k, c\)"),
        (PALETTE[:0], {}, r"must have shape \(k, c\)"),
        (PALETTE, {"counts": [1, 2]}, r"counts must have shape \(4,\), one per colour; got \(2,\)"),
        (PALETTE, {"counts": [0] * 4}, "counts must be numbers of pixels"),
        (PALETTE, {"counts": [1, 2, 3, -1]}, "counts must be numbers of pixels"),
        (PALETTE, {"sort": "size"}, "sort must be 'palette', 'share', 'lightness' or 'hue'"),
        (PALETTE, {"sort": "share"}, "sort='share' needs counts"),
        (PALETTE, {"n_columns": 0}, "n_columns must be at least 1"),
    ],
)
def test_wrong_palettes(palette, arguments, message):
    with pytest.raises(ValueError, match=message):
        PaletteDisplay.from_palette(palette, **arguments)


def test_wrong_sources_of_palettes():
    with pytest.raises(TypeError, match=r"image must be a QuantizedImage, .* got ndarray"):
        PaletteDisplay.from_image(IMAGE)
    from clusterx import KMeans

    model = KMeans(2, random_state=0).fit(IMAGE[0])
    with pytest.raises(TypeError, match="KMeans has no palette_"):
        PaletteDisplay.from_estimator(model)


# -- colour space --------------------------------------------------------------------------------


def test_pixels_are_points_in_their_colors(xp):
    display = ColorSpaceDisplay.from_image(xp.asarray(IMAGE), xp.asarray(PALETTE))
    assert len(display.axes_) == len(display.points_) == len(display.palette_) == 3
    pixels = IMAGE.reshape(-1, 3)
    for place, channels in ((0, [0, 1]), (1, [0, 2])):
        np.testing.assert_allclose(
            np.asarray(display.points_[place].get_offsets()), pixels[:, channels]
        )
        np.testing.assert_allclose(
            display.points_[place].get_facecolors()[:, :3] * 255, pixels, atol=1e-9
        )
        np.testing.assert_allclose(
            np.asarray(display.palette_[place].get_offsets()), PALETTE[:, channels]
        )
    np.testing.assert_allclose(np.transpose(display.points_[2]._offsets3d), pixels)
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in display.axes_]
    assert labels == [("Red", "Green"), ("Red", "Blue"), ("Red", "Green")]
    assert display.axes_[2].get_zlabel() == "Blue"
    title = display.figure_.get_suptitle()
    assert title == "1,200 pixels, 4 colours of the palette"


def test_sample_is_told(xp):
    display = ColorSpaceDisplay.from_image(xp.asarray(IMAGE), sample_size=100, views="rg")
    found = np.asarray(display.points_[0].get_offsets())
    assert found.shape == (100, 2)
    assert {tuple(p) for p in found.tolist()} <= {tuple(p) for p in IMAGE[..., :2].reshape(-1, 2)}
    assert display.ax_.get_title() == "100 of 1,200 pixels drawn"
    again = ColorSpaceDisplay.from_image(IMAGE, sample_size=100, views="rg")
    np.testing.assert_array_equal(np.asarray(again.points_[0].get_offsets()), found)


def test_palette_of_a_result_and_a_quantizer():
    result = quantize(IMAGE, 5, random_state=0)
    quantizer = ColorQuantizer(5, random_state=0).fit(IMAGE)
    first = ColorSpaceDisplay.from_image(IMAGE, result, views="rg")
    second = ColorSpaceDisplay.from_estimator(quantizer, IMAGE, views="rg")
    for display in (first, second):
        np.testing.assert_allclose(
            np.asarray(display.palette_[0].get_offsets()), result.palette[:, :2]
        )


@pytest.mark.parametrize("space", ["linear", "lab", "oklab"])
def test_the_space_of_a_result_is_drawn(space):
    result = quantize(IMAGE, 5, space=space, random_state=0)
    display = ColorSpaceDisplay.from_image(IMAGE, result)
    views = {"linear": (0, 1), "lab": (1, 2), "oklab": (1, 2)}
    expected = convert(result.palette / 255, "srgb", space)[:, views[space]]
    np.testing.assert_allclose(display.palette_[0].get_offsets(), expected)
    names = [display.axes_[2].get_xlabel(), display.axes_[2].get_zlabel()]
    assert (
        names
        == {
            "linear": ["Red, linear", "Blue, linear"],
            "lab": ["CIELAB a*", "CIELAB L*"],
            "oklab": ["Oklab a", "Oklab L"],
        }[space]
    )
    for ax, points in zip(display.axes_[:2], display.points_[:2], strict=True):
        found = np.asarray(points.get_offsets())
        for values, (low, high) in zip(found.T, (ax.get_xlim(), ax.get_ylim()), strict=True):
            assert low < values.min() <= values.max() < high
    other = ColorSpaceDisplay.from_image(IMAGE, result, space="srgb", views="rg")
    np.testing.assert_allclose(other.palette_[0].get_offsets(), result.palette[:, :2])
    with pytest.raises(ValueError, match="space must be one of"):
        ColorSpaceDisplay.from_image(IMAGE, space="hsv")


def test_swatches_by_lightness_and_hue():
    palette = np.array([[250, 250, 250], [0, 0, 255], [255, 0, 0], [20, 20, 20]], dtype=np.uint8)
    by_lightness = PaletteDisplay.from_palette(palette, sort="lightness")
    assert by_lightness.order_.tolist() == [3, 1, 2, 0]
    assert PaletteDisplay.from_palette(palette, sort="hue").order_.tolist() == [3, 0, 2, 1]


def test_sixteen_bits_keep_their_scale():
    image = RNG.integers(0, 65536, (10, 10, 3), dtype=np.uint16)
    display = ColorSpaceDisplay.from_image(image, views="gb")
    np.testing.assert_allclose(
        np.asarray(display.points_[0].get_offsets()), image.reshape(-1, 3)[:, 1:], rtol=1e-12
    )
    assert display.ax_.get_xlim()[1] > 65535


def test_grey_is_the_diagonal():
    display = ColorSpaceDisplay.from_image(IMAGE[..., 0], views="rg")
    found = np.asarray(display.points_[0].get_offsets())
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_invisible_pixels_are_not_drawn():
    image = np.dstack([IMAGE, np.full((40, 30), 255, np.uint8)])
    image[:4, :, 3] = 0
    display = ColorSpaceDisplay.from_image(image, views="rg")
    assert len(display.points_[0].get_offsets()) == 36 * 30
    assert "120 of them invisible" in display.ax_.get_title()
    image[..., 3] = 0
    with pytest.raises(ValueError, match="All of the pixels are invisible"):
        ColorSpaceDisplay.from_image(image)


def test_given_axes():
    figure = plt.figure()
    flat, deep = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="3d")
    display = ColorSpaceDisplay(PALETTE).plot([flat, deep], views=("rb", "3d"))
    assert display.axes_ == [flat, deep]
    with pytest.raises(ValueError, match="ax has 1 Axes for 3 views"):
        ColorSpaceDisplay(PALETTE).plot(flat)
    with pytest.raises(ValueError, match="'3d' needs Axes of three dimensions"):
        ColorSpaceDisplay(PALETTE).plot(flat, views="3d")
    with pytest.raises(ValueError, match="'rg' needs Axes of two dimensions"):
        ColorSpaceDisplay(PALETTE).plot(deep, views="rg")


def test_wrong_images():
    with pytest.raises(TypeError, match="image has dtype float64"):
        ColorSpaceDisplay.from_image(IMAGE / 255)
    with pytest.raises(ValueError, match="views must be among 'rg'"):
        ColorSpaceDisplay.from_image(IMAGE, views=("rgb",))
    with pytest.raises(ValueError, match="views must be among 'rg'"):
        ColorSpaceDisplay.from_image(IMAGE, views=())
    with pytest.raises(ValueError, match="sample_size must be at least 1"):
        ColorSpaceDisplay.from_image(IMAGE, sample_size=0)

"""How far results are from originals, against other implementations."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from clusterx.image import compare, quantize
from clusterx.image.quality import delta_e_2000

# colours of CIELAB, and their CIEDE2000 as coloraide 8.13 and Sharma's table have it
PAIRS = [
    ([50, 0, 0], [60, 3, -2], 10.456786),
    ([50, 2.6772, -79.7751], [50, 0, -82.7485], 2.04246),
    ([4.1, 36.74, 79.55], [14.87, 52.37, 84.84], 9.337144),
    ([1.65, -51.9, 76.93], [-0.86, -22.74, 116.14], 17.403085),
    ([91.28, 6.63, 24.07], [81.61, 6.54, 37.2], 8.541834),
    ([72.95, -12.37, -17.77], [78.52, -36.05, -31.0], 12.007853),
    ([54.36, -75.47, -58.38], [50.87, -98.87, -23.59], 15.987328),
    ([0.27, 23.55, -30.36], [-17.36, 24.59, -16.69], 12.442234),
    ([50, 2.5, 0], [73, 25, -18], 27.1492),
    ([50, -1, 2], [50, 0, 0], 2.3669),
    ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
]


def photo(seed=0, size=(30, 40), channels=3):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(0, 1, (*size, channels)), (3, 3, 0))
    return (128 + 400 * smooth).clip(0, 255).astype(np.uint8)


def noisy(image, seed=1):
    noise = np.random.default_rng(seed).normal(0, 9, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def test_delta_e_is_that_of_others():
    first, second, wanted = (np.array(part, float) for part in zip(*PAIRS, strict=True))
    np.testing.assert_allclose(delta_e_2000(first, second), wanted, atol=5e-5)
    np.testing.assert_allclose(delta_e_2000(second, first), wanted, atol=5e-5)
    assert (delta_e_2000(first, first) == 0).all()


def similarity(first, second):
    """SSIM as scikit-image's structural_similarity has it with gaussian_weights."""
    found = []
    for x, y in zip(np.moveaxis(first, 2, 0) * 1.0, np.moveaxis(second, 2, 0) * 1.0, strict=True):
        a, b, aa, bb, ab = (
            gaussian_filter(z, 1.5, truncate=3.5) for z in (x, y, x * x, y * y, x * y)
        )
        top = (2 * a * b + 6.5025) * (2 * (ab - a * b) + 58.5225)
        below = (a * a + b * b + 6.5025) * (aa - a * a + bb - b * b + 58.5225)
        found.append((top / below)[5:-5, 5:-5].mean())
    return np.mean(found)


def test_metrics_of_two_images():
    first = photo()
    second = noisy(first)
    found = compare(first, second)
    mse = ((first.astype(float) - second) ** 2).mean()
    assert found.mse == pytest.approx(mse)
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / mse))
    assert found.ssim == pytest.approx(similarity(first, second), rel=1e-9)
    assert 0 < found.delta_e < found.delta_e_95
    assert compare(first, first) == (0, math.inf, pytest.approx(1), 0, 0)


def test_kinds_of_images_side_by_side():
    grey = photo(channels=1)
    as_color = np.repeat(grey, 3, axis=2)
    assert compare(grey, as_color).mse == 0
    rgba = np.dstack([as_color, np.full(grey.shape, 255, np.uint8)])
    assert compare(grey[..., 0], rgba).ssim == pytest.approx(1)
    hidden = rgba.copy()
    hidden[..., 3] = 0
    assert compare(hidden, rgba).mse > 0
    hidden_too = hidden.copy()
    hidden_too[..., :3] = 9
    assert compare(hidden, hidden_too).mse == 0
    deep = compare(257 * grey.astype(np.uint16), 257 * noisy(grey).astype(np.uint16))
    shallow = compare(grey, noisy(grey))
    np.testing.assert_allclose(deep[1:], shallow[1:], rtol=1e-4)


def test_results_of_quantize():
    image = photo()
    result = quantize(image, 8, random_state=0)
    assert compare(image, result).mse == pytest.approx(result.mse)


@pytest.mark.parametrize("size", [(1, 1), (1, 20), (4, 9)])
def test_small_images(size):
    image = photo(size=size)
    assert compare(image, image).ssim == pytest.approx(1)
    assert compare(image, 255 - image).ssim < 1


@pytest.mark.smoke
def test_on_a_device(xp):
    first = photo(size=(12, 14))
    wanted = compare(first, noisy(first))
    found = compare(xp.asarray(first), xp.asarray(noisy(first)))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_images_that_do_not_fit():
    with pytest.raises(ValueError, match="40 x 30 and 30 x 40 pixels"):
        compare(photo(), photo(size=(40, 30)))
    with pytest.raises(ValueError, match="uint8 and uint16"):
        compare(photo(), photo().astype(np.uint16))

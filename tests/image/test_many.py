"""A palette that several images share."""

import numpy as np
import pytest

from clusterx.image import quantize, quantize_many
from tests.image.test_quantize import some_image


@pytest.mark.smoke
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_palette_is_that_of_one_image_with_all_pixels(xp, channels):
    images = [some_image(channels, shape=(30, 40), seed=i) // (i + 1) for i in range(3)]
    together = quantize(np.concatenate(images), 6, random_state=0)
    found = quantize_many([xp.asarray(image) for image in images], 6, random_state=0)
    for image, own in zip(images, found, strict=True):
        palette, indices = xp.to_host(own.palette), xp.to_host(own.indices)
        assert xp.owns(own.indices)
        assert own.inertia == pytest.approx(together.inertia, rel=1e-3)
        assert indices.shape == image.shape[:2]
        np.testing.assert_array_equal(
            xp.to_host(own.counts), np.bincount(indices.reshape(-1), minlength=len(palette))
        )
        np.testing.assert_array_equal(palette, xp.to_host(found[0].palette))
    mean = np.mean([own.mse for own in found])
    assert mean == pytest.approx(together.mse, rel=1e-2)
    if channels == 3:
        alone = found[1].image
        error = (xp.to_host(alone).astype(np.float64) - images[1]) ** 2
        assert found[1].mse == pytest.approx(error.mean())


def test_images_of_any_size_and_one_alone():
    small, large = some_image(3, shape=(2, 3)), some_image(3, shape=(50, 20), seed=4)
    first, second = quantize_many(iter([small, large]), 4, random_state=0)
    assert first.image.shape == small.shape
    assert second.image.shape == large.shape
    (alone,) = quantize_many([large], 4, random_state=0)
    np.testing.assert_array_equal(alone.image, quantize(large, 4, random_state=0).image)


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="images is empty"):
        quantize_many([], 4)
    with pytest.raises(ValueError, match=r"Image 1 has 4 channel\(s\), uint8"):
        quantize_many([some_image(3), some_image(4)], 4)
    with pytest.raises(TypeError, match="colours"):
        quantize_many([some_image(3)], colours=4)

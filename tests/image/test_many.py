"""A palette that several images share."""

import numpy as np
import pytest
from sklearn.base import clone

from clusterx.image import ColorQuantizer, quantize, quantize_many
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


def test_importance_of_several_is_the_weight_of_their_pixels():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in ((9, 12), (5, 12))]
    importance = [rng.integers(0, 3, image.shape[:2]) for image in images]
    found = quantize_many(images, 6, importance=importance, random_state=0)
    together = np.concatenate(importance)
    whole = quantize(np.concatenate(images), 6, importance=together, random_state=0)
    np.testing.assert_array_equal(found[0].palette, whole.palette)
    assert found[0].inertia == pytest.approx(whole.inertia)
    with pytest.raises(ValueError, match="importance has 1 arrays, and there are 2 images"):
        quantize_many(images, 6, importance=importance[:1])
    with pytest.raises(ValueError, match=r"shape \(5, 12\), and the image \(9, 12\)"):
        quantize_many(images, 6, importance=importance[::-1])


def test_an_estimator_of_several_images():
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in ((9, 12), (5, 7))]
    importance = [rng.random(image.shape[:2]) for image in images]
    results = quantize_many(images, 4, importance=importance, random_state=0)
    model = ColorQuantizer(4, random_state=0).fit(images, importance=importance)
    np.testing.assert_array_equal(model.palette_, results[0].palette)
    np.testing.assert_array_equal(model.counts_, results[0].counts + results[1].counts)
    errors = [((r.image.astype(int) - i) ** 2).sum() for r, i in zip(results, images, strict=True)]
    assert model.mse_ == pytest.approx(sum(errors) / sum(image.size for image in images))
    painted = clone(model).fit_transform(images, importance=importance)
    for result, image, own, labels in zip(results, images, painted, model.labels_, strict=True):
        np.testing.assert_array_equal(own, result.image)
        np.testing.assert_array_equal(labels, result.indices)
        np.testing.assert_array_equal(model.predict(image), result.indices)
    alone = ColorQuantizer(4, random_state=0).fit(images[0], importance=importance[0])
    wanted = quantize(images[0], 4, importance=importance[0], random_state=0)
    np.testing.assert_array_equal(alone.palette_, wanted.palette)

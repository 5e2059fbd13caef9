"""TIFFs that are quantised a tile or a strip at a time."""

import numpy as np
import pytest
from PIL import Image

from clusterx.image import UnreadableImageError, UnwritableError, large_tiff, quantize
from clusterx.image.large_tiff import quantize_tiff

tifffile = pytest.importorskip("tifffile")


def picture(channels):
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 70)[None, :, None]
    image = (ramp + rng.integers(0, 50, (45, 70, channels))).astype(np.uint8)
    return image if channels == 3 else image[..., 0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [{"tile": (16, 32)}, {"rowsperstrip": 7}, {}])
def test_the_result_is_that_of_the_whole(tmp_path, monkeypatch, channels, layout):
    image = picture(channels)
    tifffile.imwrite(tmp_path / "in.tif", image, compression="zlib", bigtiff=True, **layout)
    monkeypatch.setattr(large_tiff, "_GATHERED", 900)
    monkeypatch.setattr(large_tiff, "_TILE", 32)
    found = quantize_tiff(tmp_path / "in.tif", tmp_path / "out.tif", 9, random_state=0)
    whole = quantize(image, 9, random_state=0)
    assert found.mse == pytest.approx(whole.mse)
    np.testing.assert_array_equal(found.counts, whole.counts)
    with Image.open(tmp_path / "out.tif") as file:
        assert file.mode == "P"
        shown = np.asarray(file.convert("RGB"))
    np.testing.assert_array_equal(shown if channels == 3 else shown[..., 0], whole.image)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_what_is_refused(tmp_path):
    good, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(good, picture(3), tile=(16, 16))
    with pytest.raises(FileNotFoundError, match="no such file"):
        quantize_tiff(tmp_path / "no.tif", out)
    (tmp_path / "text.tif").write_text("hello")
    with pytest.raises(UnreadableImageError, match="not a TIFF"):
        quantize_tiff(tmp_path / "text.tif", out)
    tifffile.imwrite(tmp_path / "deep.tif", picture(3).astype(np.uint16))
    with pytest.raises(UnreadableImageError, match="uint16"):
        quantize_tiff(tmp_path / "deep.tif", out)
    (tmp_path / "cut.tif").write_bytes(good.read_bytes()[:-900])
    with pytest.raises(UnreadableImageError, match=r"cut\.tif"):
        quantize_tiff(tmp_path / "cut.tif", out)
    with pytest.raises(UnwritableError, match="cannot be written"):
        quantize_tiff(good, tmp_path / "no" / "out.tif")
    with pytest.raises(ValueError, match="256 colours at most"):
        quantize_tiff(good, out, 300)
    out.write_text("old")
    with pytest.raises(FileExistsError):
        quantize_tiff(good, out)
    assert out.read_text() == "old"

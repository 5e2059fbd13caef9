"""The pictures at the top of README, made of a photo that comes with scikit-learn.

    python docs/before_after.py

A photo; the same in 16 colours; and these dithered.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from clusterx.image import load, quantize

FOLDER = Path(__file__).parent / "images"


def main() -> None:
    photo = load("sample:china.jpg").pixels[:, 60:400]
    plain = quantize(photo, 16, random_state=0).image
    dithered = quantize(photo, 16, dither="floyd-steinberg", random_state=0).image
    gap = np.full((photo.shape[0], 8, 3), 255, np.uint8)
    row = np.concatenate([photo, gap, plain, gap, dithered], axis=1)
    Image.fromarray(row).save(FOLDER / "china-16.jpg", quality=86, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()

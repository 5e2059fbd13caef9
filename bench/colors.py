"""The error of palettes beside other quantisers', on photos and crops of them.

    python -m bench.colors [--only NAME] [--starts 20] [--out bench/results/colors.json]

Every palette is judged by exact nearest colours, whatever its library maps pixels to. Rows in which
the defaults have a larger mean squared error than a peer, or one more than 0.5% above the best of
many k-means++ starts, are losses, and kept.
"""

from __future__ import annotations

import argparse
import json
import platform
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from clusterx.image import load, quantize

SIZES = (8, 16, 64, 256)
#: corners of the crops, and their side
CROPS, SIDE = ((0, 0), (0, 440), (227, 0), (227, 440), (113, 220)), 200
#: how far the best of many starts may be below the defaults
MARGIN = 1.005
PACKAGES = ("pillow", "imagequant", "pylette", "scikit-learn", "numpy")


def images() -> Iterator[tuple[str, np.ndarray]]:
    """Both sample photos of scikit-learn, and five crops of each."""
    for name in ("china", "flower"):
        photo = load(f"sample:{name}.jpg").pixels
        yield name, photo
        for i, (y, x) in enumerate(CROPS):
            yield f"{name} crop {i}", photo[y : y + SIDE, x : x + SIDE].copy()


def mse(image: np.ndarray, palette: np.ndarray) -> float:
    """Mean squared error per channel of the nearest colours."""
    colors, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    palette, total = palette.astype(np.float64), 0.0
    for a in range(0, len(colors), 1 << 14):
        part = colors[a : a + (1 << 14)].astype(np.float64)
        squared = (part**2).sum(axis=1)[:, None] - 2 * part @ palette.T + (palette**2).sum(axis=1)
        total += counts[a : a + (1 << 14)] @ squared.min(axis=1)
    return total / image.size


def pillow(method: str, kmeans: int) -> Callable[[np.ndarray, int], np.ndarray]:
    from PIL import Image

    def palette(image: np.ndarray, k: int) -> np.ndarray:
        kind = getattr(Image.Quantize, method)
        found = Image.fromarray(image).quantize(k, kind, kmeans, dither=Image.Dither.NONE)
        return np.array(found.getpalette(), np.uint8).reshape(-1, 3)[:k]

    return palette


def imagequant(image: np.ndarray, k: int) -> np.ndarray:
    import imagequant as library
    from PIL import Image

    found = library.quantize_pil_image(Image.fromarray(image).convert("RGBA"), 0.0, k)
    return np.array(found.convert("RGB").getcolors(1 << 20), dtype=object)[:, 1]


def pylette(image: np.ndarray, k: int) -> np.ndarray:
    from PIL import Image
    from pylette import extract_colors

    found = extract_colors(Image.fromarray(image), palette_size=k, resize=False)
    return np.array([color.rgb for color in found])


def sklearn(image: np.ndarray, k: int) -> np.ndarray:
    """KMeans on the unique colours by their counts: its objective on all pixels, in less time."""
    from sklearn.cluster import KMeans

    colors, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    model = KMeans(k, n_init=1, random_state=0).fit(colors.astype(np.float64), None, counts)
    return np.rint(model.cluster_centers_)


def ours(image: np.ndarray, k: int) -> np.ndarray:
    return quantize(image, k, random_state=0).palette


def best_of(starts: int) -> Callable[[np.ndarray, int], np.ndarray]:
    def palette(image: np.ndarray, k: int) -> np.ndarray:
        found = (quantize(image, k, init="k-means++", random_state=i) for i in range(starts))
        return min(found, key=lambda one: one.mse).palette

    return palette


def quantizers(starts: int) -> dict[str, Callable[[np.ndarray, int], np.ndarray]]:
    return {
        "clusterx": ours,
        f"best of {starts} starts": best_of(starts),
        "Pillow median cut": pillow("MEDIANCUT", 0),
        "Pillow median cut, kmeans=1": pillow("MEDIANCUT", 1),
        "Pillow octree": pillow("FASTOCTREE", 0),
        "Pillow octree, kmeans=1": pillow("FASTOCTREE", 1),
        "imagequant": imagequant,
        "pylette": pylette,
        "scikit-learn": sklearn,
    }


def measured(only: str, starts: int) -> Iterator[dict[str, Any]]:
    for name, image in images():
        if only not in name:
            continue
        for k in SIZES:
            errors: dict[str, float] = {}
            for library, palette in quantizers(starts).items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = np.stack([np.asarray(c, np.float64) for c in palette(image, k)])
                errors[library] = round(mse(image, found[:, :3]), 4)
            row = {"image": name, "colours": k, "mse": errors, "losses": losses(errors)}
            print(f"{name:16} {k:4}", *(f"{e:10.3f}" for e in errors.values()), *row["losses"])
            yield row


def losses(errors: dict[str, float]) -> list[str]:
    """The peers with a smaller error, and the best of many starts if it is much smaller."""
    (_, own), (many, best), *others = errors.items()
    found = [many] if own > MARGIN * best else []
    return found + [name for name, error in others if error < own]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="Images whose names contain this.")
    parser.add_argument("--starts", type=int, default=20, help="k-means++ starts to compare with.")
    parser.add_argument("--out", default="bench/results/colors.json", help="Where to write.")
    options = parser.parse_args()
    rows = list(measured(options.only, options.starts))
    lost = sum(bool(row["losses"]) for row in rows)
    found = {
        "versions": {name: version(name) for name in PACKAGES},
        "machine": platform.processor() or platform.machine(),
        "measure": "mean squared error per channel, exact nearest colours, no dithering",
        "rows_with_losses": lost,
        "rows": rows,
    }
    Path(options.out).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(f"{lost} of {len(rows)} rows with losses, written to {options.out}")


if __name__ == "__main__":
    main()

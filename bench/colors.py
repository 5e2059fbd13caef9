"""The error of images in few colours beside other quantisers', on photos and crops of them.

    python -m bench.colors [--only NAME] [--starts 20] [--out bench/results/colors.json]

Without dithering, every palette is judged by exact nearest colours, whatever its library maps
pixels to. Dithered images are those of the library's own Floyd-Steinberg dithering, at full
strength (clusterx: by default); those that have none lend their palette to Pillow's. Rows in which
the defaults have a larger mean squared error than a peer, or one more than 0.5% above the best of
many k-means++ starts without dithering, are losses, and kept. docs/colors.md is their table.
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

from clusterx.image import compare, load, quantize, remap
from clusterx.image.colorspace import convert

SIZES = (8, 16, 64, 256)
#: corners of the crops, and their side
CROPS, SIDE = ((0, 0), (0, 440), (227, 0), (227, 440), (113, 220)), 200
#: how far the best of many starts may be below the defaults
MARGIN = 1.005
#: pixels of the blur with which dithered images are compared
BLUR = 2.0
MEASURES = {
    "mse": "MSE, ratio",
    "ssim": "SSIM",
    "delta_e": "mean CIEDE2000",
    "blurred": "MSE of blurred light",
}
FULL = "clusterx, full strength in linear light"
RESULTS, FILES = Path("bench/results"), ("colors.json", "color_speed.json")
PACKAGES = ("pillow", "imagequant", "pylette", "scikit-learn", "numpy")


def images() -> Iterator[tuple[str, np.ndarray]]:
    """Both sample photos of scikit-learn, and five crops of each."""
    for name in ("china", "flower"):
        photo = load(f"sample:{name}.jpg").pixels
        yield name, photo
        for i, (y, x) in enumerate(CROPS):
            yield f"{name} crop {i}", photo[y : y + SIDE, x : x + SIDE].copy()


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


def dithered(image: np.ndarray, palettes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each library's image with Floyd-Steinberg dithering."""
    import imagequant as library
    from PIL import Image

    pil, found = Image.fromarray(image), {}
    for name, palette in palettes.items():
        if name == "clusterx":
            dither = "floyd-steinberg"
            found[name] = quantize(image, len(palette), dither=dither, random_state=0).image
        elif name == FULL:
            found[name] = remap(image, palettes["clusterx"], dither="floyd-steinberg").image
        elif name == "imagequant":
            own = library.quantize_pil_image(pil.convert("RGBA"), 1.0, len(palette))
            found[name] = np.asarray(own.convert("RGB"))
        else:
            frame = Image.new("P", (1, 1))
            frame.putpalette(palette.tobytes())
            own = pil.quantize(palette=frame, dither=Image.Dither.FLOYDSTEINBERG)
            found[name] = np.asarray(own.convert("RGB"))
    return found


def blurred_error(image: np.ndarray, shown: np.ndarray) -> float:
    """Mean squared error of light that has been blurred, as from afar, of 255."""
    from scipy.ndimage import gaussian_filter

    light = (convert(one / 255.0, "srgb", "linear") for one in (image, shown))
    first, second = (gaussian_filter(one, (BLUR, BLUR, 0)) for one in light)
    return float(255**2 * ((first - second) ** 2).mean())


def errors_of(image: np.ndarray, shown: np.ndarray, *, blurred: bool) -> dict[str, float]:
    found = compare(image, shown)
    errors = {"mse": found.mse, "ssim": found.ssim, "delta_e": found.delta_e}
    if blurred:
        errors["blurred"] = blurred_error(image, shown)
    return {name: round(value, 4) for name, value in errors.items()}


def measured(only: str, starts: int) -> Iterator[dict[str, Any]]:
    for name, image in images():
        if only not in name:
            continue
        for k in SIZES:
            palettes: dict[str, np.ndarray] = {}
            for library, palette in quantizers(starts).items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = np.stack([np.asarray(c, np.float64) for c in palette(image, k)])
                palettes[library] = np.rint(found[:, :3]).astype(np.uint8)
            plain = {
                library: errors_of(image, remap(image, own).image, blurred=False)
                for library, own in palettes.items()
            }
            del palettes[f"best of {starts} starts"]
            palettes[FULL] = palettes["clusterx"]
            with_error = {
                library: errors_of(image, shown, blurred=True)
                for library, shown in dithered(image, palettes).items()
            }
            row = {
                "image": name, "colours": k, "plain": plain, "dithered": with_error,
                "losses": losses(plain), "dithered_losses": losses(with_error),
            }  # fmt: skip
            print(f"{name:16} {k:4}", *(f"{e['mse']:9.3f}" for e in plain.values()), *row["losses"])
            yield row


def losses(errors: dict[str, dict[str, float]]) -> list[str]:
    """The peers with a smaller error, and the best of many starts if it is much smaller."""
    own, found = errors["clusterx"]["mse"], []
    for name, other in errors.items():
        factor = MARGIN if name.startswith("best of") else 1.0
        if own > factor * other["mse"] and not name.startswith("clusterx"):
            found.append(name)
    return found


def table(rows: list[dict[str, Any]], kind: str) -> Iterator[str]:
    """Lines of Markdown: means over the images for each number of colours and library."""
    names = list(rows[0][kind])
    measures = list(rows[0][kind][names[0]])
    yield f"| colours | library | {' | '.join(MEASURES[m] for m in measures)} | lost |"
    yield "|---" * (3 + len(measures)) + "|"
    missed = "losses" if kind == "plain" else "dithered_losses"
    for k in SIZES:
        own = [row for row in rows if row["colours"] == k]
        for name in names:
            means = {m: np.mean([row[kind][name][m] for row in own]) for m in measures}
            ratio = np.mean([row[kind][name]["mse"] / row[kind]["clusterx"]["mse"] for row in own])
            lost = sum(name in row[missed] for row in own)
            cells = [f"{ratio:.3f}", *(f"{means[m]:.3f}" for m in measures[1:])]
            yield f"| {k} | {name} | {' | '.join(cells)} | {lost or ''} |"


def speed_table(speed: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown: what `bench.color_speed` measured."""
    yield f"| {speed['megapixels']} megapixels, 256 colours | clusterx | other | ratio |"
    yield "|---|---|---|---|"
    for row in speed["rows"]:
        if "times" in row:
            own, peer = row["times"]
            first, second = (1000 * row["times"][name]["wall_s"] for name in (own, peer))
            ratio = f"{second / first:.2f}x"
            yield f"| {row['row']} | {first:.0f} ms | {peer}, {second:.0f} ms | {ratio} |"
    yield ""
    for row in speed["rows"]:
        if "faster" in row:
            one, two = row["wall_s"].values()
            yield f"A {row['row']} of 2 megapixels, by `clusterx quantize`: {one} s on one core and"
            note = f" ({row['note']})" if "note" in row else ""
            yield f"{two} s on two, {row['faster']:.2f} times as fast{note}."


def document(rows: list[dict[str, Any]], speed: dict[str, Any]) -> str:
    """docs/colors.md."""
    lines = [
        "# Images in few colours",
        "",
        "Both sample photos of scikit-learn and five crops of 200 x 200 pixels of each, made by",
        "`python -m bench.colors`; every row is in `bench/results/colors.json`. MSE is the mean of",
        "the ratios to that of clusterx with its defaults, other columns are means over the twelve",
        "images; *lost* counts the images in which clusterx's MSE is larger (than by 0.5%, of the",
        "best of its own starts).",
        "",
        "## Without dithering",
        "",
        *table(rows, "plain"),
        "",
        _losses(rows, "plain", "losses"),
        "",
        "## With Floyd-Steinberg dithering",
        "",
        "Dithering trades the error of a pixel for that of the mean over some pixels, which the",
        "last measure shows: the MSE of linear light (of 255) blurred with a Gaussian of two",
        "pixels. clusterx dithers at half strength by default, the others at full strength.",
        "scikit-learn and Pylette dither nothing: their palettes are dithered by Pillow.",
        "",
        *table(rows, "dithered"),
        "",
        _losses(rows, "dithered", "dithered_losses"),
        "",
        "## Speed",
        "",
        "Least wall times of runs that take turns, without decoding and encoding, by",
        f"`python -m bench.color_speed` on {speed['cores']} cores, of which Pillow uses one.",
        "Pillow finds a near colour; clusterx finds the nearest, and adds up pixels and error.",
        "The ratio is the other library's time over clusterx's.",
        "",
        *speed_table(speed),
        "",
    ]
    return "\n".join(lines)


def _losses(rows: list[dict[str, Any]], kind: str, missed: str) -> str:
    told = []
    for row in rows:
        own = row[kind]["clusterx"]["mse"]
        for name in row[missed]:
            where = f"{row['image']} at {row['colours']} colours"
            told.append(f"{where}, {100 * (own / row[kind][name]['mse'] - 1):.2f}% above {name}")
            if kind == "dithered":
                told[-1] += " (" + _added(row, name) + ")"
    return f"Losses: {'; '.join(told) or 'none'}."


def _added(row: dict[str, Any], name: str) -> str:
    """What dithering adds to the errors of a peer and of clusterx, and what it is for."""
    plain, dithered = row["plain"], row["dithered"]
    more = [
        f"{100 * (dithered[library]['mse'] / plain[library]['mse'] - 1):.1f}%"
        for library in (name, "clusterx")
    ]
    blurred = [f"{dithered[library]['blurred']:.3f}" for library in (name, "clusterx")]
    return (
        f"dithering adds {more[0]} to its error and {more[1]} to clusterx's, and leaves "
        f"{blurred[0]} and {blurred[1]} of blurred light"
    )


def write_document() -> None:
    """Write docs/colors.md from the results of `bench.colors` and `bench.color_speed`."""
    errors, speed = (json.loads((RESULTS / name).read_text()) for name in FILES)
    Path("docs/colors.md").write_text(document(errors["rows"], speed))


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
        "rows_with_losses": lost,
        "dithered_rows_with_losses": sum(bool(row["dithered_losses"]) for row in rows),
        "rows": rows,
    }
    Path(options.out).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if not options.only:
        write_document()
    print(f"{lost} of {len(rows)} rows with losses, written to {options.out}")


if __name__ == "__main__":
    main()

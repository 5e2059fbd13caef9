"""quantize, remap, palette and compare: many files, dithering, and what may go wrong."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from clusterx.cli import ExitCode
from clusterx.cli.pictures import ColorSpace, Method, _in_order
from clusterx.cli.quantize import Finder, Order
from clusterx.image import Dither, compare, quantize, quantize_animation, read_palette, remap
from clusterx.image.colorspace import SPACES
from clusterx.image.dithering import METHODS as DITHERS
from clusterx.image.settings import METHODS, ORDERS
from clusterx.kernels.cpu import threads
from tests.image.made_files import swapped_profile

CHINA = "sample:china.jpg"


def photo(seed=0, size=(24, 32), channels=3):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 200, size[1])[None, :, None]
    return (ramp + rng.integers(0, 56, (*size, channels))).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "photos"
    path.mkdir()
    for name in ("a.png", "b.jpg", "c.webp"):
        Image.fromarray(photo(len(name))).save(path / name)
    (path / "notes.txt").write_text("not an image")
    return path


def fails(result, code, message):
    assert result.exit_code == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_folders_and_patterns(run, folder, jobs):
    result = run("quantize", "photos", "-k", 4, "-o", "out", "-j", jobs, "--json")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["input"] for line in lines] == [
        f"photos/{n}" for n in ("a.png", "b.jpg", "c.webp")
    ]
    assert sorted(os.listdir("out")) == ["a.png", "b.png", "c.png"]
    result = run("quantize", "photos/*.jpg", "-k", 4, "-o", "one", "-q")
    assert (result.exit_code, os.listdir("one")) == (0, ["b.png"])


def test_jobs_do_not_change_the_files(run, folder):
    for jobs in (1, 3):
        assert run("quantize", folder, "-k", 5, "-o", f"out{jobs}", "-j", jobs, "-q").exit_code == 0
    for name in os.listdir("out1"):
        with open(f"out1/{name}", "rb") as one, open(f"out3/{name}", "rb") as three:
            assert one.read() == three.read()


@pytest.mark.parametrize(("jobs", "share"), [(0, 2), (1, 8), (3, 2), (4, 2), (20, 2)])
def test_jobs_share_the_cores(monkeypatch, jobs, share):
    monkeypatch.setattr(threads, "_cores", lambda: 8)
    found = _in_order(lambda *_: threads.thread_count(), [("a", "b")] * 4, jobs)
    assert [n for _, n in found] == [share] * 4
    assert threads.thread_count() == 8


def test_a_wrong_number_of_threads(run, folder, monkeypatch):
    monkeypatch.setenv("CLUSTERX_NUM_THREADS", "x")
    fails(run("quantize", folder, "-o", "out"), ExitCode.USAGE, "CLUSTERX_NUM_THREADS must be")


def test_a_broken_file_does_not_stop_the_rest(run, folder):
    (folder / "aa.png").write_bytes((folder / "a.png").read_bytes()[:300])
    result = run("quantize", folder, "-k", 4, "-o", "out", "-j", 2, "-q")
    fails(result, ExitCode.UNREADABLE, "aa.png: the image is truncated")
    assert sorted(os.listdir("out")) == ["a.png", "b.png", "c.png"]


def test_nothing_to_work_on(run, tmp_path):
    (tmp_path / "empty").mkdir()
    fails(run("quantize", "empty", "-o", "out"), ExitCode.UNREADABLE, "the folder has no images")
    fails(run("quantize", "*.tif", "-o", "out"), ExitCode.MISSING, "no file matches the pattern")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", ["floyd-steinberg", "blue-noise"])
def test_dithering(run, method):
    Image.fromarray(photo()).save("a.png")
    options = ["--dither", method, "--strength", 0.9, "--serpentine", "--dither-space", "oklab"]
    result = run("quantize", "a.png", "-k", 4, "-o", "out.png", "--json", *options)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert "dither" in told["seconds"]
    plain = quantize(photo(), 4, random_state=0)
    wanted = remap(photo(), plain, dither=Dither(method, 0.9, True, "oklab"))
    with Image.open("out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), wanted.indices)
    assert told["mse"] == pytest.approx(wanted.mse)


def test_how_a_palette_is_found(run):
    Image.fromarray(photo()).save("a.png")
    options = ["--space", "oklab", "--method", "wu", "--keep", "#ff0000,#0f0", "--order", "hue"]
    assert run("quantize", "a.png", "-k", 6, "-o", "out.png", "-q", *options).exit_code == 0
    wanted = quantize(photo(), 6, space="oklab", method="wu", keep=["#ff0000", "#0f0"], order="hue")
    with Image.open("out.png") as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), wanted.image)
    few = json.loads(
        run("quantize", "a.png", "-k", 200, "--quality", 25, "-o", "q.png", "--json").stdout
    )
    assert few["psnr"] >= 25
    assert few["colors"] < 100
    fails(run("quantize", "a.png", "--keep", "red", "-o", "o.png"), ExitCode.USAGE, "red")


@pytest.mark.parametrize("ending", [".gif", ".apng"])
def test_animations(run, ending):
    frames = [Image.fromarray(photo(number)) for number in range(3)]
    frames[0].save("in.webp", save_all=True, append_images=frames[1:], duration=70, lossless=True)
    result = run("quantize", "in.webp", "-k", 5, "-o", f"out{ending}", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    wanted = quantize_animation("in.webp", 5, random_state=0)
    with Image.open(f"out{ending}") as image:
        assert (image.n_frames, image.info["duration"]) == (3, 70)
        for number, frame in enumerate(wanted.frames):
            image.seek(number)
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), frame.image)
    fails(run("quantize", "in.webp", "-o", f"out{ending}"), ExitCode.EXISTS, "--force")


@pytest.mark.parametrize("ending", [".webp", ".tif", ".gif"])
def test_other_formats(run, ending):
    exif = Image.Exif()
    exif[0x010E] = "a photo"
    Image.fromarray(photo()).save("a.png", exif=exif)
    for name in ("quantize", "remap"):
        options = ["-k", 5] if name == "quantize" else ["-p", "#000,#888,#fff"]
        outcome = run(name, "a.png", *options, "-o", f"{name}{ending}", "--metadata")
        assert outcome.exit_code == 0
        wanted = (
            quantize("a.png", 5, random_state=0) if name == "quantize"
            else remap("a.png", ["#000", "#888", "#fff"])
        )  # fmt: skip
        with Image.open(f"{name}{ending}") as image:
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), wanted.image)
            assert image.getexif().get(0x010E) == (None if ending == ".gif" else "a photo")
    assert run("quantize", "a.png", f"--suffix=-few{ending}").exit_code == 0
    assert os.path.exists(f"a-few{ending}")


def test_profiles(run):
    profile = swapped_profile()
    Image.fromarray(photo()).save("a.png", icc_profile=profile)
    result = run("quantize", "a.png", "-k", 5, "-o", "b.png")
    assert "a.png: colours are converted from" in " ".join(result.stderr.split())
    assert run("quantize", "a.png", "-k", 5, "-o", "c.png", "--keep-profile").stderr == ""
    with Image.open("b.png") as image, Image.open("c.png") as kept:
        assert kept.info["icc_profile"] == profile
        assert "icc_profile" not in image.info


def test_one_palette_for_all(run, folder):
    (folder / "aa.png").write_text("broken")
    Image.fromarray(photo(5)[..., 0]).save(folder / "grey.png")
    result = run("quantize", folder, "-k", 7, "-o", "out", "--shared-palette", "--json")
    fails(result, ExitCode.UNREADABLE, "aa.png: not an image")
    palettes = [json.loads(line)["palette"] for line in result.stdout.splitlines()]
    assert len(palettes) == len(os.listdir("out")) == 4
    assert all(palette == palettes[0] for palette in palettes)


@pytest.mark.parametrize("given", ["codes", "file"])
def test_remap(run, given):
    Image.fromarray(photo()).save("a.png")
    colors = np.array([[0, 0, 0], [255, 128, 0], [255, 255, 255]], np.uint8)
    palette = "#000,#ff8000, #fff"
    if given == "file":
        assert run("remap", "a.png", "-p", "p.gpl", "-o", "x.png").exit_code == ExitCode.MISSING
        from clusterx.image import write_palette

        palette = "p.gpl"
        write_palette(palette, colors)
    result = run("remap", "a.png", "-p", palette, "-o", "out.png", "--dither", "atkinson")
    assert result.exit_code == 0
    with Image.open("out.png") as image:
        found = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(found, remap(photo(), colors, dither="atkinson").image)


def test_palettes_that_do_not_serve(run):
    Image.fromarray(photo()).save("a.png")
    fails(run("remap", "a.png", "-p", "#000,#xyz", "-o", "o.png"), ExitCode.USAGE, "'#xyz' is no")
    fails(run("remap", "a.png", "-p", "#000000", "-o", "o.jpg"), ExitCode.USAGE, "Let the name end")
    fails(run("remap", "a.png", "-p", "#0000", "-o", "o.png"), ExitCode.USAGE, "transparent")
    with open("p.gpl", "w") as file:
        file.write("no palette")
    fails(
        run("remap", "a.png", "-p", "p.gpl", "-o", "o.png"), ExitCode.UNREADABLE, "p.gpl: no GIMP"
    )
    many = np.arange(257 * 3, dtype=np.uint16).reshape(1, -1, 3).astype(np.uint8)
    many[..., 2] = np.arange(257) // 200
    Image.fromarray(many).save("many.png")
    fails(run("remap", "a.png", "-p", "many.png", "-o", "o.png"), ExitCode.USAGE, "holds 256")


@pytest.mark.parametrize("ending", [".gpl", ".pal", ".aco", ".ase", ".act", ".hex", ".txt"])
def test_palette_files(run, ending):
    result = run("palette", CHINA, "-k", 5, "-o", f"p{ending}", "-q")
    assert (result.exit_code, result.output) == (0, "")
    wanted = quantize(CHINA, 5, random_state=0).palette
    np.testing.assert_array_equal(read_palette(f"p{ending}"), wanted)
    fails(run("palette", CHINA, "-o", f"p{ending}"), ExitCode.EXISTS, "--force")


def test_palette_to_stdout_and_as_a_picture(run):
    result = run("palette", CHINA, "-k", 3)
    assert len(result.stdout.split()) == 3
    assert result.stdout.startswith("#")
    assert json.loads(run("palette", CHINA, "-k", 3, "--json").stdout)["colors"] == 3
    assert "3 in the palette" in run("palette", CHINA, "-k", 3, "-o", "p.png").stdout
    with Image.open("p.png") as image:
        assert image.size == (96, 32)
        assert len(np.unique(np.asarray(image))) == 3
    fails(run("palette", CHINA, "-o", "p.doc"), ExitCode.USAGE, "is written as .gpl")
    fails(run("palette", CHINA, "-k", 300, "-o", "p.act"), ExitCode.USAGE, "holds 256 colours")


def test_compare(run):
    first = photo()
    second = quantize(first, 250, random_state=0).image
    Image.fromarray(first).save("a.png")
    Image.fromarray(second).save("b.png")
    result = run("compare", "a.png", "b.png", "-o", "both.png", "-d", "map.png", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    wanted = compare(first, second)
    for name, value in wanted._asdict().items():
        assert told[name] == pytest.approx(value)
    both = np.asarray(Image.open("both.png"))
    np.testing.assert_array_equal(both, np.concatenate([first, second], axis=1))
    shown = np.asarray(Image.open("map.png"))
    assert shown.shape == first.shape[:2]
    assert shown.mean() / 255 * 20 == pytest.approx(wanted.delta_e, abs=0.1)
    table = run("compare", "a.png", "a.png").stdout
    assert "infinite (no loss)" in table
    assert "CIEDE2000" in table


def test_images_that_cannot_be_compared(run):
    Image.fromarray(photo()).save("a.png")
    Image.fromarray(photo(size=(5, 5))).save("b.png")
    fails(run("compare", "a.png", "b.png"), ExitCode.USAGE, "32 x 24 and 5 x 5 pixels")
    fails(run("compare", "a.png", "c.png"), ExitCode.MISSING, "no such file")
    fails(run("compare", "a.png", "a.png", "-o", "b.png"), ExitCode.EXISTS, "--force")
    fails(run("compare", "a.png", "a.png", "-o", "a.png", "-f"), ExitCode.USAGE, "is the input")


def bad_files():
    png = np.random.default_rng(0).integers(0, 256, (50, 50, 3)).astype(np.uint8)
    Image.fromarray(png).save("cut.png")
    with open("cut.png", "rb") as file:
        content = file.read()
    with open("cut.png", "wb") as file:
        file.write(content[: len(content) // 2])
    with open("empty.png", "wb") as file:  # 0 x 0 pixels
        file.write(content[:16] + bytes(8) + content[24:])
    with open("text.png", "w") as file:
        file.write("hello")


@pytest.mark.parametrize("name", ["cut.png", "empty.png", "text.png"])
@pytest.mark.parametrize("command", ["quantize", "remap", "palette", "compare"])
def test_bad_files(run, name, command):
    bad_files()
    arguments = {
        "quantize": [name, "-o", "out.png"],
        "remap": [name, "-p", "#000", "-o", "out.png"],
        "palette": [name, "-o", "out.gpl"],
        "compare": [name, name, "-o", "out.png"],
    }[command]
    fails(run(command, *arguments), ExitCode.UNREADABLE, f"{name}: ")
    assert not [path for path in os.listdir() if path.startswith(("out", "."))]


@pytest.mark.parametrize("kind", ["CMYK", "I;16", "P", "webp"])
def test_odd_files_are_read(run, kind):
    image = Image.fromarray(photo())
    name = "in.tif"
    if kind == "webp":
        name = "in.webp"
        image.save(name, save_all=True, append_images=[image.rotate(180)], lossless=True)
    elif kind == "I;16":
        Image.fromarray(photo()[..., 0].astype(np.uint16) * 257).save(name)
    else:
        image.convert(kind).save(name)
    result = run("quantize", name, "-k", 4, "-o", "out.png", "-q")
    assert result.exit_code == 0
    with Image.open("out.png") as found:
        assert found.size == (32, 24)
        assert len(np.unique(np.asarray(found))) == 4
    with Image.open(name) as source:
        wanted = photo()[..., 0] if kind == "I;16" else np.asarray(source.convert("RGB"))
    assert compare(wanted, "out.png").psnr > 14


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "clusterx.cli", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_a_full_disk_leaves_no_file(tmp_path):
    """A limit of the size of files, in the place of a full disk."""
    Image.fromarray(photo(size=(100, 100))).save(tmp_path / "a.png")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    env = os.environ | {"CLUSTERX_COMPILE": ""}  # no code is compiled and kept
    child = command(
        "quantize", "a.png", "-k", 200, "-o", "out.png", cwd=tmp_path, preexec_fn=limit, env=env
    )
    _, errors = child.communicate()
    assert child.returncode == ExitCode.UNWRITABLE
    assert "out.png: cannot be written" in errors
    assert sorted(os.listdir(tmp_path)) == ["a.png"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_read_only(run, tmp_path):
    Image.fromarray(photo()).save("a.png")
    (tmp_path / "locked").mkdir(mode=0o555)
    fails(run("quantize", "a.png", "-o", "locked/o.png"), ExitCode.UNWRITABLE, "cannot be written")


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="no file system locks out root")
def test_a_file_system_that_is_read_only(run):
    Image.fromarray(photo()).save("a.png")
    fails(run("quantize", "a.png", "-o", "/sys/o.png"), ExitCode.UNWRITABLE, "cannot be written")


def test_an_image_of_few_colors_is_said_to_be_kept(run):
    Image.fromarray(np.eye(9, dtype=np.uint8) * 200).save("a.png")
    told = json.loads(run("quantize", "a.png", "-o", "out.png", "--json").stdout)
    assert (told["lossless"], told["colors"], told["unique_colors"]) == (True, 2, 2)
    table = run("quantize", "a.png", "-f", "-o", "out.png").stdout
    assert "2 unique, 2 in the palette; all are kept" in table
    assert "all are kept" not in run("quantize", "a.png", "-k1", "-f", "-o", "out.png").stdout
    told = json.loads(run("quantize", "a.png", "-k1", "-f", "-o", "out.png", "--json").stdout)
    assert not told["lossless"]


def test_an_interrupt_leaves_whole_files(tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo(0, (200, 200))).save(tmp_path / "photo.png")
    for number in range(900):  # far more than are done when it is interrupted
        os.link(tmp_path / "photo.png", tmp_path / "in" / f"{number:03}.png")
    child = command("quantize", "in", "-o", "out", "-k", 256, "-j", 2, cwd=tmp_path)
    out = tmp_path / "out"
    while not (out.exists() and len(os.listdir(out)) > 2) and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in errors
    names = os.listdir(out)
    assert len(names) < 900
    for name in names:
        assert name.endswith(".png")
        with Image.open(out / name) as image:
            image.load()


def test_choices_are_those_of_the_library():
    for names, wanted in ((Finder, METHODS), (ColorSpace, SPACES), (Order, ORDERS)):
        assert tuple(name.value for name in names) == wanted
    assert tuple(method.value for method in Method) == DITHERS

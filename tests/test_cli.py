"""The command line: files, tables, JSON, and an exit status for every failure."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

import clusterx
from clusterx.cli import ExitCode, palettes
from clusterx.cli.app import app
from clusterx.image.device import DeviceError

CHINA = "sample:china.jpg"


@pytest.fixture
def run():
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"})

    def invoke(*args, stdin=None):
        result = runner.invoke(app, [str(a) for a in args], input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def small(tmp_path):
    """A file of four colours."""
    path = tmp_path / "small.png"
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) // 12 * 60
    Image.fromarray(pixels).save(path)
    return path


def test_writes_the_file_and_tells(run, tmp_path):
    out = tmp_path / "out.png"
    result = run("quantize", CHINA, "--colors", 8, "-o", out)
    assert result.exit_code == ExitCode.OK
    with Image.open(out) as image:
        assert (image.mode, image.size) == ("P", (640, 427))
        assert len(np.unique(np.asarray(image))) == 8
    expected = clusterx.quantize(CHINA, 8, random_state=0)
    for code in ("#" + bytes(color).hex() for color in expected.palette.tolist()):
        assert code in result.stdout
    assert f"{expected.psnr:.2f} dB" in result.stdout
    assert "96,615 unique" in result.stdout
    for stage in ("read", "count", "cluster", "remap", "write"):
        assert stage in result.stdout
    assert result.stderr == ""


def test_json(run, small, tmp_path):
    result = run("quantize", CHINA, small, "-k", 5, "-o", tmp_path / "out", "--json")
    first, second = map(json.loads, result.stdout.splitlines())
    expected = clusterx.quantize(CHINA, 5, random_state=0)
    assert first["mse"] == pytest.approx(expected.mse)
    assert first["counts"] == expected.counts.tolist()
    assert first["input"] == CHINA
    assert set(first["seconds"]) == {"read", "count", "cluster", "remap", "write"}
    assert second["colors"] == 4
    assert second["psnr"] is None
    assert second["output"] == str(tmp_path / "out" / "small.png")
    assert (tmp_path / "out" / "china.png").exists()


def test_quiet_says_nothing(run, small, tmp_path):
    result = run("quantize", small, "-k", 2, "-o", tmp_path / "out.png", "--quiet")
    assert (result.exit_code, result.output) == (ExitCode.OK, "")


def test_seed_and_options_count(run, tmp_path):
    files = []
    for number, options in enumerate([["--seed", 1], ["--seed", 1], ["--init", "random"]]):
        out = tmp_path / f"{number}.png"
        assert run("quantize", CHINA, "-k", 4, "--max-iter", 2, *options, "-o", out).exit_code == 0
        files.append(out.read_bytes())
    assert files[0] == files[1] != files[2]


def test_suffix_writes_beside_the_input(run, small):
    assert run("quantize", small, "-k", 2, "--suffix=-2").exit_code == 0
    assert (small.parent / "small-2.png").exists()


def test_suffix_and_folder(run, small, tmp_path):
    assert run("quantize", small, "-k", 2, "--suffix=-2", "-o", tmp_path / "new").exit_code == 0
    assert (tmp_path / "new" / "small-2.png").exists()


def test_existing_folder(run, small, tmp_path):
    (tmp_path / "dir").mkdir()
    assert run("quantize", small, "-k", 2, "-o", tmp_path / "dir").exit_code == 0
    assert (tmp_path / "dir" / "small.png").exists()


def test_stdin_and_stdout(small):
    child = subprocess.run(
        [sys.executable, "-m", "clusterx.cli", "quantize", "-", "-k", "2", "-o", "-"],
        input=small.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert child.stdout.startswith(b"\x89PNG")
    assert b"PSNR" in child.stderr


def test_sixteen_bits_become_eight(run, tmp_path):
    path, out = tmp_path / "deep.png", tmp_path / "out.png"
    Image.fromarray(np.array([[0, 257 * 7, 65535]], dtype=np.uint16)).save(path)
    result = run("quantize", path, "-o", out)
    assert "become the 8" in result.stderr
    with Image.open(out) as image:
        assert np.asarray(image.convert("L")).tolist() == [[0, 7, 255]]


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("deep.png", "16 bits per channel become the 8 of a palette"),
        ("deep.ppm", "16 bits per channel become the 8 of a palette"),
        ("moving.gif", "the first of 2 frames is quantised"),
    ],
)
def test_remarks_are_in_words_and_not_made_when_quiet(run, tmp_path, name, remark):
    path = tmp_path / name
    if name == "moving.gif":
        frames = [Image.new("L", (3, 3), value) for value in (0, 90)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    elif name == "deep.ppm":
        path.write_bytes(b"P6 1 1 65535\n" + bytes(6))
    else:
        Image.fromarray(np.array([[0, 65535]], dtype=np.uint16)).save(path)
    result = run("quantize", path, "-o", tmp_path / "out.png")
    assert result.stderr == f"clusterx: {path}: {remark}.\n"
    result = run("quantize", path, "-o", tmp_path / "out.png", "--force", "--quiet")
    assert (result.exit_code, result.output) == (ExitCode.OK, "")


def test_many_colors_and_transparency_in_the_table():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 40, 4), dtype=np.uint8)
    image[:5, :, 3] = 0
    result = clusterx.quantize(image, 100, random_state=0, max_iter=2)
    out = io.StringIO()
    Console(width=80, file=out).print(palettes.as_table("a", "b", result, 80))
    text = out.getvalue()
    assert "and 36 more" in text
    assert "hidden #00000000" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-k", 0, "-o", "x.png"], "1 to 256"),
        (["-k", 257, "-o", "x.png"], "true colour"),
        (["-k", "many", "-o", "x.png"], "--colors"),
        ([], "say where to write"),
        (["-o", "x.jpg"], "Let the name end"),
        (["-o", "x.png", "--init", "best"], "--init"),
        (["-o", "-", "--json"], "both write to stdout"),
        (["other/china.png", "-o", "dir"], "several inputs would be written to"),
        (["b.png", "-o", "-"], "stdout takes one image"),
        (["-", "-o", "dir/"], "stdin has no name"),
        (["-o", "x.png", "--seed", -1], "--seed"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_usage(run, arguments, message):
    result = run("quantize", CHINA, *arguments)
    assert result.exit_code == ExitCode.USAGE
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_several_results_do_not_fit_a_file(run, small, tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"")
    result = run("quantize", small, CHINA, "-o", target)
    assert result.exit_code == ExitCode.USAGE
    assert "need a folder" in " ".join(result.stderr.replace("│", " ").split())


def fails(result, code, message):
    assert result.exit_code == code
    assert result.stderr.startswith("clusterx: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_missing(run, tmp_path):
    result = run("quantize", tmp_path / "no.jpg", "-o", tmp_path / "x.png")
    fails(result, ExitCode.MISSING, "no.jpg: there is no such file")
    fails(run("quantize", "sample:x", "-o", tmp_path / "x.png"), ExitCode.MISSING, "sample:china")


def test_unreadable(run, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("no image")
    result = run("quantize", path, "-o", tmp_path / "x.png")
    fails(result, ExitCode.UNREADABLE, "not an image")
    assert not (tmp_path / "x.png").exists()


def test_too_large(run, small, tmp_path):
    result = run("quantize", small, "-o", tmp_path / "x.png", "--max-pixels", 15)
    fails(result, ExitCode.TOO_LARGE, "--max-pixels")


def test_unwritable(run, small, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    result = run("quantize", small, "-o", tmp_path / "file" / "x.png")
    fails(result, ExitCode.UNWRITABLE, "folder cannot be made")


def test_exists(run, small, tmp_path):
    out = tmp_path / "x.png"
    out.write_bytes(b"old")
    fails(run("quantize", small, "-o", out), ExitCode.EXISTS, "--force")
    assert out.read_bytes() == b"old"
    assert run("quantize", small, "-o", out, "--force").exit_code == ExitCode.OK
    assert out.read_bytes().startswith(b"\x89PNG")


def test_no_device(run, small, tmp_path, monkeypatch):
    from clusterx.image import device

    def missing():
        raise DeviceError("device='cuda': no NVIDIA GPU was found. Use device='cpu'.")

    monkeypatch.setattr(device, "gpu_library", missing)
    result = run("quantize", small, "-o", tmp_path / "x.png", "--device", "cuda")
    fails(result, ExitCode.NO_DEVICE, "Use device='cpu'")
    assert run("quantize", small, "-o", tmp_path / "x.png", "--device", "cpu").exit_code == 0


def test_the_others_go_on_after_a_failure(run, small, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    result = run("quantize", bad, tmp_path / "gone.png", small, "-o", tmp_path / "out", "-q")
    assert result.exit_code == ExitCode.UNREADABLE
    assert len(result.stderr.splitlines()) == 2
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["small.png"]


@pytest.mark.parametrize(
    ("missing", "extra", "command"),
    [
        ("PIL", "image", ["quantize", CHINA, "-o", "x.png"]),
        ("typer", "image", []),
        ("rich", "image", []),
        ("pandas", "tables", ["fit", "a.csv"]),
        ("pyarrow", "tables", ["fit", "a.csv", "-o", "x.parquet"]),
        ("matplotlib", "plot", ["fit", "a.csv", "--plot", "x.png"]),
        ("kneed", "plot", ["elbow", "a.csv"]),
    ],
)
def test_missing_packages_are_named(missing, extra, command, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    script = (
        f"import sys, clusterx.cli; sys.modules[{missing!r}] = None; "
        f"sys.argv[1:] = {command}; clusterx.cli.main()"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert child.returncode == ExitCode.NOT_INSTALLED
    assert f'pip install "clusterx[{extra}]"' in child.stderr
    assert "Traceback" not in child.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_version(run):
    assert run("--version").stdout.strip() == f"clusterx {clusterx.__version__}"


def test_info(run):
    facts = json.loads(run("info", "--json").stdout)
    assert facts["clusterx"] == clusterx.__version__
    assert set(facts["backends"]) == {"numpy", "cupy", "torch"}
    assert facts["threads"]["used"] >= 1
    assert facts["packages"]["numpy"] == np.__version__
    table = run("info").stdout
    assert "backends: numpy" in table
    assert np.__version__ in table


def test_help_names_the_exit_statuses(run):
    text = " ".join(run("quantize", "--help").stdout.split())
    assert "7 output exists" in text
    assert "--max-pixels" in text
    assert run("quantize", "-h").stdout == run("quantize", "--help").stdout

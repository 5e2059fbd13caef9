"""``python -m clusterx.accel``: runs a script, a module or a line of code under accel."""

from __future__ import annotations

import argparse
import builtins
import json
import logging
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from .devices import DEVICES
from .installing import install


def parser() -> argparse.ArgumentParser:
    """The command line; what follows the script is the script's."""
    out = argparse.ArgumentParser(
        prog="python -m clusterx.accel",
        description="Run a script written for scikit-learn on clusterx, without changing it.",
        epilog="Options of clusterx.accel precede the script; what follows it is the script's own.",
    )
    add = out.add_argument
    add("--report", action="store_true", help="then say on stderr what ran where, and time saved")
    add("--report-json", metavar="FILE", type=Path, help="write the same as JSON")
    add("--device", choices=DEVICES, default="cpu", help="where to compute (default: cpu)")
    add("--always", action="store_true", help="use clusterx also where it may be slower")
    add("--verbose", "-v", action="store_true", help="say on stderr why calls go to scikit-learn")
    rest = argparse.REMAINDER
    target = out.add_mutually_exclusive_group()
    target.add_argument("-m", dest="module", nargs=rest, metavar="MODULE ...", help="run a module")
    target.add_argument(
        "-c", dest="code", nargs=rest, metavar="CODE ...", help="run a line of code"
    )
    add("script", nargs="?", help="the script to run")
    add("arguments", nargs=rest, help="the script's arguments")
    return out


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line. The exit status is the script's; 2 if the command line is wrong."""
    command = parser()
    options = command.parse_args(argv)
    if not (options.script or options.module or options.code):
        command.error("name a script, or -m MODULE, or -c CODE")
    if options.script and not Path(options.script).exists():
        command.error(f"there is no file {options.script}")
    if options.verbose:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("clusterx.accel: %(message)s"))
        logging.getLogger("clusterx.accel").addHandler(handler)
        logging.getLogger("clusterx.accel").setLevel(logging.INFO)
    try:
        install(device=options.device, always=options.always)
    except (ImportError, RuntimeError) as error:
        command.error(str(error))
    try:
        _run(options)
    finally:
        if options.report or options.report_json:
            _report(options)


def _report(options: argparse.Namespace) -> None:
    from .reporting import report  # few scripts ask for one

    found = report()
    if options.report:
        sys.stdout.flush()
        print(f"\n{found}", file=sys.stderr)
    if options.report_json:
        options.report_json.write_text(json.dumps(found.to_dict(), indent=1) + "\n")


def _run(options: argparse.Namespace) -> None:
    if options.module:
        sys.argv = options.module
        runpy.run_module(options.module[0], run_name="__main__", alter_sys=True)
    elif options.code:
        sys.argv = ["-c", *options.code[1:]]
        _execute(options.code[0], "<string>", {})
    else:
        sys.argv = [options.script, *options.arguments]
        sys.path[0] = str(Path(options.script).resolve().parent)
        _execute(Path(options.script).read_bytes(), options.script, {"__file__": options.script})


def _execute(source: str | bytes, name: str, names: dict[str, str]) -> None:
    """Run source code as the main module, as Python does.

    runpy would make a module and take it away again, with 11,000 more page faults (0.1 s).
    """
    main_module = ModuleType("__main__")
    vars(main_module).update(names, __builtins__=builtins)
    sys.modules["__main__"] = main_module
    exec(compile(source, name, "exec"), vars(main_module))

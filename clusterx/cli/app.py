"""The commands of `clusterx`, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .common import EXIT_CODES
from .compare import compare_files
from .elbow import elbow
from .fit import fit
from .info import info
from .page import report_page
from .palette import palette_of_file
from .predict import predict
from .quantize import quantize_files
from .remap import remap_files

app = typer.Typer(
    help="Clustering that runs where the data is.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clusterx {__version__}")
        raise typer.Exit()


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command(name="quantize", epilog=EXIT_CODES)(quantize_files)
app.command(name="remap", epilog=EXIT_CODES)(remap_files)
app.command(name="palette", epilog=EXIT_CODES)(palette_of_file)
app.command(name="compare", epilog=EXIT_CODES)(compare_files)
app.command(name="fit", epilog=EXIT_CODES)(fit)
app.command(name="predict", epilog=EXIT_CODES)(predict)
app.command(name="elbow", epilog=EXIT_CODES)(elbow)
app.command(name="report", epilog=EXIT_CODES)(report_page)
app.command(name="info")(info)

"""The options that commands share, grouped in dataclasses that commands take as one argument."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer

from .common import Device, UsageError
from .source import TableFile

DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="CSV, TSV, Parquet, NPY or NPZ; - is CSV from stdin; sample:iris is always there.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Algorithm:
    """The algorithm that clusters the rows, and its parameters."""

    name: Annotated[
        str,
        typer.Option(
            "--algorithm",
            "-a",
            metavar="NAME",
            help="An estimator of clusterx, such as mini-batch-kmeans; a wrong name lists them.",
        ),
    ] = "kmeans"
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="KEY=VALUE",
            help="A parameter of the algorithm; may be repeated. eps=auto has DBSCAN's found.",
        ),
    ] = None
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")] = 0


@dataclass(frozen=True)
class Parsing:
    """How a file of rows is parsed."""

    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns", "-c", metavar="A,B,...", help="Columns to cluster by; all by default."
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option("--delimiter", metavar="D", help="CSV delimiter; recognised by default."),
    ] = None
    decimal: Annotated[
        str | None,
        typer.Option(
            "--decimal",
            metavar="D",
            help="Decimal mark in CSV, such as ','; recognised by default where it is beyond "
            "doubt.",
        ),
    ] = None
    thousands: Annotated[
        str | None,
        typer.Option(
            "--thousands", metavar="D", help="Mark between thousands in CSV, such as '.'."
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding", metavar="NAME", help="CSV encoding, such as cp1252; UTF-8 by default."
        ),
    ] = None
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first line of CSV has the names of columns.",
            show_default="names, unless all are numbers",
        ),
    ] = None
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out rows with missing values.")
    ] = False
    array: Annotated[
        str | None, typer.Option("--array", metavar="NAME", help="Which array of an NPZ file.")
    ] = None

    def source(self, name: str) -> TableFile:
        """The file of that name, to be read with these options."""
        return TableFile(
            name,
            column_names(self.columns),
            delimiter=self.delimiter,
            header=self.header,
            array=self.array,
            decimal=self.decimal,
            thousands=self.thousands,
            encoding=self.encoding,
            drop_missing=self.drop_missing,
        )


@dataclass(frozen=True)
class Reading(Parsing):
    """How a file of rows is read."""

    standardize: Annotated[
        bool,
        typer.Option(
            "--standardize",
            "-s",
            help="Scale each column to mean 0 and standard deviation 1 first.",
        ),
    ] = False


@dataclass(frozen=True)
class Running:
    """Where to compute, and what may be overwritten and printed."""

    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.AUTO
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files.")] = False
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of the table.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table and no notes.")] = (
        False
    )


def column_names(columns: list[str] | None) -> tuple[str, ...] | None:
    """The names in --columns, an option that may be repeated; names may be quoted as in CSV."""
    if not columns:
        return None
    parts = [[name.strip() for name in row] for row in csv.reader(columns, skipinitialspace=True)]
    names = [name for part in parts for name in part if name]
    if len(parts) < len(columns) or not all(map(any, parts)):
        raise UsageError("--columns: is empty. Name columns, as --columns age,income.")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--columns: names {twice[0]!r} twice.")
    return tuple(names)


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """The command for Typer, with each field of the dataclasses it takes as an option."""
    groups: dict[str, type] = {}
    options: list[Parameter] = []
    for parameter in signature(command, eval_str=True).parameters.values():
        group = parameter.annotation
        if not (isinstance(group, type) and is_dataclass(group)):
            options.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = group
        kinds = get_type_hints(group, include_extras=True)
        options += [
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=kinds[field.name],
            )
            for field in fields(group)
        ]

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    run.__signature__ = Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run

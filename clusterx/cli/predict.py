"""`clusterx predict`: assign the rows of a file to the clusters of a saved model."""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from ..arrays import on_host, to_host
from ..image.device import move
from ..models import ModelFileError, is_model_file, load_model
from . import report
from .clustering import fitting
from .common import (
    UsageError,
    check_outputs,
    echo,
    listed,
    reporting_errors,
    require,
    tell,
    timed,
)
from .labels import Labels, Part, check_output, count
from .options import DataArgument, Parsing, Running, flat
from .progress import passes_shown
from .source import TableFile
from .tables import NumberTable, read


@flat
def predict(
    data: DataArgument,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="FILE", help="A model that `clusterx fit --model` wrote."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The cluster of each row, as .csv, .tsv, .parquet or .npy; - is CSV on stdout.",
        ),
    ],
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Write all columns of DATA beside the clusters.")
    ] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of each cluster, too.")
    ] = False,
    trust_pickle: Annotated[
        bool,
        typer.Option(
            "--trust-pickle",
            help="Take a pickle as the model. Reading one runs any code that is in it.",
        ),
    ] = False,
    *,
    reading: Parsing,
    running: Running,
) -> None:
    """Assign the rows of a table to the clusters of a saved model.

    Columns are found by the names that the model knows.
    """
    notes = Console(stderr=True)
    with reporting_errors(notes, data, quiet=running.quiet):
        if output == "-" and running.as_json:
            raise UsageError("--json and -o - would both write to stdout. Write to a file.")
        check_output(output, with_data=with_data, drop_missing=reading.drop_missing)
        check_outputs(data, {"-o": output}, force=running.force)
        source, seconds = reading.source(data), dict[str, float]()
        with timed(seconds, "read"):
            fitted = _model(model, trust_pickle=trust_pickle)
            _check_abilities(fitted, probabilities, output)
            table = _table(source, fitted, whole=with_data)
        for note in () if running.quiet else table.notes:
            echo(notes, f"clusterx: {note}")
        assigner = Assigner(fitted, table, running.device.value)
        sizes: Counter[int] = Counter()
        parts = assigner.parts(sizes, seconds, probabilities=probabilities)
        began = time.perf_counter()
        with passes_shown(notes, "predict", quiet=running.quiet):
            Labels(source.name, table, parts).write(output, force=running.force)
        seconds["write"] = time.perf_counter() - began - seconds["predict"]
        facts = report.predict_facts(source.name, model, output, fitted, sizes, seconds)
        _show(facts, running, Console(stderr=output == "-"))


def _show(facts: dict[str, Any], running: Running, console: Console) -> None:
    """The facts as JSON or as a table, unless the run is to be quiet."""
    if running.as_json:
        tell(console, report.dumps(facts))
    elif not running.quiet:
        tell(console, report.predict_table(facts))


class Assigner:
    """Calls a model on the rows of a table, piece by piece if they are larger than memory.

    Parameters
    ----------
    model : estimator or Pipeline of a scaler and one
    table : NumberTable
    device : {'auto', 'cpu', 'cuda'}
    """

    def __init__(self, model: Any, table: NumberTable, device: str):
        steps = getattr(model, "steps", [("", model)])
        self.before, self.model = [step for _, step in steps[:-1]], steps[-1][1]
        self.known, self.table, self.device = model, table, device

    def parts(
        self, sizes: Counter[int], seconds: dict[str, float], *, probabilities: bool
    ) -> Iterator[Part]:
        """The labels of the rows, piece by piece, and their probabilities if these are wanted.

        How many rows have each label goes to `sizes`, and the time that it took to `seconds`.
        """
        seconds["predict"], began = 0.0, time.perf_counter()
        for piece in self.table.pieces():
            with fitting(self.model):
                labels = self._found(piece, "predict").astype(np.int32, copy=False)
                shares = self._found(piece, "predict_proba") if probabilities else None
            count(sizes, labels)
            seconds["predict"] += time.perf_counter() - began
            yield labels, shares
            began = time.perf_counter()

    def _found(self, X: Any, method: str) -> np.ndarray:
        names = getattr(self.known, "feature_names_in_", None)
        if names is not None and not hasattr(X, "columns"):
            require("pandas", "pandas", "tables", "Naming columns")
            import pandas as pd

            X = pd.DataFrame(np.asarray(X), columns=names)
        for step in self.before:
            X = step.transform(X)
        moved = move(np.asarray(X), self.device, from_file=True)
        if on_host(moved):
            return to_host(getattr(self.model, method)(X))
        if hasattr(self.model, "to_device"):
            self.model = self.model.to_device(moved)
        return to_host(getattr(self.model, method)(moved))


def _model(name: str, *, trust_pickle: bool) -> Any:
    """The model in the file; a pickle is read only if it is trusted."""
    if not Path(name).is_file():
        raise FileNotFoundError(f"--model {name}: there is no such file.")
    if is_model_file(name):
        return load_model(name)
    if not trust_pickle:
        raise ModelFileError(
            f"--model {name}: is no model that `clusterx fit --model` wrote. If it is a pickle of "
            "somebody you trust, add --trust-pickle: reading it runs any code that is in it."
        )
    try:
        with open(name, "rb") as file:
            return pickle.load(file)
    except Exception as error:
        raise ModelFileError(f"--model {name}: cannot be unpickled ({error}).") from error


def _check_abilities(model: Any, probabilities: bool, output: str) -> None:
    kind = type(getattr(model, "steps", [("", model)])[-1][1]).__name__
    if not hasattr(model, "predict"):
        raise UsageError(
            f"--model: {kind} can't assign new rows, because its clusters have no centres or "
            "densities to compare them with. Fit a KMeans to the clusters' means, or fit again."
        )
    if not probabilities:
        return
    if not hasattr(model, "predict_proba"):
        raise UsageError(
            f"--probabilities: {kind} has none. Use a mixture, such as one fitted by "
            "-a gaussian-mixture."
        )
    if output.lower().endswith(".npy"):
        raise UsageError("--probabilities: are written beside the clusters, as .csv or .parquet.")


def _table(source: TableFile, model: Any, *, whole: bool) -> NumberTable:
    """The columns that the model was fitted with, in its order."""
    names = getattr(model, "feature_names_in_", None)
    unnamed = source.name.lower().endswith((".npy", ".npz"))
    if names is None or unnamed:
        table = read(source, whole=whole)
        wanted = getattr(model, "n_features_in_", len(table.names))
        if len(table.names) != wanted:
            raise UsageError(
                f"{source.called}: has {len(table.names)} columns, and the model was fitted with "
                f"{wanted}. Choose them by --columns, in the order of fit."
            )
        return table
    wanted = tuple(map(str, names))
    if source.columns not in (None, wanted):
        raise UsageError(
            f"--columns: the model was fitted with {listed(list(wanted))}, in this order. Leave "
            "the option out: columns are found by their names."
        )
    try:
        return read(replace(source, columns=wanted), whole=whole)
    except UsageError as error:
        if source.columns is not None or not str(error).startswith("--columns: "):
            raise
        text = str(error).removeprefix("--columns: ")
        raise UsageError(f"--model: was fitted with {listed(list(wanted))}. {text}") from error

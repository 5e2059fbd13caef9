"""Reports of a fit: its progress, and the component that has collapsed."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from .em import Run


class Collapsed(Exception):
    """A component whose covariance is singular."""

    def __init__(self, component: int, share: float | None):
        super().__init__(component, share)
        self.component, self.share = component, share

    def message(self, model: Any) -> str:
        which = "The covariance that all components share"
        if self.share is not None:
            which = f"The covariance of component {self.component}, of weight {self.share:.3g},"
        return (
            "Fitting the mixture model failed because some components have ill-defined empirical "
            "covariance (for instance caused by singleton or collapsed samples). Try to decrease "
            f"the number of components, increase reg_covar, or scale the input data. {which} is "
            f"singular with reg_covar={model.reg_covar:g}."
        )


class Report:
    """The output of `verbose`, as in scikit-learn."""

    def __init__(self, model: Any, start: int):
        self.verbose, self.interval = model.verbose, model.verbose_interval
        self.began = self.last = perf_counter()
        if self.verbose:
            print(f"Initialization {start}")

    def __call__(self, iteration: int, change: float) -> None:
        if not self.verbose or iteration % self.interval:
            return
        if self.verbose == 1:
            print(f"  Iteration {iteration}")
            return
        now = perf_counter()
        print(
            f"  Iteration {iteration}\t time lapse {now - self.last:.5f}s\t ll change {change:.5f}"
        )
        self.last = now

    def end(self, run: Run) -> None:
        if not self.verbose or not run.lower_bounds:
            return
        state = "converged" if run.converged else "did not converge"
        if self.verbose == 1:
            print(f"Initialization {state}.")
            return
        took = perf_counter() - self.began
        bound = run.lower_bounds[-1]
        print(f"Initialization {state}. time lapse {took:.5f}s\t lower bound {bound:.5f}.")

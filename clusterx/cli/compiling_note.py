"""Says on the terminal that kernels are being compiled."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console
from rich.errors import LiveError
from rich.live import Live
from rich.spinner import Spinner

TEXT = "compiling for the first run, which takes a few seconds; later runs start at once"


class CompilingNote:
    """A spinner while kernels are compiled; one plain line where the console can't animate.

    It listens to `kernels.compiling`. Other animations have to be on the same console.
    """

    def __init__(self, console: Console):
        self.console = console
        self.said = False
        self.live: Live | None = None

    def begin(self) -> None:
        if not self.console.is_terminal:
            return
        if not self.console.is_dumb_terminal:
            with suppress(LiveError):  # before Rich 14.1, while a bar is shown
                self.live = self._spinner()
        if self.live is None and not self.said:
            self.console.print(f"clusterx: {TEXT}", markup=False, highlight=False, soft_wrap=True)
        self.said = True

    def end(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _spinner(self) -> Live:
        # leave stdout alone, or piped output would end up on the terminal
        live = Live(
            Spinner("dots", TEXT), console=self.console, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        live.start()
        live.refresh()  # while a bar is shown, Rich would wait for the bar's next refresh
        return live

"""The k-means step for many columns: a float32 screen, and bounds between iterations."""

from __future__ import annotations

from ...cpu.screening.image import ImageOf, LazyImage, RowImage
from .moving import MovingStep
from .neighbour_bounds import Shortlists

#: Shortlists are kept with more than FEW_CENTRES centres and at least LARGE row-centre pairs: they
#: take about a quarter off fit-digits-256, but less than a tenth off fit-digits-64, and their
#: kernels take two more seconds to compile.
FEW_CENTRES = 64
LARGE = 1 << 20
#: Steps that rest keep lists of rows of at least as many columns, which take four times as much.
#: Fifteen iterations of 256 centres over 500,000 x 64 of a file take 3.1 s with them, else 5.0 s.
LISTED_COLUMNS = 64


class ScreenedStep(MovingStep):
    """Many columns: a float32 screen, bounds between iterations, exact distances at the end."""

    def __init__(self, X, w, scales, single_use, k=None, rests=False, within=None):
        super().__init__(X, w, scales, rests)
        self.screen: RowImage
        if rests:
            self.screen = LazyImage(X, scales)
        else:
            known = within is not None and isinstance(within.step, ScreenedStep)
            of = ImageOf(within.step.screen, *within[1:]) if known else None
            self.screen = RowImage(X, project=not single_use, k=k, scales=scales, of=of)
        self.lists: Shortlists | None = None

    def forget(self):
        super().forget()
        (n, d), k = self.X.shape, len(self.C)
        many = k > FEW_CENTRES and n * k >= LARGE
        if self.rests:
            many = many and d >= LISTED_COLUMNS and not self.screen.copied
            if many:  # lists need the lengths of the rows, whose images are the rows themselves
                self.screen = RowImage(self.X, project=False, scales=self.scales)
            else:
                self.screen = LazyImage(self.X, self.scales)
        self.lists = Shortlists(self.screen) if many else None

    def search(self, previous):
        changes = self.labels, self.changed.view("u1")
        if self.lists is not None and self.screen.holds(self.C):
            screened, measured = self.lists.assign(self.C, self.upper, self.lower, *changes)
        else:
            if self.lists is not None:
                self.lists.forget()
                previous = None
            screened, measured = self.screen.assign(
                self.C, previous, self.upper, self.lower, *changes
            )
        images_changed = self.screen.reconsider(screened, measured, len(self.C))
        if images_changed and self.lists is not None:
            self.lists.forget_images()

    def rest(self):
        kept = super().rest()
        self._show(self.X)
        return kept

    def resume(self, X, w):
        super().resume(X, w)
        self._show(X)

    def _show(self, X):
        self.screen.X = X
        if self.lists is not None:
            self.screen.Z = X

"""Substitutes names in other packages' modules, for all code but the package's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: Makes the substitute for a name; called once, with the module's own object.
Maker = Callable[[Any], Any]


class Substitutes:
    """The substituted names of some modules, each made when it is first asked for.

    A module's class is replaced by a subclass that has a property per name. The module stays the
    same object with the same contents, so restoring its class undoes everything.

    Parameters
    ----------
    modules : dict of dict of callables
        For each module, the names and the makers of their substitutes.
    own : dict of str
        For each module, the package that goes on using the module's own objects.
    """

    def __init__(self, modules: dict[str, dict[str, Maker]], own: dict[str, str]):
        self.modules, self.own = modules, own
        self._finder: _Finder | None = None
        self._adopted: list[tuple[ModuleType, type]] = []

    @property
    def active(self) -> bool:
        return self._finder is not None

    def install(self) -> None:
        """Substitute names in imported modules now, and in others when they are imported."""
        if self._finder is None:
            self._finder = _Finder(self)
            sys.meta_path.insert(0, self._finder)
            for name in self.modules:
                if name in sys.modules:
                    self.adopt(sys.modules[name])

    def uninstall(self) -> None:
        """Give the modules their own objects back."""
        if self._finder is not None:
            sys.meta_path.remove(self._finder)
            self._finder = None
        for module, was in self._adopted:
            module.__class__ = was
        self._adopted.clear()

    def adopt(self, module: ModuleType) -> None:
        """Substitute the names of a module that has just been imported."""
        name = module.__name__
        if any(module is adopted for adopted, _ in self._adopted):
            return
        self._adopted.append((module, type(module)))
        properties = {
            public: _substituted(public, maker, (self.own[name], "clusterx"))
            for public, maker in self.modules[name].items()
            if public in vars(module)
        }
        module.__class__ = type("SubstitutedModule", (type(module),), properties)


class _Finder(MetaPathFinder):
    """Finds modules as Python would without it, and has the table's modules adopted."""

    def __init__(self, substitutes: Substitutes):
        self._substitutes = substitutes

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._substitutes.modules:
            return None
        others = (finder for finder in list(sys.meta_path) if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            loader.exec_module = execute
            execute(module)
            if self._substitutes.active:
                self._substitutes.adopt(module)

        loader.exec_module = exec_module
        return spec


def _substituted(name: str, maker: Maker, own: tuple[str, ...]) -> property:
    """A property of a module that gives the substitute, except to callers in the packages `own`."""
    made: list[Any] = []  # the module's own object, and its substitute

    def get(module: ModuleType) -> Any:
        try:
            current = vars(module)[name]
        except KeyError:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}") from None
        caller = sys._getframe(1).f_globals.get("__name__") or ""
        if caller.partition(".")[0] in own and ".tests." not in caller:
            return current
        if not made:
            made[:] = current, maker(current)
        # an object that someone has since put into the module is returned unchanged
        return made[1] if current is made[0] else current

    def put(module: ModuleType, value: Any) -> None:
        vars(module)[name] = made[0] if made and value is made[1] else value

    def remove(module: ModuleType) -> None:
        del vars(module)[name]

    return property(get, put, remove)

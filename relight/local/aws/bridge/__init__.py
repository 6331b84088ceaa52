"""What MiniStack lacks, added in one place.

A patch names its target (module, function) and the parameters that the function must have. ``install`` checks every
target before it changes the first one, so that another MiniStack fails at start with the names of what moved, and not
in the middle of a run.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from importlib.metadata import version
from typing import Any, TypeVar

from relight.errors import EngineMismatch

WRITTEN_FOR = "1.5.33"
AREAS: tuple[str, ...] = ("code", "functions", "workflow", "tokens", "letters", "alarms", "events", "schedules")
AREAS += ("launching", "offerings", "quotas", "compute", "tables", "sealing", "once", "permissions", "simulation", "backups")


F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Patch:
    """``replacement(original, *args)`` takes the place of ``module.name(*args)``.

    ``parameters`` are the ones of the original, in order. ``tables`` names the module's dicts that hold it as a value.
    """

    module: str
    name: str
    parameters: tuple[str, ...]
    replacement: Callable[..., Any]
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """``module.name`` is source text of MiniStack in which ``old`` becomes ``new``."""

    module: str
    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Use:
    """``module.name`` is called or read by the bridge, and not changed; ``parameters`` None: it is data."""

    module: str
    name: str
    parameters: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """``module.name[key]`` becomes ``value``: an action that MiniStack does not have."""

    module: str
    name: str
    key: str
    value: Any


Target = Patch | Rewrite | Use | Addition
TARGETS: list[Target] = []


def patch(module: str, name: str, parameters: str, tables: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Registers the decorated function as the replacement of ``ministack.<module>.<name>``."""

    def register(replacement: F) -> F:
        TARGETS.append(Patch(f"ministack.{module}", name, tuple(parameters.split()), replacement, tables))
        return replacement

    return register


def add(module: str, name: str, key: str) -> Callable[[F], F]:
    """Registers the decorated function as a new entry of a table."""

    def register(value: F) -> F:
        TARGETS.append(Addition(f"ministack.{module}", name, key, value))
        return value

    return register


def rewrite(module: str, name: str, old: str, new: str) -> None:
    TARGETS.append(Rewrite(f"ministack.{module}", name, old, new))


def uses(module: str, **names: str | None) -> None:
    """Registers what the bridge relies on: ``name="its parameters"``, or None for data."""
    for name, parameters in names.items():
        wanted = None if parameters is None else tuple(parameters.split())
        TARGETS.append(Use(f"ministack.{module}", name, wanted))


def load() -> list[Target]:
    """Every target of every area."""
    for area in AREAS:
        importlib.import_module(f"{__name__}.{area}")
    return TARGETS


def install() -> None:
    """Checks all targets, then applies the patches. Raises EngineMismatch that names each target that moved."""
    targets = load()
    faults = [fault for target in targets if (fault := misfit(target))]
    if faults:
        raise EngineMismatch(
            f"MiniStack {version('ministack')} is not the {WRITTEN_FOR} that the embedded engine was written for: "
            f"{'; '.join(faults)}; install the locked version (./run does)"
        )
    for target in targets:
        _apply(target)


def misfit(target: Target) -> str | None:
    """Why the target does not fit this MiniStack, or None."""
    where = f"{target.module}.{target.name}"
    try:
        found = getattr(importlib.import_module(target.module), target.name)
    except (ImportError, AttributeError) as error:
        return f"{where} is gone ({error})"
    if isinstance(target, Rewrite):
        times = found.count(target.old)
        return None if times == 1 else f"{where} holds {target.old!r} {times} times, not once"
    if isinstance(target, Addition):
        return f"{where} has {target.key} of its own" if target.key in found else None
    if target.parameters is None:
        return None
    has = tuple(inspect.signature(found).parameters)
    return None if has == target.parameters else f"{where} takes ({', '.join(has)}), not ({', '.join(target.parameters)})"


def _apply(target: Target) -> None:
    module = importlib.import_module(target.module)
    original = getattr(module, target.name)
    if isinstance(target, Rewrite):
        setattr(module, target.name, original.replace(target.old, target.new))
    elif isinstance(target, Addition):
        original[target.key] = target.value
    elif isinstance(target, Patch):
        replacement = update_wrapper(partial(target.replacement, original), original)
        setattr(module, target.name, replacement)
        for table in target.tables:
            entries = getattr(module, table)
            entries.update({key: replacement for key, value in entries.items() if value is original})

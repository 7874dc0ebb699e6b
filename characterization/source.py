"""Fingerprints of the measuring code, which are part of the cache keys."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from functools import lru_cache
from types import ModuleType

# Modules that run procedures but do not measure. Their effect on a result is in the netlist and the points.
_FRAMEWORK = frozenset(
    {"backends", "cache", "cache_key", "execute", "netlists", "output", "plan"}
    | {"procedure", "source", "stale", "table", "tasks"}
)
_ROOT = __package__.rpartition(".")[0]


def modules(procedure: object) -> dict[str, str]:
    """Fingerprints of the modules that measure for a procedure: its own and the gaincell modules it uses.

    Comments, docstrings and the methods `points`, `batches` and `finish` have no effect on the fingerprints.
    The effect of the first two methods is in the netlist, and `finish` also runs on cached rows.

    Args:
        procedure: an instance of a procedure class.

    Returns:
        sha256 of the source by module.
    """
    return {_short(name): _digest(name) for name in _closure(type(procedure).__module__)}


def module_of(procedure: object) -> str:
    """Name of the procedure's own module, as in `modules`."""
    return _short(type(procedure).__module__)


def _short(name: str) -> str:
    return name.removeprefix(f"{_ROOT}.")


def _closure(start: str) -> list[str]:
    """Sorted names of `start` and of the measuring modules that it uses, directly or indirectly."""
    seen: set[str] = set()
    pending = [start]
    while pending:
        name = pending.pop()
        if name in seen or name not in sys.modules:
            continue
        seen.add(name)
        pending += [used for used in _used_by(sys.modules[name]) if _measures(used)]
    return sorted(seen)


def _used_by(module: ModuleType) -> set[str]:
    values = [value for name, value in vars(module).items() if not name.startswith("__")]
    owners = {getattr(value, "__module__", None) for value in values}
    return {owner for owner in owners if owner} | {v.__name__ for v in values if isinstance(v, ModuleType)}


def _measures(name: str) -> bool:
    if name == f"{_ROOT}.circuits.rawfile":
        return True
    package, _, module = name.rpartition(".")
    return name.startswith(f"{__package__}.") and not (package == __package__ and module in _FRAMEWORK)


@lru_cache  # at most 128 entries; one per measuring module
def _digest(name: str) -> str:
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return hashlib.sha256(ast.unparse(_Essential().visit(tree)).encode()).hexdigest()


class _Essential(ast.NodeTransformer):
    """Removes the parts of a module that cannot change a measured value."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_docstring = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_docstring else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        if node.name in ("points", "batches", "finish"):
            return None
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

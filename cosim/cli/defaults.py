"""Default folders of the commands: each reads where the one before it writes."""

from pathlib import Path

OUT = Path("out")
TABLES = OUT / "tables"
HARDWARE = OUT / "hardware"
ADAPTED = OUT / "adapted"
WAVES = OUT / "waves"

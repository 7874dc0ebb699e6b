"""Where commands read and write when not told otherwise, so that each finds what the one before it left."""

from pathlib import Path

OUT = Path("out")
TABLES = OUT / "tables"
HARDWARE = OUT / "hardware"
ADAPTED = OUT / "adapted"
WAVES = OUT / "waves"

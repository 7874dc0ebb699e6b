"""Default folders of the commands: each reads where the one before it writes."""

from pathlib import Path

OUT = Path("out")
TABLES = OUT / "tables"
HARDWARE = OUT / "hardware"
ADAPTED = OUT / "adapted"
WAVES = OUT / "waves"
CORNERS = OUT / "corners"
YIELD = OUT / "yield"
ABLATION = OUT / "ablation"

MOST_JOBS = 4096
"""Largest number of simulations at once."""
MOST_SAMPLES = 1_000_000
"""Largest number of random samples, passages, columns or steps that one run is asked for."""

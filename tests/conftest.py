"""Fixtures that several packages share."""

import signal
from pathlib import Path

import pytest

# A shell's background job ignores SIGINT, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

TINY_LIBRARY = """* tiny: one level-1 card per polarity, enough to test what is independent of the devices
.lib tt
.param tiny_vth=0.3
.endl tt
.lib ss
.param tiny_vth=0.35
.endl ss
.lib devices
.include "cards/tiny_cards.inc"
.endl devices
"""

TINY_CARDS = """* included by tiny.lib
.model tiny_n nmos (level=1 vto={tiny_vth} kp=300u lambda=0.1)
.model tiny_p pmos (level=1 vto={-tiny_vth} kp=150u lambda=0.1)
.subckt tiny_switch d g s w=1u l=1u
g1 d s g s {w/l*1e-4}
.ends tiny_switch
"""

TINY_TOML = """name = "tiny"
description = "Level-1 transistors for the tests"
library = "tiny.lib"
vdd = 0.9
temperature = 27.0
l_diffusion = 80e-9

[corners]
tt = ["tt", "devices"]
ss = ["ss", "devices"]

[devices.nmos]
model = "tiny_n"
kind = "mos"
polarity = "n"
l_min = 30e-9
w_min = 80e-9

[devices.pmos]
model = "tiny_p"
kind = "mos"
polarity = "p"
l_min = 30e-9
w_min = 80e-9

[devices.oxide]
model = "tiny_switch"
kind = "subckt"
polarity = "n"
l_min = 60e-9
w_min = 60e-9
ports = ["d", "g", "s"]

[mismatch]
a_vt = 1.8e-9
a_beta = 1e-8
"""


def write_tiny_technology(folder: Path) -> Path:
    """Write the tiny technology into `folder`; returns the path of its TOML file."""
    (folder / "cards").mkdir(parents=True)
    (folder / "cards" / "tiny_cards.inc").write_text(TINY_CARDS)
    (folder / "tiny.lib").write_text(TINY_LIBRARY)
    (folder / "tiny.toml").write_text(TINY_TOML)
    return folder / "tiny.toml"


@pytest.fixture
def tiny_technology(tmp_path: Path) -> Path:
    """Path of the TOML file of a technology small enough to simulate in milliseconds."""
    return write_tiny_technology(tmp_path / "tiny")

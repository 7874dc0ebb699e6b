"""Default parameters of the netlists against the default designs, and refused designs."""

import re

import pytest

from gaincell.circuits.designs import OXIDE_CELL, Converter, Designs, GainCell, SubArray
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench.bench import NETLISTS

SUFFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "": 1.0}


def defaults(netlist, subcircuit):
    """Default parameters of a sub-circuit in a netlist, SI, with l_min and w_min of generic28."""
    text = re.sub(r"\n\+", " ", (NETLISTS / f"{netlist}.sp").read_text())
    head = re.search(rf"^\.subckt {subcircuit} .*$", text, re.MULTILINE)[0]
    found = re.findall(r"(\w+)=([\d.]+)([fpnu]?)", head)
    relative = re.findall(r"(\w+)=\{(?:([\d.]+)\*)?(l_min|w_min)\}", head)
    return {name: float(number) * SUFFIX[suffix] for name, number, suffix in found} | {
        name: float(factor or 1) * getattr(GENERIC, size) for name, factor, size in relative
    }


DESIGNS = Designs()
GENERIC = Technology.load("generic28")


@pytest.mark.parametrize(
    ("netlist", "subcircuit", "parameters"),
    [
        ("gain_cell", "gain_cell", DESIGNS.cell.parameters),
        ("gain_cell", "gain_cell_oxide", GainCell(**OXIDE_CELL).parameters),
        ("charge_to_pulse", "charge_to_pulse", DESIGNS.converter.parameters),
        ("charge_to_pulse", "signed_charge_to_pulse", DESIGNS.readout.parameters),
        ("charge_to_pulse", "ramp_bias", DESIGNS.converter.bias_parameters),
        ("logic", "row_driver", {"x": DESIGNS.array.driver}),
    ],
)
def test_netlist_defaults_equal_the_default_design(netlist, subcircuit, parameters):
    assert defaults(netlist, subcircuit) == pytest.approx(parameters)


def test_invalid_design_values_are_refused():
    with pytest.raises(ValueError, match="must exceed v_write_off"):
        GainCell(v_write_on=-0.5)
    with pytest.raises(ValueError, match="greater than 0"):
        Converter(signed=False, i_ramp=0.0, w_ramp_p=1e-6, w_ramp_n=1e-6)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SubArray(rows=0)

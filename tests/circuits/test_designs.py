"""Default parameters of the netlists against the default designs, and refused designs."""

import re
from typing import get_args

import pytest

from gaincell.circuits.designs import OXIDE_CELL, WRITE_DEVICES, Converter, Designs, GainCell, SubArray
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.technology import Technology, technologies
from gaincell.circuits.testbench.bench import NETLISTS

SUFFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "": 1.0, "k": 1e3}


def defaults(netlist, subcircuit):
    """Default parameters of a sub-circuit in a netlist, SI, with l_min and w_min of generic28."""
    text = re.sub(r"\n\+", " ", (NETLISTS / f"{netlist}.sp").read_text())
    head = re.search(rf"^\.subckt {subcircuit} .*$", text, re.MULTILINE)[0]
    found = re.findall(r"(\w+)=([\d.]+)([fpnuk]?)", head)
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
        ("charge_to_pulse", "ramp_bias", DESIGNS.converter.bias_parameters | {"r_bias": 1e-3}),
        ("logic", "row_driver", {"x": DESIGNS.array.driver}),
        ("regulator", "regulator", DESIGNS.regulator.parameters),
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


def sizes_of(kinds):
    """Circuit and name of every size whose type is among these."""
    for circuit, field in Designs.model_fields.items():
        for name, size in field.annotation.model_fields.items():
            if kinds & {size.annotation, *get_args(size.annotation)}:
                yield circuit, name


NUMBERS = sorted(sizes_of({float, int}))


@pytest.mark.parametrize(
    "bad", [True, False, "1f", "nan", "inf", float("nan"), float("inf"), -float("inf"), 1e30]
)
def test_sizes_that_are_no_finite_numbers_in_range_are_refused(bad):
    """The list's case: `--set cell.c_store=true` was 1 F, and array.rows=true one row."""
    for circuit, name in NUMBERS:
        with pytest.raises(TechnologyError, match=rf"designs\.{circuit}") as error:
            Designs.of(GENERIC, **{circuit: {name: bad}})
        assert name in str(error.value)


def test_every_size_has_a_stated_range():
    schema = Designs.model_json_schema()
    for definition in schema["$defs"].values():
        for name, field in definition["properties"].items():
            for kind in field.get("anyOf", [field]):
                if kind.get("type") in ("number", "integer") and "enum" not in field:
                    assert {"maximum", "exclusiveMaximum"} & kind.keys(), name
                    assert {"minimum", "exclusiveMinimum"} & kind.keys(), name


@pytest.mark.parametrize("name", technologies())
def test_sizes_of_technologies_are_in_range(name):
    technology = Technology.load(name)
    assert Designs.of(technology).cell.c_store > 0
    for device in WRITE_DEVICES:
        Designs.of(technology, cell={"write_device": device})


def test_switches_and_absent_sizes_are_no_numbers():
    designs = Designs.of(GENERIC, array={"mirrored": True, "normaliser": None, "window": None})
    assert designs.array.mirrored is True
    assert (designs.array.normaliser, designs.array.window) == (None, None)
    assert Designs.of(GENERIC, converter={"phases": 2}).converter.phases == 2

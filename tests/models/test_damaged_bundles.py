"""Damage to saved hardware: the same numbers or one sentence, never other numbers and never a traceback."""

import json
import random
import shutil
from collections import Counter

import numpy as np
import pytest

from gaincell.circuits.errors import HardwareError
from gaincell.models import Hardware, Noise, Polynomial, Retention, Spline, shipped_hardware
from gaincell.models.hardware import SHIPPED

FILES = ("hardware.json", "hardware.safetensors")
FLIPS = 120
"""Damaged bytes per file and hardware; the time goes into reading generic28, 10 ms."""


def outcome(folder, expected):
    """ "same", or "refused" with one sentence; anything else fails."""
    try:
        found = Hardware.from_pretrained(folder)
    except HardwareError as error:
        assert "\n" not in str(error).strip()
        return "refused"
    assert found.model_dump_json() == expected
    return "same"


def damaged(content, randomly):
    """The content with one bit flipped, a byte replaced, left out, doubled, or cut off there."""
    at = randomly.randrange(len(content))
    kind = randomly.choice(["bit", "byte", "without", "doubled", "cut"])
    if kind == "bit":
        changed = bytes([content[at] ^ 1 << randomly.randrange(8)])
    elif kind == "byte":
        changed = bytes([randomly.randrange(256)])
    else:
        changed = {"without": b"", "doubled": content[at : at + 1] * 2, "cut": b""}[kind]
    return content[:at] + changed + (b"" if kind == "cut" else content[at + 1 :])


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", ["generic28-sc", "leroux2025"])
def test_single_damaged_bytes_are_refused_or_change_nothing(name, file, tmp_path):
    """The list's case: 6 of 150 flipped bits gave hardware of other numbers."""
    folder = tmp_path / "hw"
    shutil.copytree(SHIPPED / name, folder)
    expected = Hardware.from_pretrained(folder).model_dump_json()
    content, randomly = (folder / file).read_bytes(), random.Random(f"{name} {file}")
    found = Counter()
    for _ in range(FLIPS):
        (folder / file).write_bytes(damaged(content, randomly))
        found[outcome(folder, expected)] += 1
    print(f"{name} {file}: {dict(found)}")
    assert found["refused"] > FLIPS / 2


def fields(node, path=()):
    """Paths of all values in nested dictionaries and lists."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from fields(child, (*path, key))


VALUES = (None, True, -1, 0, 1e308, float("nan"), float("inf"), "", "text", [], {}, [[]], {"tensor": "none"})


def test_single_damaged_fields_are_refused_or_change_nothing(tmp_path):
    folder = tmp_path / "hw"
    shutil.copytree(SHIPPED / "generic28", folder)
    expected = Hardware.from_pretrained(folder).model_dump_json()
    path = folder / "hardware.json"
    content, randomly = path.read_text(), random.Random(0)
    everywhere = list(fields(json.loads(content)))
    top = [place for place in everywhere if len(place) == 1]
    found = Counter()
    for place in top * len(VALUES) + randomly.choices(everywhere, k=FLIPS):
        *parents, last = place
        document = node = json.loads(content)
        for key in parents:
            node = node[key]
        if randomly.random() < 0.2:
            del node[last]
        else:
            node[last] = randomly.choice(VALUES)
        path.write_text(json.dumps(document))
        found[outcome(folder, expected)] += 1
    print(f"fields: {dict(found)}")
    assert found["refused"] > FLIPS / 2
    for whole in ("[]", "null", "3", '"hardware"', "{}", "[" * 100_000, "\ufeff{}", ""):
        path.write_text(whole)
        assert outcome(folder, expected) == "refused"


def test_layout_of_the_json_is_free_and_the_order_of_keys_is_not(tmp_path):
    """Editors change indentation. The order of a box's arguments is that of a call's."""
    folder = tmp_path / "hw"
    shutil.copytree(SHIPPED / "leroux2025", folder)
    path = folder / "hardware.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document))
    assert Hardware.from_pretrained(folder) == Hardware.from_pretrained("leroux2025")
    path.write_text(json.dumps(document, sort_keys=True))
    with pytest.raises(HardwareError, match="not as it was saved"):
        Hardware.from_pretrained(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", ["edge", "v_max", "v_min", "q_sat_1", "t_pulse_max", "decay_per_token"])
def test_numbers_that_are_not_finite_are_refused(field, bad, tmp_path):
    """The list's case: a hardware.json with "edge": NaN or "v_max": Infinity was loaded."""
    shipped = Hardware.from_pretrained("leroux2025")
    with pytest.raises(ValueError, match="finite|between|below"):
        Hardware.model_validate(shipped.model_dump() | {field: bad})
    with pytest.raises(HardwareError, match="cannot be saved"):
        shipped.model_copy(update={field: bad}).save_pretrained(tmp_path / "hw")
    assert not (tmp_path / "hw").exists()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Polynomial(coefficients=[0, np.nan]), "1 of 2 numbers are not finite"),
        (lambda: Polynomial(coefficients=[1], center=np.inf), "finite"),
        (lambda: Polynomial(coefficients=[1], box={"x": (0, np.inf)}), "finite"),
        (lambda: Polynomial(coefficients=3.0), "need shape"),
        (lambda: Polynomial(coefficients=[1], center=True), "true or false"),
        (lambda: Spline(knots=1.0, coefficients=[[1, 2, 3, 4]]), "knots"),
        (lambda: Noise(charge_1=np.nan, charge_2=0), "finite"),
        (lambda: Retention(voltages=[0, 1], ages=[0, 0], drift=np.zeros((2, 2))), "ages"),
        (lambda: Retention(voltages=0, ages=[0, 1], drift=[0, 0]), "voltages"),
    ],
)
def test_surrogates_of_impossible_numbers_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_provenance_that_json_cannot_hold_is_refused():
    shipped = Hardware.from_pretrained("ideal").model_dump()
    for bad in ({"seconds": np.inf}, {"path": object()}):
        with pytest.raises(ValueError, match="provenance"):
            Hardware.model_validate(shipped | {"provenance": bad})


@pytest.mark.parametrize("name", shipped_hardware())
def test_shipped_bundles_have_the_present_format(name):
    assert json.loads((SHIPPED / name / "hardware.json").read_text())["format"] == 3

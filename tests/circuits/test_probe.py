"""A technology that cannot work is refused before a long run, with the key to correct."""

import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.probe import probe
from gaincell.circuits.technology import Technology


def changed(path, old, new):
    """The technology of a TOML file after a replacement in its text."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return Technology.load(path)


def test_working_technology_passes_in_every_corner(tiny_technology):
    technology = Technology.load(tiny_technology)
    for corner in technology.corners:
        probe(technology, corner, 85.0)


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ('tt = ["tt", "devices"]', 'tt = ["typ", "devices"]', ("typ not found", "correct `corners.tt`")),
        ('model = "tiny_n"', 'model = "tny_n"', ("devices.nmos (mos tny_n", "correct its `model`")),
        (
            'model = "tiny_switch"',
            'model = "switch"',
            ("devices.oxide (subckt switch", "correct its `model`"),
        ),
        (
            "w_min = 80e-9\n\n[devices.pmos]",
            'w_min = 80e-9\nthreshold_shift = "dvth"\n\n[devices.pmos]',
            ("devices.nmos", "unknown parameter (dvth)", "parameter names"),
        ),
        (
            'model = "tiny_p"\nkind = "mos"\npolarity = "p"',
            'model = "tiny_p"\nkind = "mos"\npolarity = "n"',
            ("devices.pmos (tiny_p) carries", "`polarity`"),
        ),
        (
            "l_min = 30e-9\nw_min = 80e-9\n\n[devices.pmos]",
            "l_min = 30e-3\nw_min = 80e-9\n\n[devices.pmos]",
            ("devices.nmos (tiny_n) carries", "A per metre of width", "w and l in metres"),
        ),
    ],
    ids=["section", "model", "subcircuit", "parameter", "polarity", "unit"],
)
def test_message_names_the_defect_and_the_key_to_correct(tiny_technology, old, new, messages):
    technology = changed(tiny_technology, old, new)
    with pytest.raises(TechnologyError) as error:
        probe(technology, "tt")
    for message in ("technology tiny, corner tt", *messages):
        assert message in str(error.value)


def test_characterization_of_a_broken_technology_writes_nothing(tiny_technology, tmp_path):
    changed(tiny_technology, 'model = "tiny_n"', 'model = "tny_n"')
    plan = Plan(name="all", technology=str(tiny_technology), procedures=("device", "cell_transfer"))
    with pytest.raises(TechnologyError, match="correct its `model`"):
        characterize(plan, tmp_path / "out", cache=Cache(tmp_path / "cache"))
    assert not (tmp_path / "out").exists()

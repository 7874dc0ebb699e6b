"""The record of a trim: kept with the hardware, out of its digest, and combined like the rest."""

import numpy as np
import pytest
from dies import hardware_at

from gaincell.circuits.errors import HardwareError
from gaincell.models import (
    DieTrim,
    EnergyModel,
    Hardware,
    ReplicaBank,
    StageEnergy,
    StandingPower,
    SubTileOperations,
)
from gaincell.models.combination import combine
from gaincell.models.published import ideal, leroux2025


def trim(middle: int = -9, current: float = 2.4e-5, **update) -> DieTrim:
    bank = ReplicaBank(replica_cells=8, i_ramp=current, i_ramp_n=current / 2, t_skew=7e-10)
    values = {"steps": 256, "bottom": 0, "middle": middle, "top": 21, "measurements": 17}
    return DieTrim(**values | update, banks={"converter": bank})


def test_trim_is_saved_and_is_no_part_of_the_digest(tmp_path):
    plain = hardware_at()
    trimmed = hardware_at(trim=trim())
    assert trimmed == plain
    assert trimmed.digest == plain.digest
    trimmed.save_pretrained(tmp_path)
    assert Hardware.from_pretrained(tmp_path).trim == trim()
    assert trim().sentence == (
        "write references at codes 0 (bottom), -9 (middle) and 21 (top) of 256 after 17 signs; ramps and "
        "delays: ReLU 24 and 12 uA (8 replica cells), 700 ps"
    )


def test_hardware_without_a_trimmed_die_has_no_trim():
    assert [make().trim for make in (leroux2025, ideal, hardware_at)] == [None] * 3


def test_between_temperatures_the_codes_stay_and_the_replicas_follow():
    hot = hardware_at("tt", 125.0, trim=trim(current=2e-5))
    die = hardware_at(trim=trim()).model_copy(update={"fitted_at": (hot,)})
    assert die.at(125.0).trim == hot.trim
    warm = die.at(76.0).trim
    assert (warm.bottom, warm.middle, warm.top, warm.measurements) == (0, -9, 21, 17)
    inverse = [1 / (celsius + 273.15) for celsius in (27.0, 76.0, 125.0)]
    share = (inverse[0] - inverse[1]) / (inverse[0] - inverse[2])
    assert warm.banks["converter"].i_ramp == pytest.approx(2.4e-5 - share * 0.4e-5)


def test_between_dies_each_code_is_the_nearest_to_the_mean():
    parts = [hardware_at("tt", trim=trim(-9)), hardware_at("fs", trim=trim(-2))]
    assert combine(parts, [0.25, 0.75]).trim.middle == -4
    assert combine(parts, [0.0, 1.0]).trim == trim(-2)


@pytest.mark.parametrize("other", [None, trim(steps=512)])
def test_a_trimmed_and_an_untrimmed_or_otherwise_trimmed_die_are_not_combined(other):
    with pytest.raises(HardwareError, match="different circuits cannot be combined .trim"):
        combine([hardware_at(trim=trim()), hardware_at("fs", trim=other)], [0.5, 0.5])


def test_energies_of_a_bank_are_averaged():
    def billed(corner: str, watts: float, joules: float) -> Hardware:
        laws = {"bias": StandingPower(watts=watts), "spare": SubTileOperations(joules=joules)}
        stages = tuple(StageEnergy(name=name, origin="simulated", law=law) for name, law in laws.items())
        return hardware_at(corner, energy=EnergyModel(stages=stages))

    found = combine([billed("tt", 4e-5, 1e-13), billed("ff", 6e-5, 2e-13)], [0.75, 0.25])
    bias, spare = (stage.law for stage in found.energy.stages)
    np.testing.assert_allclose([bias.watts, spare.joules], [4.5e-5, 1.25e-13])

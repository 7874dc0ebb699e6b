"""Loss of a regulator in the ledger."""

import pytest

from gaincell.cosim.ledger.accounting import account
from gaincell.models import EnergyModel, StageEnergy, SupplyLoss

FED = ("K array", "K lines", "writes", "ramp bias")


@pytest.fixture
def regulated(full):
    """The hardware with a regulator that loses a third of what it feeds."""
    loss = StageEnergy(name="loss", origin="simulated", law=SupplyLoss(share=1 / 3, stages=FED))
    energy = EnergyModel(stages=(*full.energy.stages, loss))
    return full.model_copy(update={"energy": energy})


def test_loss_is_a_share_of_the_fed_stages_in_every_head(full, regulated, traces_of):
    ledger, plain = (account(traces_of(full), hardware) for hardware in (regulated, full))
    for head in range(2):
        fed = sum(e.energy_J for e in plain.entries if e.stage in FED and e.head == head and e.layer == "a")
        lost = sum(
            e.energy_J for e in ledger.entries if e.stage == "loss" and e.head == head and e.layer == "a"
        )
        assert lost == pytest.approx(fed / 3, rel=1e-12)
    stages = ledger.stages()
    assert stages["loss"][0] == pytest.approx(sum(stages[name][0] for name in FED) / 3, rel=1e-12)
    assert ledger.energy_per_token_head_J == pytest.approx(
        plain.energy_per_token_head_J + stages["loss"][0], rel=1e-12
    )


def test_loss_grows_with_the_window_as_what_it_feeds(full, regulated, traces_of):
    wide = account(traces_of(full), regulated).at_window(112)
    stages = wide.stages()
    assert stages["loss"][0] == pytest.approx(sum(stages[name][0] for name in FED) / 3, rel=1e-12)
    assert {e.per for e in wide.entries if e.stage == "loss"} == {"key", "sub-tile", "token"}


def test_loss_of_an_unknown_stage_is_refused():
    loss = StageEnergy(name="loss", origin="simulated", law=SupplyLoss(share=0.3, stages=("cells",)))
    with pytest.raises(ValueError, match="'loss' is a loss of 'cells', which is no stage before it"):
        EnergyModel(stages=(loss,))

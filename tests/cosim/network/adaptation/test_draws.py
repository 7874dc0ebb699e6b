"""Adaptation through dies and chips: what each step sees, its record, resumption and refusals."""

import json
from dataclasses import replace

import pytest
import torch
from dies import STRENGTHS, hardware_at, local
from tiny import CONTEXT, SENTENCE, corpus, network
from typer.testing import CliRunner

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import Effects, convert, gain_cell_layers
from gaincell.cosim.cli import app
from gaincell.cosim.network.adaptation import training_text as training_text_module
from gaincell.cosim.network.adaptation.adapt import Observer, adapt_model
from gaincell.cosim.network.adaptation.draws import FIRST, Draws
from gaincell.cosim.network.adaptation.fine_tuning import TRIAL_STEPS, fine_tune, steps_in
from gaincell.cosim.network.adaptation.lora import with_lora
from gaincell.cosim.network.adaptation.proxy import proxy_of
from gaincell.cosim.network.adaptation.trainer import Recipe, train
from gaincell.cosim.network.batches import held_out_windows, measure
from gaincell.cosim.network.corpus import encode
from gaincell.models import Hardware
from gaincell.models.dies import DieSet, draw_die

RECIPE = Recipe(steps=20, batch=2, context=CONTEXT, learning_rate=3e-3, warmup=2)
RANGE = (-40.0, 125.0)


@pytest.fixture(autouse=True)
def small_text(monkeypatch):
    monkeypatch.setattr(training_text_module, "demo_corpus", corpus)


@pytest.fixture(scope="module")
def fitted():
    return [hardware_at(corner, temperature) for corner in STRENGTHS for temperature in (-40.0, 27.0, 125.0)]


@pytest.fixture(scope="module")
def dies(fitted):
    return DieSet.of(fitted, hardware_at(mismatch=local()))


@pytest.fixture(scope="module")
def nominal(dies):
    return dies.at(0.0, 0.0, 27.0)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """Directory of a tiny network that knows the sentence, as transformers saves it."""
    directory = tmp_path_factory.mktemp("pretrained")
    torch.set_num_threads(1)
    model = network()
    train(
        model,
        Recipe(steps=60, batch=8, context=CONTEXT, learning_rate=5e-3, warmup=5),
        encode(SENTENCE * 40),
    )
    model.save_pretrained(directory)
    return directory


def seen_by(model, draws, recipe=RECIPE, **settings):
    """Hardware, effects and chip of the first layer in each training step, and the loss curve."""
    layer, seen = next(iter(gain_cell_layers(model).values())), []

    def spy(*_):
        if model.training:
            seen.append((layer.hardware, layer.effects, layer.chip))

    handle = model.register_forward_pre_hook(spy)
    curve = fine_tune(model, recipe, encode(SENTENCE * 40), draws=draws, **settings)
    handle.remove()
    return seen, curve


def test_every_step_sees_its_own_die_and_chip(dies, nominal):
    model = convert(network(), nominal)
    seen, _ = seen_by(model, Draws(nominal, dies, every=3, seed=5))
    near, rough = proxy_of(nominal, Effects())
    for step, (hardware, effects, chip) in enumerate(seen):
        die = draw_die(FIRST + step // 3, temperature=RANGE, seed=5)
        expected = dies.die(die)
        exact = step >= 19
        assert hardware == expected.with_cell(nominal.cell if exact else near.cell)
        assert chip.seed == die.chip
        # The proxy leaves the converters out, whose deviations a chip has.
        assert effects == (Effects() if exact else rough.__class__(**{**vars(rough), "converter": True}))
    layer = next(iter(gain_cell_layers(model).values()))
    assert (layer.hardware, layer.effects, layer.chip) == (nominal, Effects(), None)


def test_dies_without_chips_have_nominal_circuits(dies, nominal):
    model = convert(network(), nominal)
    seen, _ = seen_by(model, Draws(nominal, dies, chips=False, every=5))
    assert {chip for *_, chip in seen} == {None}
    assert len({hardware.digest for hardware, *_ in seen[:19]}) == 4
    assert seen[0][1] == proxy_of(nominal, Effects())[1]


def test_chips_of_one_hardware_differ_in_their_seed_only(nominal):
    model = convert(network(), nominal)
    seen, _ = seen_by(model, Draws(nominal, every=2))
    seeds = [chip.seed for *_, chip in seen]
    assert len(set(seeds)) == 10
    assert seeds[0::2] == seeds[1::2]
    assert {hardware.cell for hardware, *_ in seen[:19]} == {proxy_of(nominal, Effects())[0].cell}
    other = seen_by(convert(network(), nominal), Draws(nominal, every=2, seed=1))[0]
    assert {chip.seed for *_, chip in other}.isdisjoint(seeds)


def test_held_out_losses_are_those_of_the_nominal_die(dies, nominal):
    watched = held_out_windows(encode(SENTENCE * 8), context=CONTEXT, limit=256)
    model = convert(network(), nominal)
    _, curve = seen_by(model, Draws(nominal, dies, chips=False, every=5), held_out=watched)
    assert curve[-1]["held_out"] == measure(model, watched).nats
    assert all("held_out" in row for row in curve)


def test_weights_follow_from_the_seed_of_the_draws(dies, nominal):
    def trained(draws):
        model = convert(network(), nominal)
        fine_tune(model, replace(RECIPE, steps=4), encode(SENTENCE * 40), draws=draws)
        return torch.cat([parameter.flatten() for parameter in model.parameters()])

    first = trained(Draws(nominal, dies, chips=False))
    assert torch.equal(trained(Draws(nominal, dies, chips=False)), first)
    for other in (None, Draws(nominal, dies, chips=False, seed=1), Draws(nominal, dies)):
        assert not torch.equal(trained(other), first)


def test_steps_for_a_time_budget_are_measured_with_draws(dies, nominal, monkeypatch):
    model, seen = convert(network(), nominal), []
    monkeypatch.setattr(Draws, "at", lambda self, step: (seen.append(step), (nominal, None))[1])
    assert steps_in(1e-9, [model], network(), RECIPE, encode(SENTENCE * 40), Draws(nominal, dies)) == 20
    assert seen == list(range(TRIAL_STEPS))


class Interrupted(Exception):
    pass


def test_adaptation_through_dies_is_recorded_and_resumed(pretrained, dies, nominal, tmp_path, monkeypatch):
    monkeypatch.setattr("gaincell.cosim.network.adaptation.trainer.CHECKPOINT_SECONDS", 0.0)
    draws, recipe = Draws(nominal, dies, every=2), Recipe(steps=8, batch=2, context=CONTEXT)
    whole = adapt_model(str(pretrained), nominal, tmp_path / "whole", recipe=recipe, draws=draws)
    record = json.loads((tmp_path / "whole" / "adaptation.json").read_text())["settings"]["draws"]
    assert record == {
        "dies": [one.digest for one in dies.fitted],
        "temperatures": list(RANGE),
        "chips": True,
        "mismatch": local().digest,
        "every": 2,
        "seed": 0,
    }

    def stop(done, loss):
        if done == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        adapt_model(
            str(pretrained),
            nominal,
            tmp_path / "broken",
            recipe=recipe,
            draws=draws,
            observer=Observer(step=stop),
        )
    resumed = adapt_model(str(pretrained), nominal, tmp_path / "broken", recipe=recipe, draws=draws)
    assert resumed.held_out == whole.held_out
    assert adapt_model(str(pretrained), nominal, tmp_path / "whole", recipe=recipe, draws=draws).cached
    other = Draws(nominal, dies, every=1)
    assert not adapt_model(str(pretrained), nominal, tmp_path / "whole", recipe=recipe, draws=other).cached


def test_additions_of_low_rank_learn_through_draws(dies, nominal):
    pytest.importorskip("peft")

    def trained(draws):
        wrapped = with_lora(convert(network(), nominal), network(), 2)
        seen, _ = seen_by(wrapped, draws, replace(RECIPE, steps=4))
        learnt = [p.flatten() for name, p in wrapped.named_parameters() if "lora_" in name]
        return seen, torch.cat(learnt)

    seen, through_dies = trained(Draws(nominal, dies))
    expected, _ = seen_by(convert(network(), nominal), Draws(nominal, dies), replace(RECIPE, steps=4))
    assert [(hardware, chip.seed) for hardware, _, chip in seen] == [
        (hardware, chip.seed) for hardware, _, chip in expected
    ]
    assert not torch.equal(through_dies, trained(None)[1])


def test_draws_that_have_no_meaning_are_refused(fitted, dies, nominal, leroux):
    with pytest.raises(HardwareError, match="describes no mismatch"):
        Draws(leroux)
    with pytest.raises(HardwareError, match="--mismatch, or leave --chips out"):
        Draws(fitted[0], DieSet.of(fitted))
    elsewhere = {**nominal.provenance, "technology": {"digest": "of another one"}}
    with pytest.raises(HardwareError, match="other circuits than the dies; leave it out"):
        Draws(nominal.model_copy(update={"provenance": elsewhere}), dies)
    with pytest.raises(ValueError, match="every=0"):
        Draws(nominal, dies, every=0)
    with pytest.raises(ValueError, match="dies, chips or both"):
        Draws(nominal, chips=False)


def test_command_adapts_to_the_typical_die_of_a_folder(pretrained, fitted, tmp_path):
    for number, one in enumerate(fitted):
        one.save_pretrained(tmp_path / "corners" / str(number) / "hardware")
    hardware_at(mismatch=local()).save_pretrained(tmp_path / "local")
    command = [
        "adapt",
        str(pretrained),
        "--steps",
        "2",
        "--threads",
        "1",
        "--dies",
        str(tmp_path / "corners"),
    ]

    def run(*options):
        return CliRunner().invoke(app, [*command, *options, "--out", str(tmp_path / "out")])

    result = run("--chips", "--mismatch", str(tmp_path / "local"), "--draw-steps", "2", "--json")
    assert result.exit_code == 0, result.output
    settings = json.loads(result.stdout)["settings"]
    assert settings["draws"]["every"] == 2
    saved = Hardware.from_pretrained(tmp_path / "out" / "hardware")
    assert saved.provenance["condition"] == {"corner": "tt", "temperature": 27.0, "vdd": 0.9}
    assert "leave --chips out" in run("--chips").output
    assert "no fitted hardware" in run("--dies", str(tmp_path / "local")).output
    refused = run("--mismatch", "generic28")
    assert refused.exit_code == 2
    assert "belongs to --dies with --chips" in refused.output

"""Adaptation with its control: it improves, is fair, resumes, and is not repeated."""

import copy
import json
import shutil
from dataclasses import asdict, replace

import pytest
import torch
from tiny import CONTEXT, SENTENCE, corpus, network

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import Effects, convert, from_pretrained, gain_cell_layers
from gaincell.cosim.network import evaluate as evaluate_module
from gaincell.cosim.network import held_out as held_out_module
from gaincell.cosim.network.adaptation import adapt as adapt_module
from gaincell.cosim.network.adaptation import stages as stages_module
from gaincell.cosim.network.adaptation import training_text as training_text_module
from gaincell.cosim.network.adaptation.adapt import Observer, adapt_model, read_adaptation
from gaincell.cosim.network.adaptation.fine_tuning import TRIAL_STEPS, fine_tune, steps_in
from gaincell.cosim.network.adaptation.trainer import Recipe, train
from gaincell.cosim.network.batches import held_out_windows, measure
from gaincell.cosim.network.checkpoints import load_softmax, locate
from gaincell.cosim.network.corpus import encode
from gaincell.cosim.network.evaluate import evaluate_model

RECIPE = Recipe(steps=10, batch=4, context=CONTEXT, learning_rate=3e-3, warmup=2, distillation=0.3)


@pytest.fixture(autouse=True)
def small_text(monkeypatch):
    for module in (training_text_module, evaluate_module, held_out_module):
        monkeypatch.setattr(module, "demo_corpus", corpus)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """Directory of a tiny network that knows the sentence, as transformers saves it."""
    directory = tmp_path_factory.mktemp("pretrained")
    torch.set_num_threads(1)
    model = network()
    recipe = Recipe(steps=120, batch=8, context=CONTEXT, learning_rate=5e-3, warmup=5)
    train(model, recipe, encode(SENTENCE * 40))
    model.save_pretrained(directory)
    return directory


class Interrupted(Exception):
    pass


def test_adaptation_improves_on_matching_and_is_written_whole(pretrained, leroux, tmp_path):
    out = tmp_path / "adapted"
    phases, steps = [], []
    watching = Observer(
        lambda name, total: phases.append((name, total)), lambda done, loss: steps.append(done)
    )
    result = adapt_model(str(pretrained), leroux, out, recipe=RECIPE, observer=watching)
    windows = [("measure softmax", 11), ("measure calibrated", 11)]
    assert phases == [("calibrate", 2), *windows, ("adapted", 10), ("control", 10)]
    assert steps == [0, 1, 2, 8, 11, 8, 11, *range(1, 11), *range(1, 11)]
    assert result.held_out["adapted"] < result.held_out["calibrated"]
    assert set(result.held_out) == {"softmax", "calibrated", "adapted", "control"}
    assert not (out / "state").exists()
    record = json.loads((out / "adaptation.json").read_text())
    assert record["settings"]["hardware"] == leroux.digest
    assert record["curves"]["adapted"][-1]["step"] == record["curves"]["control"][-1]["step"] == 10

    rows = evaluate_model(locate(str(out)), leroux, tokens=None)
    assert rows["notes"] == []
    assert rows["nats_per_token"]["adapted"] == pytest.approx(result.held_out["adapted"], abs=0.02)
    assert rows["nats_per_token"]["control"] == pytest.approx(result.held_out["control"], abs=0.02)
    assert rows["nats_per_token"]["softmax"] == pytest.approx(result.held_out["softmax"], abs=1e-3)
    gap = rows["nats_per_token"]["adapted"] - rows["nats_per_token"]["control"]
    assert rows["adapted_minus_control_nats"] == pytest.approx(gap)


def test_a_finished_adaptation_is_not_repeated_unless_its_settings_change(pretrained, leroux, tmp_path):
    first = adapt_model(str(pretrained), leroux, tmp_path, recipe=RECIPE)
    untouched = Observer(phase=lambda name, steps: pytest.fail("worked again"))
    again = adapt_model(str(pretrained), leroux, tmp_path, recipe=RECIPE, observer=untouched)
    assert again.cached
    assert asdict(again) | {"cached": False} == asdict(first)
    linear = adapt_model(str(pretrained), leroux.with_cell("linear"), tmp_path, recipe=RECIPE)
    assert not linear.cached
    assert read_adaptation(tmp_path) == linear


def test_an_interrupted_adaptation_ends_where_an_uninterrupted_one_does(
    pretrained, leroux, tmp_path, monkeypatch
):
    for name, value in (("CHECKPOINT_SECONDS", 0.0), ("CHECKPOINT_SHARE", float("inf"))):
        monkeypatch.setattr(f"gaincell.cosim.network.adaptation.trainer.{name}", value)
    whole = adapt_model(str(pretrained), leroux, tmp_path / "whole", recipe=RECIPE)
    for phase, after in (("adapted", 7), ("control", 3)):
        current = []

        def stop(done, loss, phase=phase, after=after, current=current):
            if current[-1] == phase and done == after:
                raise Interrupted

        watching = Observer(lambda name, steps, current=current: current.append(name), stop)
        with pytest.raises(Interrupted):
            adapt_model(str(pretrained), leroux, tmp_path / "broken", recipe=RECIPE, observer=watching)
        assert read_adaptation(tmp_path / "broken") is None
        with pytest.raises(ModelError):
            locate(str(tmp_path / "broken"))
    with pytest.raises(ModelError, match="unfinished adaptation with other settings"):
        adapt_model(str(pretrained), leroux.with_cell("linear"), tmp_path / "broken", recipe=RECIPE)
    resumed = adapt_model(str(pretrained), leroux, tmp_path / "broken", recipe=RECIPE)
    assert resumed.held_out == whole.held_out
    one, other = (from_pretrained(tmp_path / name).state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_model_that_cannot_be_adapted_does_not_block_the_folder(pretrained, leroux, tmp_path, monkeypatch):
    def refuses(*_, **__):
        raise ModelError("no attention module")

    out = tmp_path / "out"
    for module, stage in ((adapt_module, "convert"), (stages_module, "calibrate")):
        with monkeypatch.context() as broken, pytest.raises(ModelError, match="no attention module"):
            broken.setattr(module, stage, refuses)
            adapt_model(str(pretrained), leroux, out, recipe=RECIPE)
        assert not out.exists()
    linear = adapt_model(str(pretrained), leroux.with_cell("linear"), out, recipe=replace(RECIPE, steps=1))
    assert linear.steps == 1


def test_adapted_and_control_see_the_same_batches_at_the_same_rates(pretrained, leroux, monkeypatch):
    softmax = load_softmax(pretrained)
    seen: dict[str, list] = {}
    for name, model in (
        ("adapted", convert(copy.deepcopy(softmax), leroux)),
        ("control", copy.deepcopy(softmax)),
    ):
        rates, batches = seen.setdefault(name, [[], []])
        step = torch.optim.AdamW.step

        def spy(self, *args, rates=rates, step=step):
            rates.append(self.param_groups[0]["lr"])
            return step(self, *args)

        monkeypatch.setattr(torch.optim.AdamW, "step", spy)
        model.register_forward_pre_hook(
            lambda module, args, kwargs, batches=batches: batches.append(kwargs["input_ids"].clone()),
            with_kwargs=True,
        )
        fine_tune(model, RECIPE, encode(corpus().train), teacher=softmax)
        monkeypatch.undo()
    assert seen["adapted"][0] == seen["control"][0]
    assert len(seen["adapted"][1]) == len(seen["control"][1]) == RECIPE.steps
    assert all(torch.equal(a, b) for a, b in zip(seen["adapted"][1], seen["control"][1], strict=True))


def test_fine_tuning_trains_weights_and_scalers_and_leaves_the_effects_as_they_were(pretrained, leroux):
    softmax = load_softmax(pretrained)
    effects = Effects().without("column")
    model = convert(copy.deepcopy(softmax), leroux, effects=effects)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    used = []
    layer = next(iter(gain_cell_layers(model).values()))
    layer.register_forward_pre_hook(lambda module, args: used.append(module.effects.decay))
    fine_tune(model, RECIPE, encode(corpus().train), teacher=softmax)
    unchanged = [name for name, value in model.state_dict().items() if torch.equal(value, before[name])]
    assert unchanged == []
    assert used == [False] * 9 + [True]
    assert all(layer.effects == effects for layer in gain_cell_layers(model).values())


def test_a_time_budget_becomes_steps_once(pretrained, leroux, tmp_path, monkeypatch):
    monkeypatch.setattr(stages_module, "steps_in", lambda minutes, *rest: round(minutes * 40))
    assert adapt_model(str(pretrained), leroux, tmp_path, recipe=RECIPE, minutes=0.1).steps == 4
    assert adapt_model(str(pretrained), leroux, tmp_path, recipe=RECIPE, minutes=0.1).cached


def test_an_edited_record_of_an_adaptation_is_refused(pretrained, leroux, tmp_path):
    adapt_model(str(pretrained), leroux, tmp_path, recipe=replace(RECIPE, steps=1))
    path = tmp_path / "adaptation.json"
    record = json.loads(path.read_text())
    for edited in (
        record | {"held_out": record["held_out"] | {"adapted": 0.1}},
        record | {"model": "demo"},
        record | {"digest": "0"},
        [record],
        {},
    ):
        path.write_text(json.dumps(edited))
        for read in (read_adaptation, lambda folder: locate(str(folder))):
            with pytest.raises(ModelError, match=r"adaptation.json is damaged.*--fresh"):
                read(tmp_path)
    del record["digest"]  # of an earlier version
    path.write_text(json.dumps(record))
    assert read_adaptation(tmp_path).steps == 1


def test_damaged_records_of_an_unfinished_adaptation_are_refused(pretrained, leroux, tmp_path, monkeypatch):
    monkeypatch.setattr(stages_module, "steps_in", lambda minutes, *rest: 4)

    def run(observer=adapt_module.SILENT):
        return adapt_model(str(pretrained), leroux, tmp_path, recipe=RECIPE, minutes=0.1, observer=observer)

    def stop(done, loss):
        if loss == loss:
            raise Interrupted

    with pytest.raises(Interrupted):
        run(Observer(step=stop))
    for name in ("settings.json", "steps.json"):
        path = tmp_path / "state" / name
        whole = path.read_text()
        for damage in (whole.replace("0", "1"), whole.replace("4", "5"), whole[:-9], "[]", "4", "\0"):
            path.write_text(damage)
            with pytest.raises(ModelError, match=f"{name} is damaged; pass --fresh"):
                run()
        path.write_text(whole)
    assert run().steps == 4


def test_steps_for_a_time_budget_grow_with_it_and_train_nothing(pretrained, leroux):
    softmax = load_softmax(pretrained)
    adapted = convert(copy.deepcopy(softmax), leroux)
    before = {name: value.clone() for name, value in adapted.state_dict().items()}
    tokens = encode(corpus().train)
    few, many = (steps_in(minutes, (adapted, softmax), softmax, RECIPE, tokens) for minutes in (0.05, 5))
    assert TRIAL_STEPS <= few < many
    assert all(torch.equal(value, before[name]) for name, value in adapted.state_dict().items())


def test_evaluation_of_a_plain_model_says_what_is_missing(pretrained, leroux):
    result = evaluate_model(locate(str(pretrained)), leroux, tokens=2 * CONTEXT)
    assert result["tokens"] == 2 * CONTEXT
    assert result["perplexity"]["adapted"] is None
    assert result["perplexity"]["control"] is None
    assert result["adapted_minus_control_nats"] is None
    assert any("gaincell adapt" in note for note in result["notes"])
    assert result["nats_per_byte"]["softmax"] == pytest.approx(result["nats_per_token"]["softmax"])
    windows = held_out_windows(encode(corpus().held_out), context=CONTEXT, limit=2 * CONTEXT)
    by_hand = measure(load_softmax(pretrained), windows).perplexity
    assert result["perplexity"]["softmax"] == pytest.approx(by_hand, rel=1e-6)


def test_rows_whose_network_is_gone_are_empty_with_a_note(pretrained, leroux, tmp_path):
    moved = tmp_path / "pretrained"
    shutil.copytree(pretrained, moved)
    adapt_model(str(moved), leroux, tmp_path / "adapted", recipe=replace(RECIPE, steps=1))
    shutil.rmtree(moved)
    result = evaluate_model(locate(str(tmp_path / "adapted")), leroux.with_cell("linear"), tokens=CONTEXT)
    assert result["perplexity"]["softmax"] is None
    assert result["perplexity"]["calibrated"] is None
    assert result["perplexity"]["adapted"] > 1
    assert any("is not there" in note for note in result["notes"])
    assert any("measured on other hardware" in note for note in result["notes"])


def test_identity_scalers_and_ideal_hardware_change_nothing(pretrained, ideal):
    result = evaluate_model(locate(str(pretrained)), ideal, tokens=None)
    assert result["nats_per_token"]["mapped"] == pytest.approx(result["nats_per_token"]["softmax"], abs=1e-5)


def test_evaluations_outside_the_validity_box_are_counted(pretrained, full):
    narrow = full.model_copy(
        update={"column_1": full.column_1.model_copy(update={"box": {"a": (0.0, 1e-6), "u": (0.0, 1e-6)}})}
    )
    found = evaluate_model(locate(str(pretrained)), narrow, tokens=CONTEXT)
    outside, of = found["outside_box"], found["outside_box_of"]
    assert 0 < outside["mapped"]["column_1"] <= of["mapped"]["column_1"]


def test_chips_are_measured_beside_the_nominal_circuits(pretrained, full):
    full = full.model_copy(update={"rows": 64})
    result = evaluate_model(locate(str(pretrained)), full, tokens=CONTEXT, chips=(1, 5, 1))
    chips = result["chips"]
    assert (chips["row"], chips["seed"]) == ("calibrated", [1, 5, 1])
    first, second, again = chips["nats_per_token"]
    assert first == again != second
    assert chips["mean_minus_nominal_nats"] == pytest.approx(
        (2 * first + second) / 3 - result["nats_per_token"]["calibrated"]
    )
    assert chips["spread_nats"] == pytest.approx(abs(first - second) / 3**0.5)
    assert evaluate_model(locate(str(pretrained)), full, tokens=CONTEXT)["chips"] is None


def test_chips_of_hardware_without_mismatch_are_refused(pretrained, leroux):
    with pytest.raises(HardwareError, match="describes no mismatch"):
        evaluate_model(locate(str(pretrained)), leroux, tokens=CONTEXT, chips=(1,))


def test_a_text_that_is_too_short_names_the_minimum(pretrained, leroux):
    with pytest.raises(ModelError, match=f"at least {CONTEXT + 1}"):
        evaluate_model(locate(str(pretrained)), leroux, content="too short")


def test_what_is_no_model_is_refused(tmp_path, leroux):
    with pytest.raises(ModelError, match="holds no model"):
        locate(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(ModelError, match="cannot load the model"):
        evaluate_model(locate(str(tmp_path)), leroux)


@pytest.mark.parametrize("name", ["/nonexist", "./gpt2", "../gpt2", "~/gpt2", "a/b/c", "here/gpt2", "gpt2/"])
def test_a_folder_that_is_not_there_is_not_looked_for_elsewhere(name, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=f"^there is no folder {name}; give one that .* or `demo`$"):
        locate(name)


def test_names_of_the_hub_are_left_to_transformers():
    for name in ("gpt2", "openai-community/gpt2"):
        assert locate(name).softmax == name


def test_a_name_that_transformers_does_not_know_is_first_a_folder_that_is_not_there(monkeypatch):
    def unknown(*_, **__):
        raise OSError("We couldn't connect to the hub")

    monkeypatch.setattr("gaincell.cosim.network.checkpoints.AutoModelForCausalLM.from_pretrained", unknown)
    with pytest.raises(ModelError, match="^there is no folder out/adapted2, and transformers finds no model"):
        load_softmax("out/adapted2")

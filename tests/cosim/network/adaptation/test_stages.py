"""Stages of an adaptation: layer by layer and end to end, on any text; each is resumed."""

import copy
import functools
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dask_cluster import cluster
from tiny import CONTEXT, SENTENCE, llama, network

from gaincell.characterization.backends import dask
from gaincell.circuits.errors import ModelError
from gaincell.cosim import convert, from_pretrained, gain_cell_layers
from gaincell.cosim.network.adaptation import layerwise as layerwise_module
from gaincell.cosim.network.adaptation import self_text as self_text_module
from gaincell.cosim.network.adaptation.adapt import Observer, adapt_model
from gaincell.cosim.network.adaptation.budget import Budget
from gaincell.cosim.network.adaptation.distillation import hidden_error
from gaincell.cosim.network.adaptation.fine_tuning import RECIPE, recipe_for
from gaincell.cosim.network.adaptation.layer_inputs import cache_inputs, inputs_file
from gaincell.cosim.network.adaptation.layerwise import distil_layers, on_cluster
from gaincell.cosim.network.adaptation.lora import merged, with_lora
from gaincell.cosim.network.adaptation.self_text import write_text
from gaincell.cosim.network.adaptation.state import RunState
from gaincell.cosim.network.adaptation.trainer import Recipe, train
from gaincell.cosim.network.checkpoints import locate
from gaincell.cosim.network.corpus import encode
from gaincell.cosim.network.documents import open_text
from gaincell.cosim.network.families import attention_modules
from gaincell.cosim.network.transforms import NONE, Transforms

RECIPE_OF_TESTS = Recipe(steps=4, batch=2, context=CONTEXT, warmup=1, distillation=1.0, hidden=0.5)
BOTH = Transforms(rotation=0, per_dimension=True)
SIX_STEPS = Budget(steps=6)
TOKENS = encode(SENTENCE * 40)


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pretrained")
    torch.set_num_threads(1)
    model = network()
    train(model, Recipe(steps=80, batch=8, context=CONTEXT, learning_rate=5e-3, warmup=5), TOKENS)
    model.save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    for i in range(30):
        (folder / f"{i}.txt").write_text(SENTENCE.decode() * 2)
    return open_text(folder)


def state(folder):
    found = RunState(folder, {}, fresh=False)
    found.begin()
    return found


def run(pretrained, hardware, out, text, *, distil=SIX_STEPS, recipe=RECIPE_OF_TESTS, **options):
    options = {"transforms": BOTH} | options
    return adapt_model(str(pretrained), hardware, out, recipe=recipe, text=text, distil=distil, **options)


def test_all_stages_lower_the_loss_and_are_recorded(pretrained, leroux, text, tmp_path):
    rows = []
    watching = Observer(measured=lambda row, tokens, nats: rows.append((row, tokens)))
    recipe = Recipe(steps=30, batch=4, context=CONTEXT, warmup=2, distillation=1.0, hidden=0.5)
    found = run(pretrained, leroux, tmp_path, text, distil=Budget(steps=20), recipe=recipe, observer=watching)
    assert list(found.held_out) == ["softmax", "calibrated", "distilled", "adapted"]
    assert found.held_out["distilled"] < found.held_out["calibrated"]
    assert found.held_out["adapted"] < found.held_out["calibrated"]
    size = 4 * CONTEXT
    assert rows[:3] == [("softmax", 0), ("calibrated", 0), ("distilled", found.layers["tokens"])]
    assert rows[3:] == [("adapted", steps * size) for steps in (5, 10, 15, 20, 25, 30)]
    record = json.loads((tmp_path / "adaptation.json").read_text())
    assert record["corpus"]["documents"] == 30
    assert record["settings"]["transforms"] == {"rotation": 0, "per_dimension": True}
    assert all(layer["after"] < layer["before"] for layer in record["layers"]["errors"].values())
    # Following the teacher alone, a control would be the teacher.
    assert locate(str(tmp_path)).control is None
    layers = gain_cell_layers(from_pretrained(tmp_path)).values()
    assert [layer.transforms for layer in layers] == [BOTH, BOTH]


def test_an_interruption_in_any_stage_changes_nothing(pretrained, leroux, text, tmp_path, monkeypatch):
    for name, value in (("CHECKPOINT_SECONDS", 0.0), ("CHECKPOINT_SHARE", float("inf"))):
        monkeypatch.setattr(f"gaincell.cosim.network.adaptation.trainer.{name}", value)
    whole = run(pretrained, leroux, tmp_path / "whole", text)
    for phase, after in (("calibrate", 1), ("measure softmax", 8), ("distil", 1), ("adapted", 2)):
        current = []

        def stop(done, loss, phase=phase, after=after, current=current):
            if current[-1] == phase and done == after:
                raise Interrupted

        watching = Observer(lambda name, steps, current=current: current.append(name), stop)
        with pytest.raises(Interrupted):
            run(pretrained, leroux, tmp_path / "broken", text, observer=watching)
    resumed = run(pretrained, leroux, tmp_path / "broken", text)
    assert resumed.held_out == whole.held_out
    one, other = (from_pretrained(tmp_path / name).state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_finished_layer_is_not_trained_again(pretrained, leroux, tmp_path, monkeypatch):
    teacher = network().eval()
    model = convert(copy.deepcopy(teacher), leroux)
    first = distil_layers(model, teacher, TOKENS, Budget(steps=2), RECIPE_OF_TESTS, state(tmp_path))
    monkeypatch.setattr(layerwise_module, "_train", lambda *_: pytest.fail("trained again"))
    again = convert(copy.deepcopy(teacher), leroux)
    assert distil_layers(again, teacher, TOKENS, Budget(steps=2), RECIPE_OF_TESTS, state(tmp_path)) == first
    assert all(torch.equal(x, again.state_dict()[name]) for name, x in model.state_dict().items())
    damaged = tmp_path / "state" / "distil" / "layer-0.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    with pytest.raises(ModelError, match="layer-0.safetensors is damaged; pass --fresh"):
        distil_layers(again, teacher, TOKENS, Budget(steps=2), RECIPE_OF_TESTS, state(tmp_path))


@pytest.mark.slow
def test_processes_give_the_result_of_one(leroux, tmp_path):
    teacher = network().eval()
    found = []
    for jobs in (1, 2):
        model = convert(copy.deepcopy(teacher), leroux)
        arguments = (TOKENS, Budget(steps=2), RECIPE_OF_TESTS, state(tmp_path / str(jobs)))
        distil_layers(model, teacher, *arguments, jobs=jobs)
        found.append(model.state_dict())
    assert all(torch.equal(x, found[1][name]) for name, x in found[0].items())


@pytest.fixture
def scheduler():
    """Address of a Dask scheduler in this process, with one worker."""
    distributed = pytest.importorskip("distributed", reason="needs pip install 'gaincell[dask]'")
    settings = {"processes": False, "protocol": "tcp", "host": "127.0.0.1", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, silence_logs=50, **settings) as found:
        yield found.scheduler_address


def test_workers_of_a_cluster_give_the_result_of_one_process(leroux, tmp_path, scheduler, monkeypatch):
    teacher, found, orders = network().eval(), [], []
    train = layerwise_module._train

    @functools.wraps(train)  # under its name it can be pickled
    def observed(order, *arguments):
        orders.append(order)
        return train(order, *arguments)

    monkeypatch.setattr(layerwise_module, "_train", observed)
    assert not on_cluster()
    for where in (nullcontext(), dask(scheduler)):
        model = convert(copy.deepcopy(teacher), leroux)
        with where:
            assert on_cluster() == bool(found)
            arguments = (TOKENS, Budget(steps=2), RECIPE_OF_TESTS, state(tmp_path / str(len(found))))
            errors = distil_layers(model, teacher, *arguments)
        found.append((model.state_dict(), errors))
    (one, alone), (other, spread) = found
    assert spread == alone
    assert all(torch.equal(x, other[name]) for name, x in one.items())
    # A worker may be another machine, which does not have the files.
    assert [isinstance(order.inputs, Path) for order in orders] == [True, True, False, False]


@pytest.mark.slow
def test_workers_in_processes_of_their_own_give_the_result_of_one_process(leroux, tmp_path):
    pytest.importorskip("distributed", reason="needs pip install 'gaincell[dask]'")
    teacher, found = network().eval(), []
    (tmp_path / "cluster").mkdir()
    with cluster(tmp_path / "cluster") as (file, processes):
        for number, where in enumerate((nullcontext(), dask(file))):
            model = convert(copy.deepcopy(teacher), leroux)
            with where:
                arguments = (TOKENS, Budget(steps=2), RECIPE_OF_TESTS, state(tmp_path / str(number)))
                errors = distil_layers(model, teacher, *arguments)
            found.append((model.state_dict(), errors))
        assert [process.poll() for process in processes] == [None, None, None]
    (one, alone), (other, spread) = found
    assert spread == alone
    assert all(torch.equal(x, other[name]) for name, x in one.items())


@pytest.mark.parametrize("family", [network, lambda: llama(CONTEXT)], ids=["gpt2", "llama"])
def test_cached_inputs_give_the_modules_outputs_of_the_whole_network(family, tmp_path):
    model = family().eval()
    windows = torch.randint(0, 64, (3, CONTEXT))
    modules = attention_modules(model)
    expected = {}

    def keep(name, out):
        expected.setdefault(name, out)

    for name, module in modules.items():
        module.register_forward_hook(lambda m, args, out, name=name: keep(name, out[0]))
    run_state = state(tmp_path)
    with torch.no_grad():
        model(windows[:1])
        calls = cache_inputs(model, modules, windows, run_state)
        for index, (name, module) in enumerate(modules.items()):
            x = np.load(inputs_file(run_state, index), mmap_mode="r")
            assert x.shape == (3, CONTEXT, 32)
            torch.testing.assert_close(
                calls[name].run(module, torch.from_numpy(x[:1].astype(np.float32))),
                expected[name],
                rtol=5e-3,
                atol=5e-3,
            )


def test_modules_that_are_called_with_text_are_refused(tmp_path):
    model = network().eval()
    modules = attention_modules(model)
    for module in modules.values():
        module.register_forward_pre_hook(
            lambda m, args, kwargs: (args, kwargs | {"x": args[0] if args else kwargs["hidden_states"]}),
            with_kwargs=True,
        )
    with pytest.raises(ModelError, match="called with more than its input and positions.*--distil 0"):
        cache_inputs(model, modules, torch.randint(0, 256, (2, CONTEXT)), state(tmp_path))


def test_a_disk_without_room_is_refused(tmp_path, monkeypatch):
    model = network().eval()
    full = SimpleNamespace(free=2 * 2 * 3 * CONTEXT * 32 - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: full)
    windows = torch.randint(0, 256, (3, CONTEXT))
    with pytest.raises(ModelError, match="the inputs of the layers take .* GB free; choose another --out"):
        cache_inputs(model, attention_modules(model), windows, state(tmp_path))
    full.free += 1
    cache_inputs(model, attention_modules(model), windows, state(tmp_path))


def test_a_text_of_few_windows_is_refused(leroux, tmp_path):
    teacher = network()
    model = convert(copy.deepcopy(teacher), leroux)
    with pytest.raises(ModelError, match="has 2 windows of 24 tokens.*--distil 0"):
        distil_layers(model, teacher, TOKENS[:50], Budget(steps=1), RECIPE_OF_TESTS, state(tmp_path))


def test_text_shorter_than_a_window_is_refused_before_any_work(pretrained, leroux, tmp_path):
    (tmp_path / "short.txt").write_text("Too short to train on.")
    with pytest.raises(ModelError, match="training part of the text has 23 tokens, a window takes 25"):
        run(pretrained, leroux, tmp_path / "out", open_text(tmp_path / "short.txt"))
    assert not (tmp_path / "out").exists()


def test_tokens_become_steps(pretrained, leroux, text, tmp_path):
    found = run(pretrained, leroux, tmp_path, text, distil=Budget(steps=0), tokens=5 * 2 * CONTEXT - 1)
    assert found.steps == 5
    assert found.layers is None


def test_a_budget_is_one_limit():
    assert Budget(tokens=1000).steps_of(300, lambda: 0.0) == 4
    assert Budget(steps=7).steps_of(300, lambda: 0.0) == 7
    assert Budget(minutes=1).steps_of(300, lambda: 2.0) == 30
    assert Budget(tokens=0).empty
    for wrong in ({}, {"tokens": 1, "steps": 1}, {"minutes": -1}):
        with pytest.raises(ValueError, match="give one limit"):
            Budget(**wrong)


def test_rates_fall_with_the_width_and_the_batch_with_context_and_vocabulary():
    model = network()
    model.config.n_embd, model.config.vocab_size = 256, 256
    assert recipe_for(model) == RECIPE
    model.config.n_embd, model.config.vocab_size = 768, 50257
    wide = recipe_for(model, Recipe(steps=1, context=512))
    assert wide.learning_rate == pytest.approx(1e-3 / 3)
    assert wide.scaler_rate == pytest.approx(1e-2 / 3)
    assert wide.batch == 2**26 // 50257 // 512 == 2


def test_hidden_error_is_relative_to_the_teachers_variance():
    taught = tuple(torch.randn(2, 3, 4) for _ in range(5))
    states = tuple(x.clone() for x in taught)
    assert float(hidden_error(states, taught)) == 0
    states = (*taught[:4], torch.zeros(2, 3, 4))
    expected = taught[4].square().mean() / taught[4].var() / 2
    assert float(hidden_error(states, taught)) == pytest.approx(float(expected))


def test_lora_trains_scalers_and_additions_and_merges(leroux):
    pytest.importorskip("peft")
    model = convert(network(), leroux)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    wrapped = with_lora(model, network(), 2)
    learning = {name for name, p in wrapped.named_parameters() if p.requires_grad}
    assert all("lora_" in name or ".gain_cell." in name for name in learning)
    train(wrapped, Recipe(steps=3, batch=2, context=CONTEXT, warmup=1), TOKENS)
    inner = merged(wrapped)
    assert inner.state_dict().keys() == before.keys()
    changed = {name for name, x in inner.state_dict().items() if not torch.equal(x, before[name])}
    assert "transformer.h.0.attn.gain_cell.q_scale" in changed
    assert "transformer.h.1.mlp.c_fc.weight" in changed
    assert "transformer.wte.weight" not in changed
    assert all(p.requires_grad for p in inner.parameters())


@pytest.mark.parametrize("family", [network, lambda: llama(CONTEXT)], ids=["gpt2", "llama"])
def test_lora_starts_from_what_the_layerwise_stage_changed(family, leroux):
    pytest.importorskip("peft")
    base = family()
    model = convert(copy.deepcopy(base), leroux, include="*")
    modules = list(attention_modules(model).values())
    projection = next(x for x in modules[0].modules() if getattr(x, "weight", None) is not None)
    generator = torch.Generator().manual_seed(0)
    rows, columns = projection.weight.shape
    low = torch.randn(rows, 2, generator=generator) @ torch.randn(2, columns, generator=generator)
    with torch.no_grad():
        projection.weight += 0.1 * low
    changed = {name: value.clone() for name, value in model.state_dict().items()}
    wrapped = with_lora(model, base, 3)
    inside = {name for name, value in wrapped.named_parameters() if "base_layer" in name}
    assert inside
    frozen = dict(base.named_parameters())
    for name in inside:
        own = name.removeprefix("base_model.model.").replace(".base_layer", "")
        assert torch.equal(wrapped.get_parameter(name), frozen[own])
    for name, value in merged(wrapped).state_dict().items():
        torch.testing.assert_close(value, changed[name], rtol=1e-4, atol=1e-5)


def test_an_adaptation_with_lora_is_a_plain_checkpoint(pretrained, leroux, text, tmp_path):
    pytest.importorskip("peft")
    found = run(pretrained, leroux, tmp_path, text, distil=Budget(steps=0), lora=2)
    assert found.held_out["adapted"] != found.held_out["calibrated"]
    from_pretrained(tmp_path)


@pytest.mark.parametrize("part", ["", "adapter"])
def test_an_adaptation_goes_on_from_another_one(pretrained, leroux, text, tmp_path, part):
    pytest.importorskip("peft")
    first, second = tmp_path / "first", tmp_path / "second"
    found = run(pretrained, leroux, first, text, lora=2)
    # A rate of (almost) nothing: what comes out is what went in.
    recipe = replace(RECIPE_OF_TESTS, learning_rate=1e-12, scaler_rate=1e-12, distillation=0.0, hidden=0.0)
    options = {"recipe": recipe, "transforms": NONE, "distil": Budget(steps=0), "lora": 2}
    more = run(pretrained, leroux, second, text, start=first / part, **options)
    assert list(more.held_out) == ["softmax", "start", "adapted", "control"]
    # Both were stored in bfloat16.
    assert more.held_out["start"] == pytest.approx(found.held_out["adapted"], rel=5e-3)
    assert more.held_out["adapted"] == pytest.approx(more.held_out["start"], rel=5e-3)
    assert more.held_out["control"] == pytest.approx(more.held_out["softmax"], rel=1e-5)
    layers = list(gain_cell_layers(from_pretrained(second)).values())
    assert all(layer.transforms == BOTH for layer in layers)
    assert run(pretrained, leroux, second, text, start=first / part, **options).cached
    with pytest.raises(ModelError, match="leave them out"):
        run(pretrained, leroux, tmp_path / "third", text, start=first / part)


def test_an_adaptation_goes_on_from_its_own_network_only(pretrained, leroux, text, tmp_path):
    pytest.importorskip("peft")
    run(pretrained, leroux, tmp_path / "first", text, distil=Budget(steps=0))
    options = {"transforms": NONE, "distil": Budget(steps=0)}
    with pytest.raises(ModelError, match="only without --lora"):
        run(pretrained, leroux, tmp_path / "second", text, start=tmp_path / "first", lora=2, **options)
    with pytest.raises(ModelError, match="choose another --out"):
        run(pretrained, leroux, tmp_path / "first", text, start=tmp_path / "first", **options)
    other = tmp_path / "other"
    network().save_pretrained(other)
    with pytest.raises(ModelError, match="another network"):
        run(other, leroux, tmp_path / "second", text, start=tmp_path / "first", **options)
    with pytest.raises(ModelError, match="holds no adapted network"):
        run(pretrained, leroux, tmp_path / "second", text, start=other, **options)


def test_a_network_writes_its_own_text_once(tmp_path, monkeypatch):
    model = network().eval()
    options = {"tokens": 1000, "context": 20, "folder": tmp_path}
    first = write_text(model, 0, seed=1, **options)
    assert len(first.train) + len(first.held_out) == 4 * 16 * 20
    assert (first.train[::20] == 0).all()
    cache = next(tmp_path.iterdir())
    (cache / "2.npy").write_bytes(b"damaged")
    written = []
    sample = self_text_module._sample
    monkeypatch.setattr(self_text_module, "_sample", lambda *a: written.append(a) or sample(*a))
    again = write_text(model, 0, seed=1, **options)
    assert torch.equal(again.train, first.train)
    assert len(written) == 1
    other = write_text(model, 0, seed=2, **options)
    assert not torch.equal(other.train, first.train)
    with pytest.raises(ModelError, match="no token that ends a document"):
        write_text(model, None, **options)

"""Costs of effects, layers and heads, against networks that are converted without them."""

import json

import pytest
import torch
from tiny import CONTEXT, SENTENCE, llama, network
from typer.testing import CliRunner

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import Effects, convert, from_pretrained, gain_cell_layers, level_cache, save_pretrained
from gaincell.cosim.cli import app
from gaincell.cosim.network import ablation as ablation_module
from gaincell.cosim.network.ablation import ablate_model
from gaincell.cosim.network.batches import held_out_windows, measure
from gaincell.cosim.network.checkpoints import locate
from gaincell.cosim.network.corpus import encode
from gaincell.cosim.network.evaluate import evaluate_model
from gaincell.cosim.network.softmax_heads import chosen_heads

TEXT = (SENTENCE * 3).decode().strip()
NAMES = [f"transformer.h.{i}.attn" for i in (0, 1)]


@pytest.fixture(scope="module")
def hardware(full):
    return full.model_copy(update={"rows": 32})


def converted(hardware, **options):
    """The network of these tests on hardware, with scalers under which attention matters."""
    torch.manual_seed(0)
    model = convert(network(), hardware, effects=Effects(mismatch=False), **options)
    with torch.no_grad():
        for parameter in model.transformer.h.parameters():
            if parameter.ndim == 2:
                parameter.mul_(5)
        for layer in gain_cell_layers(model).values():
            layer.q_scale.fill_(0.2)
            layer.q_shift.fill_(0.4)
            layer.k_scale.fill_(0.1)
            layer.v_scale.fill_(0.1)
    return model.eval()


@pytest.fixture(scope="module")
def adapted(hardware, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted")
    save_pretrained(converted(hardware), folder)
    return locate(str(folder))


@pytest.fixture(scope="module")
def result(adapted, hardware, tmp_path_factory):
    shown = []
    out = tmp_path_factory.mktemp("ablation")
    found = ablate_model(
        adapted, hardware, out=out, content=TEXT, report=lambda done, total, item: shown.append((done, total))
    )
    return found, out, shown


def loss_of(model):
    windows = held_out_windows(encode(TEXT), context=CONTEXT, limit=4096)
    return measure(model, windows).nats


def test_cost_of_an_effect_is_the_evaluation_without_it(result, adapted, hardware):
    found, _, _ = result
    costs = {row["effect"]: row["cost_nats"] for row in found["effects"]}
    assert set(costs) == {"quantise", "edge", "decay", "column", "converter", "write", "all"}
    for off in (("column",), ("quantise",), tuple(set(costs) - {"all"})):
        other = evaluate_model(
            adapted, hardware, content=TEXT, rows=("adapted",), effects=Effects().without(*off), tokens=None
        )["nats_per_token"]["adapted"]
        cost = costs[off[0] if len(off) == 1 else "all"]
        assert cost == pytest.approx(found["nats_per_token"] - other, abs=1e-6)
    assert abs(costs["column"]) > 1e-4


def test_cost_of_a_layer_is_the_network_whose_conversion_leaves_it(result, hardware):
    found, _, _ = result
    base = loss_of(converted(hardware))
    assert found["nats_per_token"] == pytest.approx(base, abs=1e-6)
    for row, kept in zip(found["layers"], reversed(NAMES), strict=True):
        left_out = converted(hardware, include=kept)
        assert list(gain_cell_layers(left_out)) == [f"{kept}.gain_cell"]
        # One layer fewer would have a shorter token period, by which charge decays less.
        next(iter(gain_cell_layers(left_out).values())).token_period = 2e-6
        assert row["cost_nats"] == pytest.approx(base - loss_of(left_out), abs=1e-5)
        assert row["heads"] == 2


def test_cost_of_a_head_is_that_of_exact_attention_in_its_place(result, hardware):
    found, _, _ = result
    assert [(row["layer"], row["head"]) for row in found["heads"]] == [(n, h) for n in NAMES for h in (0, 1)]
    base = loss_of(converted(hardware))
    model = converted(hardware)
    convert(
        model,
        hardware,
        include=NAMES[1],
        token_period=2e-6,
        effects=Effects(mismatch=False),
        softmax_heads=[1],
    )
    assert found["heads"][3]["cost_nats"] == pytest.approx(base - loss_of(model), abs=1e-6)


def test_the_curve_ends_at_the_network_with_exact_attention(result, hardware):
    found, _, _ = result
    curve = found["curve"]
    assert [row["share_on_arrays"] for row in curve] == [1.0, 0.75, 0.5, 0.25, 0.0]
    worst = max(found["heads"], key=lambda row: row["cost_nats"])
    assert curve[1]["nats_per_token"] == pytest.approx(found["nats_per_token"] - worst["cost_nats"])
    exact = converted(hardware)
    for name in NAMES:
        convert(exact, hardware, include=name, softmax_heads=[0, 1])
    assert curve[-1]["nats_per_token"] == pytest.approx(loss_of(exact), abs=1e-6)


def test_measurements_are_not_repeated_and_belong_to_their_conditions(result, adapted, hardware, monkeypatch):
    found, out, shown = result
    assert shown[-1][0] == shown[-1][1] == 1 + 7 + 2 + 4 + 4
    assert json.loads((out / "ablation.json").read_text()) == json.loads(json.dumps(found))
    (out / "without-column.json").write_text("damaged")
    measured = []
    monkeypatch.setattr(ablation_module, "measure", lambda *a, **k: measured.append(a) or measure(*a, **k))
    assert ablate_model(adapted, hardware, out=out, content=TEXT) == found
    assert len(measured) == 1
    ablate_model(adapted, hardware, out=out, content=TEXT, parts=("layers",), seed=3)
    assert len(measured) == 1 + 3


def test_what_cannot_be_left_out_is_refused(adapted, hardware, leroux, tmp_path):
    options = {"out": tmp_path, "content": TEXT}
    with pytest.raises(ModelError, match="no part rows; parts are effects, layers, heads"):
        ablate_model(adapted, hardware, parts=("rows",), **options)
    with pytest.raises(ModelError, match="no network 'calibrated' on hardware, but adapted"):
        ablate_model(adapted, hardware, row="calibrated", **options)
    with pytest.raises(HardwareError, match="mismatch"):
        ablate_model(adapted, leroux, chip=1, **options)
    save_pretrained(convert(converted(hardware), hardware, softmax_heads=[0, 1]), tmp_path / "exact")
    with pytest.raises(ModelError, match="no head on arrays"):
        ablate_model(locate(str(tmp_path / "exact")), hardware, **options)


def test_command_prints_the_costs_and_draws_them(tmp_path, monkeypatch):
    network().save_pretrained(tmp_path / "model")
    monkeypatch.setenv("COLUMNS", "200")
    words = [
        "ablate",
        tmp_path / "model",
        "--hardware",
        "leroux2025",
        "--tokens",
        48,
        "--out",
        tmp_path / "out",
    ]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "calibrated" in done.stderr and "transformer.h.1.attn 0" in done.stdout
    figure = tmp_path / "a.svg"
    drawn = CliRunner().invoke(app, ["figures", "ablation", str(tmp_path / "out"), "--out", str(figure)])
    assert drawn.exit_code == 0, drawn.output
    assert "share of heads on arrays" in figure.read_text()
    refused = CliRunner().invoke(app, ["figures", "ablation", str(tmp_path)])
    assert "`gaincell ablate` writes it" in refused.output


@torch.no_grad()
def test_softmax_heads_survive_saving_and_generate_what_they_compute(leroux, tmp_path):
    model = convert(llama(64), leroux, include="*", softmax_heads=[1, 2])
    ids = torch.randint(1, 64, (2, 12))
    options = {"max_new_tokens": 8, "do_sample": False}
    text = model.generate(ids, use_cache=False, **options)
    assert torch.equal(model.generate(ids, **options), text)
    assert torch.equal(model.generate(ids, **level_cache(model), **options), text)
    logits = model(ids).logits
    assert not torch.equal(convert(llama(64), leroux, include="*")(ids).logits, logits)
    save_pretrained(model, tmp_path)
    loaded = from_pretrained(tmp_path)
    assert [layer.softmax_heads for layer in gain_cell_layers(loaded).values()] == [(1, 2), (1, 2)]
    assert torch.equal(loaded(ids).logits, logits)
    convert(loaded, leroux, include="*")
    assert torch.equal(loaded(ids).logits, logits), "a converted module keeps its exact heads"


def test_heads_that_do_not_exist_are_refused(leroux):
    assert chosen_heads([2, 0, 2], 4) == (0, 2)
    with pytest.raises(ValueError, match="there is no head 4; the layer has heads 0 to 3"):
        convert(llama(64), leroux, include="*", softmax_heads=[4])

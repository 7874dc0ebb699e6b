"""PEFT, accelerate and transformers' Trainer as they are; skipped where they are not installed."""

import copy
import os
import subprocess
import sys
import warnings
from pathlib import Path

import families
import pytest
import torch
from families import build
from torch.utils.data import Dataset

from gaincell.circuits.errors import ModelError
from gaincell.cosim import convert, from_pretrained, gain_cell_layers, save_pretrained

FAMILIES = {
    "gpt2": ["c_attn", "c_proj"],
    "llama": ["q_proj", "v_proj", "o_proj"],
    "gpt_neox": ["query_key_value"],
    "qwen2": "all-linear",
}
"""Family -> modules that get an adapter."""


@pytest.fixture
def tokens():
    return torch.randint(3, 97, (2, 20))


@pytest.fixture
def peft():
    return pytest.importorskip("peft")


@pytest.fixture
def accelerate():
    return pytest.importorskip("accelerate")


@pytest.fixture(autouse=True)
def _their_warnings():
    """What these packages deprecate among themselves stops no test; what gaincell warns of does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


def adapted(peft, family, seed=0):
    """A network with LoRA adapters that are not zero."""
    torch.manual_seed(seed)
    conv1d = family == "gpt2"
    config = peft.LoraConfig(
        r=4, target_modules=FAMILIES[family], init_lora_weights=False, fan_in_fan_out=conv1d
    )
    return peft.get_peft_model(build(family), config)


@pytest.mark.parametrize("family", FAMILIES)
def test_adapted_network_is_exact_with_ideal_arrays(peft, ideal, tokens, family):
    model = adapted(peft, family).eval()
    with torch.no_grad():
        expected = model(input_ids=tokens).logits
        plain = build(family)(tokens).logits
        assert (expected - plain).abs().max() > 0.1, "the adapters act"
        assert convert(model, ideal, include="*") is model
        torch.testing.assert_close(model(input_ids=tokens).logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_and_scalers_learn_and_merge_into_a_network_that_is_saved(
    peft, leroux, tokens, tmp_path, family
):
    model = convert(adapted(peft, family), leroux, include="*")
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.train()
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model(input_ids=tokens, labels=tokens).loss.backward()
    optimiser.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, weights[name])}
    assert any("lora_" in name for name in moved) and any("k_scale" in name for name in moved)
    assert all("lora_" in name or "gain_cell" in name for name in moved), "the network is frozen"
    model.eval()
    with pytest.raises(ModelError, match="merge_and_unload"):
        save_pretrained(model, tmp_path / "unmerged")
    assert not (tmp_path / "unmerged").exists()
    with torch.no_grad():
        expected = model(input_ids=tokens).logits
        merged = model.merge_and_unload()
        assert len(gain_cell_layers(merged)) == 2
        torch.testing.assert_close(merged(tokens).logits, expected, atol=0.05, rtol=0.01)
        save_pretrained(merged, tmp_path / "merged")
        assert torch.equal(from_pretrained(tmp_path / "merged")(tokens).logits, merged(tokens).logits)


def test_scalers_that_peft_has_frozen_are_noticed(peft, leroux):
    model = convert(build("llama"), leroux, include="*")
    frozen = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj"]))
    with pytest.warns(RuntimeWarning, match="convert the model after get_peft_model"):
        frozen.train()


def test_prepared_model_is_converted_trained_and_saved_as_the_model_inside(
    accelerate, leroux, tokens, tmp_path
):
    helper = accelerate.Accelerator(cpu=True)
    inner = build("llama")
    model = helper.prepare(torch.compile(torch.nn.DataParallel(inner), backend="eager"))
    convert(model, leroux, include="*")
    assert len(gain_cell_layers(inner)) == 2
    optimiser = helper.prepare(torch.optim.SGD(model.parameters(), lr=0.01))
    before = copy.deepcopy(inner.state_dict())
    inner.train()
    helper.backward(inner(tokens, labels=tokens).loss)
    optimiser.step()
    scalers = [name for name in before if "gain_cell" in name]
    assert any(not torch.equal(before[name], inner.state_dict()[name]) for name in scalers)
    inner.eval()
    save_pretrained(model, tmp_path)
    with torch.no_grad():
        assert torch.equal(from_pretrained(tmp_path)(tokens).logits, inner(tokens).logits)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("first", ["offload", "convert"])
def test_offloaded_network_computes_the_same(accelerate, leroux, tokens, family, first):
    expected = convert(build(family), leroux, include="*")
    model = build(family)
    if first == "convert":
        convert(model, leroux, include="*")
    accelerate.cpu_offload(model, execution_device=torch.device("cpu"))
    if first == "offload":
        convert(model, leroux, include="*")
    with torch.no_grad():
        assert torch.equal(model(tokens).logits, expected(tokens).logits)
    with pytest.raises(ModelError, match="offloaded"):
        save_pretrained(model, "unused")


class Texts(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        ids = torch.randint(3, 97, (20,), generator=torch.Generator().manual_seed(index))
        return {"input_ids": ids, "labels": ids}


def trainer(model, folder, **settings):
    from transformers import Trainer, TrainingArguments

    arguments = {"max_steps": 4, "save_steps": 2, "per_device_train_batch_size": 2, "learning_rate": 1e-2}
    arguments |= {"report_to": [], "use_cpu": True, "disable_tqdm": True, "seed": 3} | settings
    return Trainer(model=model, args=TrainingArguments(str(folder), **arguments), train_dataset=Texts())


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_trainer_trains_saves_and_resumes(accelerate, leroux, tokens, tmp_path, family, checkpointing):
    model = convert(build(family), leroux, include="*")
    start = copy.deepcopy(model.state_dict())
    trainer(model, tmp_path, gradient_checkpointing=checkpointing).train()
    moved = {name for name, x in model.state_dict().items() if not torch.equal(x, start[name])}
    assert any("q_scale" in name for name in moved)
    loaded = from_pretrained(tmp_path / "checkpoint-4")
    model.eval()
    with torch.no_grad():
        assert torch.equal(loaded(tokens).logits, model(tokens).logits)
    other = convert(build(family), leroux, include="*")
    resumed = trainer(other, tmp_path, gradient_checkpointing=checkpointing)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    for name, x in other.state_dict().items():
        torch.testing.assert_close(x, model.state_dict()[name], atol=1e-6, rtol=1e-5, msg=name)


TWO_PROCESSES = """
import os, sys, torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments
sys.path.insert(0, sys.argv[2])
from families import build
from gaincell.cosim import convert
from gaincell.models import Hardware

torch.set_num_threads(1)
model = convert(build("llama"), Hardware.from_pretrained("leroux2025"), include="*")

class Texts(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        tokens = torch.randint(3, 97, (12,), generator=torch.Generator().manual_seed(index))
        return {"input_ids": tokens, "labels": tokens}

arguments = TrainingArguments(sys.argv[1], max_steps=2, per_device_train_batch_size=2, use_cpu=True,
                              report_to="none", disable_tqdm=True, ddp_backend="gloo", learning_rate=1e-2)
trainer = Trainer(model, arguments, train_dataset=Texts())
trainer.train()
assert trainer.args.world_size == 2, trainer.args.world_size
kept = {name: x.detach().clone() for name, x in model.named_parameters()}
torch.save(kept, f"{sys.argv[1]}/rank{os.environ['RANK']}.pt")
if os.environ["RANK"] == "0":
    trainer.save_model(f"{sys.argv[1]}/model")
"""


@pytest.mark.slow
def test_a_trainer_in_two_processes_keeps_their_networks_equal(accelerate, leroux, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(TWO_PROCESSES)
    launch = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone"]
    launch += ["--nproc_per_node", "2", str(script)]
    support = Path(families.__file__).parent
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*launch, str(tmp_path), str(support)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(x, second[name]) for name, x in first.items())
    untrained = dict(convert(build("llama"), leroux, include="*").named_parameters())
    moved = [name for name, x in first.items() if not torch.equal(x, untrained[name])]
    assert any("gain_cell" in name for name in moved) and any("q_proj" in name for name in moved)
    loaded = dict(from_pretrained(tmp_path / "model").named_parameters())
    assert all(torch.equal(x, loaded[name]) for name, x in first.items())

"""The control's process gives the result of one process, and ends when the adaptation is killed."""

import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest
import torch
from tiny import CONTEXT, SENTENCE, network

from gaincell.cosim.network.adaptation.control import train_beside
from gaincell.cosim.network.adaptation.fine_tuning import fine_tune
from gaincell.cosim.network.adaptation.lora import with_lora
from gaincell.cosim.network.adaptation.trainer import Recipe
from gaincell.cosim.network.adaptation.training_text import TrainingText
from gaincell.cosim.network.batches import held_out_windows
from gaincell.cosim.network.checkpoints import load_softmax
from gaincell.cosim.network.corpus import encode

RECIPE = Recipe(steps=6, batch=4, context=CONTEXT, learning_rate=3e-3, warmup=2, distillation=0.3)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pre trained")
    torch.manual_seed(0)
    network().save_pretrained(directory)
    return directory


@pytest.fixture
def text():
    tokens = encode(SENTENCE * 40)
    return TrainingText(tokens, held_out_windows(tokens, context=CONTEXT, limit=60), {})


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def train(model, text, checkpoint=None, recipe=RECIPE):
    return fine_tune(model, recipe, text.tokens, held_out=text.watched, checkpoint=checkpoint)


def test_control_process_gives_the_result_of_one_process(pretrained, text, tmp_path, two_threads):
    checkpoint, seen = tmp_path / "a folder" / "control.pt", []
    checkpoint.parent.mkdir()
    model = load_softmax(pretrained)
    with train_beside(str(pretrained), model, RECIPE, checkpoint, text) as beside:
        assert torch.get_num_threads() == 1
        beside.wait(lambda done, loss: seen.append(done))
    assert torch.get_num_threads() == 2
    assert seen[-1] == RECIPE.steps
    torch.set_num_threads(1)
    beside_curve, own = train(model, text, checkpoint), load_softmax(pretrained)
    curve = train(own, text)
    assert [row["held_out"] for row in beside_curve] == [row["held_out"] for row in curve]
    assert all(torch.equal(x, own.state_dict()[name]) for name, x in model.state_dict().items())


def test_control_process_trains_additions_if_the_adapted_model_does(pretrained, text, tmp_path, two_threads):
    pytest.importorskip("peft")
    checkpoint, model = tmp_path / "control.pt", load_softmax(pretrained)
    with train_beside(str(pretrained), model, RECIPE, checkpoint, text, 2) as beside:
        beside.wait(lambda done, loss: None)
    torch.set_num_threads(1)
    own, twin = (with_lora(load_softmax(pretrained), model, 2, RECIPE.seed) for _ in range(2))
    assert train(own, text, checkpoint)[-1]["held_out"] == train(twin, text)[-1]["held_out"]
    assert all(torch.equal(x, y) for x, y in zip(own.parameters(), twin.parameters(), strict=True))


def test_failed_control_process_is_made_up_for(pretrained, text, tmp_path, two_threads):
    checkpoint, model = tmp_path / "control.pt", load_softmax(pretrained)
    with train_beside("no such model", model, RECIPE, checkpoint, text) as beside:
        beside.wait(lambda done, loss: None)
    assert not checkpoint.exists()
    assert train(model, text, checkpoint)[-1]["step"] == RECIPE.steps


def test_single_thread_starts_no_process(pretrained, text, tmp_path):
    with train_beside(str(pretrained), load_softmax(pretrained), RECIPE, tmp_path / "c.pt", text) as beside:
        beside.wait(lambda done, loss: None)
    assert list(tmp_path.iterdir()) == []


def test_killed_adaptation_leaves_no_control_running(pretrained, text, tmp_path):
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        import torch
        torch.set_num_threads(2)
        from gaincell.cosim.network.adaptation.control import train_beside
        from gaincell.cosim.network.adaptation.training_text import TrainingText
        from gaincell.cosim.network.adaptation.trainer import Recipe
        from gaincell.cosim.network.batches import held_out_windows
        from gaincell.cosim.network.checkpoints import load_softmax
        from gaincell.cosim.network.corpus import encode
        tokens = encode({SENTENCE!r} * 40)
        text = TrainingText(tokens, held_out_windows(tokens, context={CONTEXT}, limit=60), dict())
        recipe = Recipe(**{vars(replace(RECIPE, steps=10**6))!r})
        model = load_softmax({str(pretrained)!r})
        checkpoint = Path({str(tmp_path)!r}) / "c.pt"
        with train_beside({str(pretrained)!r}, model, recipe, checkpoint, text) as beside:
            print(beside._process.pid, flush=True)
            beside.wait(lambda done, loss: print(done, flush=True))
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert int(parent.stdout.readline()) > 0
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _is_running(child)


def _is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

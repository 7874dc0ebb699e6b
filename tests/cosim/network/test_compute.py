"""Device and precision follow the machine, are refused where they are not understood, and are recorded."""

import json
import os
import subprocess
import sys

import pytest
import torch

from gaincell.circuits.errors import ModelError
from gaincell.cosim.network import compute as module
from gaincell.cosim.network.compute import Compute, choose_compute, has_native_bfloat16


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GAINCELL_CACHE", str(tmp_path / "a cache"))


def test_processor_without_bfloat16_computes_in_float32(monkeypatch, no_gpu):
    monkeypatch.setattr(module, "computes_bfloat16", lambda: False)
    monkeypatch.setattr(module, "product_seconds", lambda dtype: pytest.fail("timed"))
    assert choose_compute() == Compute("cpu", "float32")


@pytest.mark.parametrize(("seconds", "precision"), [(0.5, "bfloat16"), (2.0, "float32")])
def test_timed_product_decides_once(monkeypatch, no_gpu, seconds, precision):
    timed = []
    monkeypatch.setattr(module, "computes_bfloat16", lambda: True)

    def product_seconds(dtype):
        timed.append(dtype)
        return seconds if dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr(module, "product_seconds", product_seconds)
    assert choose_compute().precision == choose_compute().precision == precision
    assert len(timed) == 2


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"x": 1}', "\x00"])
def test_damaged_answer_is_timed_again(monkeypatch, no_gpu, tmp_path, content):
    monkeypatch.setattr(module, "computes_bfloat16", lambda: True)
    monkeypatch.setattr(module, "product_seconds", lambda dtype: 0.5 if dtype == torch.bfloat16 else 1.0)
    path = tmp_path / "a cache" / "bfloat16.json"
    path.parent.mkdir()
    path.write_text(content)
    assert has_native_bfloat16("cpu")
    assert list(json.loads(path.read_text()).values()) == [True]


def test_folder_that_cannot_be_written_does_not_stop_the_run(monkeypatch, no_gpu, tmp_path):
    monkeypatch.setattr(module, "computes_bfloat16", lambda: True)
    monkeypatch.setattr(module, "product_seconds", lambda dtype: 0.5 if dtype == torch.bfloat16 else 1.0)
    (tmp_path / "a cache").write_text("a file where the folder should be")
    assert has_native_bfloat16("cpu")


def test_asked_precision_is_taken(no_gpu):
    assert choose_compute("cpu", "bfloat16") == Compute("cpu", "bfloat16")
    with choose_compute("cpu", "bfloat16").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    with choose_compute("cpu", "float32").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("tpu", "auto", "device='tpu' must be one of auto, cpu, cuda"),
        ("cpu", "float16", "precision='float16' must be one of"),
        ("cuda", "auto", "torch sees no GPU"),
    ],
)
def test_unknown_choices_are_refused(no_gpu, device, precision, message):
    with pytest.raises(ModelError, match=message):
        choose_compute(device, precision)


def test_product_is_timed_in_seconds():
    assert 0 < module.product_seconds(torch.float32) < 60


PROGRAM = """
import json
from gaincell.models.processor import processor_class
from gaincell.cosim.network.compute import choose_compute
import torch
capability = torch.backends.cpu.get_cpu_capability()
print(json.dumps({"class": processor_class(), "torch": capability, **choose_compute("cpu").record()}))
"""


def test_one_switch_limits_every_library_to_avx2():
    environment = {**os.environ, "GAINCELL_INSTRUCTIONS": "avx2"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert not found.pop("torch").startswith("AVX512")
    assert found == {"class": "AVX2", "device": "cpu", "processor": "AVX2", "precision": "float32"}


def test_unknown_instructions_are_refused():
    environment = {**os.environ, "GAINCELL_INSTRUCTIONS": "sse9"}
    command = [sys.executable, "-c", "import gaincell.models"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "GAINCELL_INSTRUCTIONS='sse9' must be 'native' or 'avx2'" in done.stderr

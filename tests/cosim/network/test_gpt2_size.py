"""The commands on a GPT-2 of random weights: they run, in the memory that the documentation states.

`pytest -m slow -s` prints peak memory and tokens per second of processor time at the size of GPT-2, 124 M.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from gaincell.cosim import from_pretrained

SMALL = {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_positions": 64, "vocab_size": 300}
GPT2 = {}
"""The defaults of its configuration."""

CHILD = """
import json, resource, sys, time
from pathlib import Path
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from typer.testing import CliRunner
from gaincell.cosim.cli import app
from tiny import SENTENCE

folder, size, words = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
torch.set_num_threads(1)
if not folder.exists():
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(**size)).save_pretrained(folder)
    backend = ByteLevelBPETokenizer()
    backend.train_from_iterator([SENTENCE.decode()], vocab_size=290)
    PreTrainedTokenizerFast(tokenizer_object=backend._tokenizer).save_pretrained(folder)
    print(json.dumps({}))
    sys.exit()
start, imported = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
done = CliRunner().invoke(app, [words[0], str(folder), *words[1:], "--json"])
print(json.dumps({
    "result": json.loads(done.stdout),
    "peak": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - imported) * 1024,
    "seconds": time.process_time() - start,
}))
"""


def child(folder, size, *words):
    """What a process of its own prints that makes the network, or runs a command on it."""
    command = [sys.executable, "-W", "ignore", "-c", CHILD, folder, json.dumps(size), *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(tiny.__file__).parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment, cwd=folder.parent
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux alone")
@pytest.mark.parametrize(
    ("size", "context"),
    [pytest.param(SMALL, 32, id="small"), pytest.param(GPT2, 256, id="124M", marks=pytest.mark.slow)],
)
def test_evaluation_and_a_step_of_adaptation(size, context, tmp_path):
    with torch.device("meta"):
        parameters = GPT2LMHeadModel(GPT2Config(**size)).num_parameters()
    folder, text = tmp_path / "gpt2", tmp_path / "text.txt"
    text.write_text(tiny.SENTENCE.decode() * 800)
    child(folder, size)
    common = ["--hardware", "generic28", "--text", text, "--context", context]
    rows = ["--tokens", context, "--row", "softmax", "--row", "mapped"]
    evaluated = child(folder, size, "evaluate", *common, *rows)
    step = ["--distil", 0, "--steps", 1, "--batch", 1, "--out", tmp_path / "out"]
    adapted = child(folder, size, "adapt", *common, *step)
    found = evaluated["result"]["perplexity"]
    assert math.isfinite(found["softmax"]) and math.isfinite(found["mapped"])
    assert from_pretrained(tmp_path / "out").num_parameters() > parameters
    measured = {"evaluate": (evaluated, 2 * context, 24), "adapt": (adapted, context, 48)}
    for name, (one, tokens, most) in measured.items():
        each, rate = one["peak"] / parameters, tokens / one["seconds"]
        print(
            f"{name}, {parameters / 1e6:.0f} M: {one['peak'] / 1e9:.2f} GB ({each:.0f} bytes a parameter), "
            f"{rate:.1f} tokens per second of processor time, loading and calibration included"
        )
        if size is GPT2:
            assert each < most

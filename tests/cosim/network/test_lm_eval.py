"""lm-evaluation-harness on a converted network, with a task of local files; skipped where it is missing."""

import json
import os
import warnings

import pytest
import torch
from tiny import CONTEXT, network

from gaincell.cosim import convert

# Read when the libraries are imported: the task must not ask the network for anything.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

SENTENCES = ["The quick brown fox jumps", "over the lazy dog", "and the dog sleeps on"]


@pytest.fixture(scope="module")
def harness():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("lm_eval", reason="needs pip install 'gaincell[eval]'")
        import lm_eval.models.huggingface  # noqa: F401
    return found


@pytest.fixture
def tokenizer():
    """Bytes as tokens, in transformers' own form."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {letter: i for i, letter in enumerate(sorted(alphabet))}
    own = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    first = min(vocabulary, key=vocabulary.get)
    return PreTrainedTokenizerFast(tokenizer_object=own, eos_token=first, pad_token=first)


@pytest.fixture
def tasks(tmp_path):
    """A multiple-choice task and a perplexity task on local files."""
    rows = [
        {"question": s[: len(s) // 2], "choices": [s[len(s) // 2 :], "xqzj"], "answer": 0, "text": s}
        for s in SENTENCES
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    common = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
    }
    choice = common | {
        "task": "local_choice",
        "output_type": "multiple_choice",
        "doc_to_text": "question",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}],
    }
    perplexity = common | {
        "task": "local_words",
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "text",
        "metric_list": [{"metric": "word_perplexity"}],
    }
    return [choice, perplexity]


def results(harness, model, tokenizer, tasks):
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=2, max_length=CONTEXT)
        # Without the index of the harness' own tasks, which takes seconds to read.
        manager = TaskManager(include_defaults=False)
        found = harness.simple_evaluate(model=wrapped, tasks=tasks, task_manager=manager, bootstrap_iters=0)
    return {
        "acc": found["results"]["local_choice"]["acc,none"],
        "word_perplexity": found["results"]["local_words"]["word_perplexity,none"],
    }


def test_a_converted_network_is_evaluated_and_with_ideal_arrays_as_it_was(
    harness, ideal, leroux, tokenizer, tasks
):
    torch.manual_seed(0)
    plain = results(harness, network().eval(), tokenizer, tasks)
    exact = results(harness, convert(network().eval(), ideal), tokenizer, tasks)
    assert exact["acc"] == plain["acc"]
    assert exact["word_perplexity"] == pytest.approx(plain["word_perplexity"], rel=1e-4)
    circuits = results(harness, convert(network().eval(), leroux), tokenizer, tasks)
    assert circuits["word_perplexity"] != pytest.approx(plain["word_perplexity"], rel=1e-3)

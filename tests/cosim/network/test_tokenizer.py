"""Bytes of a text are those of the text that was read, and decoding follows the tokens before."""

import shutil
from dataclasses import replace

import pytest
import torch
from families import build
from tiny import corpus, network
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from gaincell.circuits.errors import ModelError
from gaincell.cosim import convert, from_pretrained, save_pretrained
from gaincell.cosim.network.adaptation.adapt import adapt_model
from gaincell.cosim.network.adaptation.fine_tuning import RECIPE
from gaincell.cosim.network.checkpoints import Checkpoint, locate, tokenizer_of
from gaincell.cosim.network.generate import generate_text, stop_tokens
from gaincell.cosim.network.tokenizer import Tokenizer, load_tokenizer

JAPANESE = "東京は日本の首都です。人口は約1400万人。" * 5
ENGLISH = "The cat sat on the mat , and the dog 's bone isn 't there .  Two  blanks,\na line. "


def byte_level(merges=0):
    """Byte-level BPE as GPT-2's: without merges, a token is a byte."""
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=256 + merges, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([JAPANESE, ENGLISH], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=True)


def metaspace():
    """As SentencePiece: a blank belongs to the word after it."""
    backend = Backend(models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=90, special_tokens=["<unk>", "</s>"], show_progress=False)
    backend.train_from_iterator([ENGLISH, "the cat sat and the dog sat"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")


def words():
    """Lower case, and no token for a blank."""
    backend = Backend(models.WordLevel(unk_token="<unk>"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(special_tokens=["<unk>"], show_progress=False)
    backend.train_from_iterator([ENGLISH], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def wrapped(own):
    return Tokenizer("test", own.eos_token_id, len(own), own)


@pytest.mark.parametrize("make", [byte_level, lambda: byte_level(60), metaspace, words])
@pytest.mark.parametrize("text", [ENGLISH * 4, JAPANESE])
def test_all_bytes_of_a_text_are_counted_once(make, text):
    """Also where tokens share a character, skip blanks or read another case."""
    ids, ends = wrapped(make()).read(text.strip())
    assert len(ids) == len(ends) and ends[-1] == len(text.strip().encode())
    assert (ends.diff() >= 0).all() and ends[0] > 0


def test_a_byte_level_token_without_merges_is_a_byte():
    ends = wrapped(byte_level()).read(JAPANESE)[1]
    assert torch.equal(ends, torch.arange(1, len(JAPANESE.encode()) + 1).double())


class Numbers:
    """A tokenizer in Python, which knows no offsets."""

    is_fast = False

    def __call__(self, content, **options):
        return {"input_ids": [int(word) for word in content.split()]}


def test_a_tokenizer_without_offsets_is_taken_to_be_even():
    ids, ends = Tokenizer("numbers", None, 99, Numbers()).read("1 2 3 4")
    assert (ids.tolist(), ends.tolist()) == ([1, 2, 3, 4], [1.75, 3.5, 5.25, 7.0])


@pytest.mark.parametrize("make", [lambda: byte_level(60), metaspace])
def test_prompt_and_continuation_are_the_text(make):
    tokenizer = wrapped(make())
    text = ENGLISH.strip().replace("\n", " ") if make is metaspace else ENGLISH + JAPANESE
    ids = tokenizer.encode(text)
    for cut in range(1, len(ids)):
        before = tokenizer.decode(ids[:cut])
        if not before.endswith("\ufffd"):
            assert before + tokenizer.continuation(ids[:cut], ids[cut:]) == tokenizer.decode(ids) == text


def test_a_network_of_256_tokens_has_the_tokenizer_beside_it(tmp_path):
    byte_level().save_pretrained(tmp_path)
    assert load_tokenizer([tmp_path], 256).own is not None
    assert load_tokenizer([tmp_path / "absent", tmp_path], 256).own is not None
    (tmp_path / "empty").mkdir()
    assert load_tokenizer([tmp_path / "empty"], 256).name == "bytes"
    with pytest.raises(ModelError, match="no tokenizer"):
        load_tokenizer([tmp_path / "empty"], 97)


def test_a_tokenizer_of_another_network_or_a_damaged_one_is_refused(tmp_path):
    byte_level(60).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="belongs to another network"):
        load_tokenizer([tmp_path], 97).encode(JAPANESE)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_tokenizer([tmp_path], 316)


def test_an_adapted_folder_has_the_tokenizer_and_the_stop_tokens(leroux, tmp_path, monkeypatch):
    """And generates after the network that it came from has moved."""
    monkeypatch.setattr("gaincell.cosim.network.adaptation.training_text.demo_corpus", corpus)
    monkeypatch.setattr("gaincell.cosim.network.evaluate.demo_corpus", corpus)
    monkeypatch.setattr("gaincell.cosim.network.held_out.demo_corpus", corpus)
    source = network()
    source.generation_config.eos_token_id = [2, 5]
    source.save_pretrained(tmp_path / "source")
    byte_level().save_pretrained(tmp_path / "source")
    out = tmp_path / "out"
    adapt_model(str(tmp_path / "source"), leroux, out, recipe=replace(RECIPE, steps=4, warmup=1))
    shutil.rmtree(tmp_path / "source")
    checkpoint = locate(str(out))
    tokenizer = tokenizer_of(checkpoint, 256)
    assert tokenizer.own is not None and checkpoint.softmax is None
    model = from_pretrained(checkpoint.adapted)
    assert stop_tokens(model, tokenizer) == [2, 5]
    assert generate_text(checkpoint, "The dog", max_new_tokens=3)["new_tokens"] <= 3


def test_generation_stops_at_every_stop_token_of_the_network(ideal, tmp_path):
    model, tokenizer = convert(build("gpt2"), ideal, include="*"), metaspace()
    prompt = wrapped(tokenizer).encode("the cat")[None]
    free = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    new = model.generate(prompt, **free)[0, prompt.shape[1] :].tolist()
    model.generation_config.eos_token_id = [96, new[3]]
    save_pretrained(model, tmp_path, tokenizer=tokenizer)
    checkpoint = Checkpoint("test", None, tmp_path)
    made = generate_text(checkpoint, "the cat", max_new_tokens=6, temperature=0)
    assert made["new_tokens"] == new.index(new[3])

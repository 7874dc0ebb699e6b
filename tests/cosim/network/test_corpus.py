"""The demo corpus: deterministic, disjoint, and made of bytes."""

import re

import pytest
import torch

from gaincell.cosim.network import corpus as text
from gaincell.cosim.network.corpus import (
    Document,
    decode,
    demo_corpus,
    encode,
    is_held_out,
    split,
    stdlib_documents,
)


@pytest.fixture(scope="module")
def corpus():
    return demo_corpus()


def paragraphs(side: bytes) -> set[str]:
    blocks = re.split(r"\n\s*\n|\0", side.decode())
    return {" ".join(block.split()).lower() for block in blocks if len(" ".join(block.split())) >= 40}


def test_about_two_megabytes_of_which_a_few_per_cent_are_held_out(corpus):
    assert 1.5e6 < len(corpus.train) < 4e6
    assert 0.02 < len(corpus.held_out) / len(corpus.train) < 0.08
    assert corpus.summary()["sha256"] == corpus.digest


def test_no_held_out_paragraph_was_seen_in_training(corpus):
    assert not paragraphs(corpus.train) & paragraphs(corpus.held_out)


def test_reading_it_again_gives_the_same_text(corpus):
    train, held_out = split(stdlib_documents())
    assert text._join(train) == corpus.train
    assert text._join(held_out) == corpus.held_out
    assert len(train) == corpus.train_documents == corpus.train.count(0)
    assert {d.name for d in train}.isdisjoint(d.name for d in held_out)


def test_the_side_of_a_document_depends_on_its_name_alone():
    names = [f"package/module{i}.py" for i in range(400)]
    held_out = [name for name in names if is_held_out(name)]
    assert 8 <= len(held_out) <= 48
    documents = [Document(name, f"All about {name}, which differs from all the others.") for name in names]
    _, few = split(documents)
    _, more = split([*documents, Document("package/another.py", "Text that was added in a later version.")])
    assert {d.name for d in few} == set(held_out)
    assert set(held_out) <= {d.name for d in more}


def test_a_paragraph_quoted_elsewhere_is_kept_once():
    quoted = "The same long sentence stands in two documents of the language reference."
    train, held_out = split(
        [Document("a", f"First.\n\n{quoted}"), Document("b", f"Second.\n\n{quoted}")], 0.0
    )
    assert not held_out
    assert train[0].text == f"First.\n\n{quoted}\n"
    assert train[1].text == "Second.\n"


def test_docstrings_are_read_without_running_the_source(tmp_path):
    source = tmp_path / "module.py"
    source.write_text('"""Module."""\nraise SystemExit\ndef f():\n    """Function."""\nclass C:\n    x = 1\n')
    assert text._documents(source, "module.py") == [Document("module.py", "Module.\n\nFunction.")]
    source.write_text("this is not Python")
    assert text._documents(source, "module.py") == []


def test_tokens_are_the_bytes_of_the_text():
    ids = encode("naïve\n")
    assert ids.dtype == torch.int64
    assert bytes(ids.tolist()) == "naïve\n".encode()
    assert decode(ids) == "naïve\n"
    assert decode([0xFF, 0x41]) == "\N{REPLACEMENT CHARACTER}A"

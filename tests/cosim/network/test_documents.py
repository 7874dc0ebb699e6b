"""Files, folders and data sets as documents; the split into a training and a held-out side."""

import json

import pandas as pd
import pytest
import torch

from gaincell.circuits.errors import ModelError
from gaincell.cosim.network.corpus import END_OF_DOCUMENT, VOCABULARY, decode
from gaincell.cosim.network.documents import ROWS, joined, open_dataset, open_text, read_sides
from gaincell.cosim.network.tokenizer import Tokenizer

BYTES = Tokenizer("bytes", END_OF_DOCUMENT, VOCABULARY)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub" / ".git").mkdir(parents=True)
    (tmp_path / "b.md").write_text("second")
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "sub" / "c.jsonl").write_text(json.dumps({"text": "third"}) + "\n\n" + json.dumps("fourth"))
    pd.DataFrame({"text": ["fifth", "sixth"], "id": [1, 2]}).to_parquet(tmp_path / "sub" / "d.parquet")
    (tmp_path / "sub" / "e.py").write_text("no text")
    (tmp_path / "sub" / ".git" / "f.txt").write_text("hidden")
    return tmp_path


def test_a_folder_is_read_in_the_order_of_its_paths(folder):
    documents = list(open_text(folder).documents())
    assert [d.text for d in documents] == ["first", "second", "third", "fourth", "fifth", "sixth"]
    assert documents[2].name == documents[3].name == "sub/c.jsonl#0"
    assert joined(open_text(folder)) == "first\n\nsecond\n\nthird\n\nfourth\n\nfifth\n\nsixth"
    assert joined(open_text(folder), most=8) == "first\n\nsecond"
    assert joined(open_text(folder / "a.txt")) == "first"


def test_rows_of_one_block_have_one_name(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(str(i)) for i in range(2 * ROWS)))
    names = [d.name for d in open_text(file).documents()]
    assert names == ["rows.jsonl#0"] * ROWS + ["rows.jsonl#1"] * ROWS


def test_no_document_is_on_both_sides(tmp_path):
    for i in range(50):
        (tmp_path / f"{i:02}.txt").write_text(f"<{i}>")
    sides = read_sides(open_text(tmp_path), BYTES)
    train, held_out = (decode(x).split() for x in (sides.train, sides.held_out))
    assert sorted(train + held_out) == sorted(f"<{i}>" for i in range(50))
    assert len(held_out) == sides.summary["documents"] * 0.06 == 3
    again = read_sides(open_text(tmp_path), BYTES)
    assert torch.equal(again.held_out, sides.held_out)
    (tmp_path / "00.txt").write_text("changed")
    assert read_sides(open_text(tmp_path), BYTES).summary["sha256"] != sides.summary["sha256"]


def test_of_few_documents_the_end_is_held_out(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 98)
    (tmp_path / "b.txt").write_text("b" * 198)
    sides = read_sides(open_text(tmp_path), BYTES)
    assert decode(sides.train) == "a" * 94 + "b" * 188
    assert decode(sides.held_out) == "a" * 4 + "\n\n" + "b" * 10 + "\n\n"
    assert sides.summary["held_out"] == "the last 6% of each document"


def test_reading_stops_after_the_tokens_asked_for(tmp_path):
    for i in range(30):
        (tmp_path / f"{i:02}.txt").write_text("x" * 98)
    sides = read_sides(open_text(tmp_path), BYTES, most=450)
    assert len(sides.train) + len(sides.held_out) == 500


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"\xff\xfe", "as UTF-8 text"),
        ("a.txt", b"", "holds no text"),
        ("a.jsonl", b'{"text": 1}', "line 1 of .* has no text in a field 'text' but text; rename"),
        ("a.jsonl", b'{"body": "x"}', "but body; rename"),
        ("a.jsonl", b"{", "line 1 of .* is no JSON"),
        ("a.parquet", b"no", "is no Parquet file"),
        ("a.py", b"x", "has no text; give a folder with files of .txt, .md, .jsonl, .parquet"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        sides = read_sides(open_text(tmp_path), Tokenizer("bytes", None, VOCABULARY))
        assert not len(sides.train)
    assert "\n" not in str(caught.value)


def test_a_table_without_text_names_its_columns(tmp_path):
    pd.DataFrame({"body": ["x"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ModelError, match="no column 'text' but body; rename"):
        joined(open_text(tmp_path))


def test_a_text_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="there is no text .*nowhere; give a file or a folder"):
        open_text(tmp_path / "nowhere")


def test_a_data_set_is_streamed_row_by_row(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "test.jsonl").write_text(
        "\n".join(json.dumps({"text": f"row {i}"}) for i in range(3))
    )
    source = open_dataset(str(tmp_path / "set"), split="test")
    assert joined(source) == joined(source) == "row 0\n\nrow 1\n\nrow 2"
    with pytest.raises(ModelError, match="cannot read the data set .* correct its name"):
        open_dataset(str(tmp_path / "set"), split="missing")


def test_a_data_set_that_needs_the_network_is_refused_offline(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def offline(*_, **__):
        raise ConnectionError("Couldn't reach 'wikitext' on the Hub (OfflineModeIsEnabled)\nmore")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(ModelError, match=r"Couldn't reach .* give files with --text$") as caught:
        open_dataset("wikitext", "wikitext-2-raw-v1")
    assert "\n" not in str(caught.value)


def test_without_the_package_a_data_set_is_refused(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ModelError, match=r"needs the package datasets: pip install gaincell\[text\]"):
        open_dataset("wikitext")

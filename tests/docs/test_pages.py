"""The pages: links resolve, quoted files match, figures are shown, code runs."""

import ast
import importlib
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import typer
from transformers import GPT2Config, GPT2LMHeadModel
from typer.testing import CliRunner

from gaincell.cosim.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
FRONT = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def prose(page):
    return FENCE.sub("", page.read_text())


def anchors(page):
    """GitHub's anchors of a page's headings."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def links(page):
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


@pytest.mark.parametrize("page", FRONT + PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_names_that_the_readme_imports_exist():
    (code,) = (code for language, code in FENCE.findall(FRONT[0].read_text()) if language == "python")
    imports = [node for node in ast.parse(code).body if isinstance(node, ast.ImportFrom)]
    ours = [(node.module, name.name) for node in imports for name in node.names if "gaincell" in node.module]
    assert ours
    for module, name in ours:
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


def test_readme_shows_both_commands_before_its_first_heading():
    above = FRONT[0].read_text().partition("\n## ")[0]
    (block,) = (code for language, code in FENCE.findall(above) if not language)
    assert [line.partition("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]


def test_commands_of_the_readme_exist():
    code = "\n".join(code for language, code in FENCE.findall(FRONT[0].read_text()) if not language)
    documented = set(re.findall(r"^gaincell (\w+)", code, re.MULTILINE))
    assert documented and documented <= {command.name for command in app.registered_commands} | {
        group.name for group in app.registered_groups
    }


COMMAND_LINE = re.compile(r"(?:^|[\s`(])gaincell ((?:[^`\n&#|)]|\\\n)*)")


def command_of(words):
    """The click command that the first words name, with the rest of the words."""
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", FRONT + PAGES, ids=lambda page: page.name)
def test_options_of_documented_commands_exist(page):
    for line in COMMAND_LINE.findall(page.read_text()):
        command, words = command_of(line.split())
        known = {option for parameter in command.params for option in parameter.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known | {"--help"}, f"{page.name}: gaincell {line}"


def test_every_page_is_on_the_index():
    listed = {link.partition("#")[0] for link in links(DOCS / "index.md")}
    assert {page.name for page in PAGES} - {"index.md"} <= listed


def test_every_drawing_is_shown_on_a_page():
    shown = {link for page in PAGES for link in links(page)}
    assert {f"figures/{path.name}" for path in (DOCS / "figures").glob("*.svg")} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_quoted_files_match_their_sources(page):
    for name, text in QUOTED.findall(page.read_text()):
        assert text.rstrip() == (DOCS / name).read_text().rstrip(), f"{page.name}: {name} has changed"


def test_every_example_is_quoted_or_linked():
    known = {name for page in PAGES for name, _ in QUOTED.findall(page.read_text())}
    known |= {link for page in PAGES for link in links(page)}
    assert {f"examples/{path.name}" for path in (DOCS / "examples").iterdir() if path.is_file()} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_equations_use_macros_that_github_renders(page):
    """GitHub's MathJax refuses some macros; inline, markdown removes backslashes before punctuation."""
    text = page.read_text()
    assert not re.findall(r"\\(?:operatorname|newcommand|def)\b", text)
    inline = re.findall(r"(?<![\\$`])\$([^$\n]+)\$", prose(page))
    assert not [formula for formula in inline if re.search(r"\\[^a-zA-Z]", formula)]


@pytest.mark.parametrize("name", ["add-a-technology.md", "add-a-procedure.md", "add-an-effect.md"])
def test_code_blocks_of_a_tutorial_run(name, docs, tmp_path, monkeypatch):
    """The page's own blocks, not the quoted files, run one after the other beside copies of the examples."""
    for example in (DOCS / "examples").iterdir():
        if example.is_file():
            shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAINCELL_CACHE", str(tmp_path / "cache"))
    text = QUOTED.sub("", (DOCS / name).read_text())
    blocks = [code for language, code in FENCE.findall(text) if language == "python"]
    assert blocks
    namespace = {}
    for code in blocks:
        exec(compile(code, name, "exec"), namespace)
    if name != "add-an-effect.md":  # which simulates nothing
        assert namespace["summary"].failed == 0 < namespace["summary"].points


def test_custom_stage_energy_replaces_the_estimate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    size = {"vocab_size": 256, "n_positions": 24, "n_embd": 64, "n_layer": 1, "n_head": 1}
    GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0)).save_pretrained("network")
    Path("text.txt").write_text("A single transistor must be in want of a gate. " * 8)
    section = (DOCS / "model.md").read_text().partition("## 12. Energy")[2].partition("\n## ")[0]
    (code,) = (code for language, code in FENCE.findall(section) if language == "python")
    exec(compile(code, "model.md", "exec"), {})

    def stages(hardware):
        words = [
            "account",
            "network",
            "--hardware",
            hardware,
            "--text",
            "text.txt",
            "--windows",
            "2",
            "--json",
        ]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.stderr
        return {stage["name"]: stage for stage in json.loads(result.stdout)["stages"]}

    shipped, own = stages("generic28"), stages("./own-routing")
    assert shipped["routing"]["energy_J"] < 350e-12
    assert own["routing"]["energy_J"] == pytest.approx(350e-12)
    assert own["routing"]["band_J"] == pytest.approx([280e-12, 437.5e-12])
    assert {name for name in shipped if shipped[name] != own[name]} == {"routing"}

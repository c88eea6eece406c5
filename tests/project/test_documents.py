"""The documents: their code runs, their links are valid, their commands are those of CI.

They are in a checkout and in an unpacked sdist, but not in an installed nncore.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builds import NOT_SANITIZED
from checkout import ROOT

import nncore

if not (ROOT / "Makefile").exists():
    pytest.skip("needs a checkout or an unpacked sdist", allow_module_level=True)

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
PROSE = "The cat sat on the mat and looked at a dog that it did not know. " * 100


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page, language):
    """The code blocks of a page that are marked with this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.M | re.S)


def anchors(page):
    """The anchors of a page."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


# --- code -------------------------------------------------------------------------------------


@pytest.mark.slow
@NOT_SANITIZED
@pytest.mark.parametrize("number", range(4))
def test_each_block_of_the_readme_runs_alone(number, tmp_path, monkeypatch):
    pytest.importorskip("sklearn", reason="the estimator is for scikit-learn")
    monkeypatch.chdir(tmp_path)
    exec(blocks("README.md", "python")[number], {})


def test_the_readme_has_no_other_blocks():
    assert len(blocks("README.md", "python")) == 4
    assert len(blocks("README.md", "sh")) == 2


def interrupt(event):
    if event.epoch == 3:
        raise KeyboardInterrupt


def interrupted(net, X, labels):
    """Leave the checkpoint of a run of 20 epochs that was interrupted in run.safetensors."""
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, labels, epochs=20, checkpoint="run.safetensors", callbacks=[interrupt])


@pytest.mark.slow
@NOT_SANITIZED
def test_the_blocks_of_the_guide_run_one_after_another(tmp_path, monkeypatch):
    pytest.importorskip("sklearn", reason="the data are scikit-learn's")
    pytest.importorskip("matplotlib", reason="the guide draws a picture")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    Path("novel.txt").write_text(PROSE, encoding="utf-8")
    names = {}
    for block in blocks("docs/guide.md", "python"):
        if "resume=True" in block:
            interrupted(names["net"], names["X"], names["labels"])
        exec(block, names)
    assert isinstance(names["sweep"], nncore.Sweep)


# --- links ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = set(LINK.findall(text("README.md")))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


# --- commands ---------------------------------------------------------------------------------


def targets():
    """The targets of the Makefile except help, each with its commands."""
    found = re.findall(r"^([a-z]+):.*\n((?:\t.+\n)+)", text("Makefile"), re.M)
    return {name: re.findall(r"\t(.+)", lines) for name, lines in found if name != "help"}


@pytest.mark.parametrize("target", targets())
def test_contributing_names_each_target_and_its_commands(target):
    contributing = text("CONTRIBUTING.md")
    assert f"make {target} " in contributing
    for command in targets()[target]:
        assert command in contributing


def test_targets_are_phony():
    phony = re.search(r"^\.PHONY: help (.*)$", text("Makefile"), re.M)
    assert phony[1].split() == list(targets())


def test_scripts_that_targets_run_exist():
    words = " ".join(command for commands in targets().values() for command in commands).split()
    assert [word for word in words if "/" in word and not (ROOT / word).is_file()] == []


def test_hooks_run_what_lint_and_types_run():
    hooks = re.findall(r"entry: (.+)", text(".pre-commit-config.yaml"))
    assert hooks
    ran = targets()["lint"] + targets()["types"]
    for hook in hooks:
        assert any(command.startswith(hook) for command in ran), hook


def test_the_source_archive_has_every_document():
    named = text("MANIFEST.in").split()
    assert {path.name for path in ROOT.glob("*.md")} <= set(named)
    assert {"Makefile", "CITATION.cff", ".pre-commit-config.yaml", "docs", "examples"} <= set(named)


def test_the_citation_is_of_this_version():
    assert re.search(r"^version: (.*)$", text("CITATION.cff"), re.M)[1] == nncore.__version__


def test_ci_takes_both_commands_from_the_readme():
    script = ROOT / ".ci" / "run"
    if not script.exists() or shutil.which("bash") is None:
        pytest.skip("needs a checkout, and bash")
    extract = re.search(r"^readme_command\(\) \{\n(.*?)^\}", script.read_text(), re.M | re.S)[1]
    for number, expected in enumerate(blocks("README.md", "sh"), start=1):
        command = f"set -- {number}\n{extract}"
        found = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert found.stdout == expected

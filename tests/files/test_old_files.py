"""Networks saved by earlier versions can be loaded, predict as before, and finish their runs."""

import json
from pathlib import Path

import numpy as np
import old_files
import pytest

from nncore import MLP, CharRNN

FOLDERS = sorted((Path(__file__).parent / "data").iterdir())
SAVED = [
    pytest.param(path, id=f"{path.parent.name} {path.stem}")
    for folder in FOLDERS
    for path in sorted(folder.glob("*.nncore"))
]
CLASSES = {"mlp": MLP, "char_rnn": CharRNN}


def kind_of(path):
    return path.stem.rpartition("_")[0]


def updates(model):
    return model.history.updates if isinstance(model, MLP) else model.history.iterations


def load(path):
    return CLASSES[kind_of(path)].load(path)


def test_each_version_has_a_file_of_each_kind():
    assert FOLDERS
    for folder in FOLDERS:
        kinds = {(kind_of(path), path.stem.rpartition("_")[2]) for path in folder.glob("*.nncore")}
        assert kinds == {(k, s) for k in CLASSES for s in ("finished", "interrupted")}


@pytest.mark.parametrize("path", SAVED)
def test_an_old_file_answers_as_its_network_did(path):
    expected = json.loads((path.parent / "expected.json").read_text())[path.stem]
    answers = old_files.answers(kind_of(path), load(path))
    assert answers.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, str):
            assert answers[name] == value
        else:  # the last bits depend on the processor
            np.testing.assert_allclose(answers[name], value, rtol=1e-5)


@pytest.mark.parametrize("path", [p for p in SAVED if p.values[0].stem.endswith("_interrupted")])
def test_an_interrupted_run_of_an_old_file_is_finished(path):
    build, fit, _ = old_files.KINDS[kind_of(path)]
    model, whole = load(path), build()
    before = updates(model)
    fit(model, resume=True)
    fit(whole)
    assert before < updates(model) == updates(whole)
    early = slice(0, before + 20)  # later, last bits that differ between processors have grown
    np.testing.assert_allclose(model.history.loss[early], whole.history.loss[early], rtol=1e-4)


@pytest.mark.parametrize("path", [p for p in SAVED if p.values[0].stem.endswith("_finished")])
def test_an_old_file_can_be_trained_further_and_saved_again(path, tmp_path):
    _, fit, short = old_files.KINDS[kind_of(path)]
    model = load(path)
    before = updates(model)
    fit(model, **short)
    model.save(tmp_path / "again.nncore")
    again = CLASSES[kind_of(path)].load(tmp_path / "again.nncore")
    assert updates(again) == updates(model) > before
    assert old_files.answers(kind_of(path), again) == old_files.answers(kind_of(path), model)

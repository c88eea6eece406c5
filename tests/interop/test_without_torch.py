"""What nncore.interop does where PyTorch is not installed, and that it is not imported early."""

import sys

import pytest
from processes import python

import nncore
from nncore.interop.activations import COUNTERPARTS
from nncore.registry import ACTIVATIONS


@pytest.mark.parametrize("function", ["from_torch", "to_torch"])
def test_an_import_error_says_how_to_install_pytorch(monkeypatch, function):
    monkeypatch.setitem(sys.modules, "torch", None)
    net = nncore.MLP([2, 3, 1], rng=0)
    with pytest.raises(ImportError, match="pip install torch") as caught:
        getattr(nncore.interop, function)(net)
    assert caught.value.name == "torch"


def test_the_package_is_imported_at_its_first_use_and_does_not_import_pytorch():
    loaded = python(
        "import sys, nncore\n"
        "assert 'nncore.interop' not in sys.modules\n"
        "nncore.interop.from_torch\n"
        "print(*sys.modules)\n"
    ).split()
    assert "nncore.interop" in loaded
    assert "torch" not in loaded


def test_every_activation_has_a_module():
    assert tuple(COUNTERPARTS) == ACTIVATIONS

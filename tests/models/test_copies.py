"""Copies and pickles hold all of a network."""

import io
import pickle
import pickletools

import numpy as np
import pytest
from builds import LEVELS
from models import (
    COPIES,
    NETWORKS,
    TEXT,
    answers,
    bits,
    broken_off,
    char_rnn,
    fit,
    pickled,
    trained,
)
from processes import python

from nncore import CharRNN


@NETWORKS
@COPIES
def test_a_copy_continues_with_the_same_bits_and_shares_nothing(made, copied):
    net = broken_off(made)
    before, twin = bits(net), copied(net)
    assert bits(twin) == before
    assert answers(twin) == answers(net)
    fit(twin, resume=True)
    assert bits(net) == before
    fit(net, resume=True)
    assert bits(net) == bits(twin)
    for parameter in twin.parameters.values():
        parameter[...] = 0
    assert answers(twin) != answers(net)


@NETWORKS
@COPIES
def test_a_copy_is_as_aligned_as_the_original(made, copied):
    net = trained(made)
    twin = copied(net)
    for name, array in vars(twin).items():
        if isinstance(array, np.ndarray) and array.size:
            assert array.ctypes.data % 64 == 0, name
            assert array.flags.writeable, name
    assert twin._gradient.shape == net._gradient.shape


@NETWORKS
def test_copies_draw_the_numbers_that_the_original_would(made):
    net = trained(made)
    twin = pickled(net)
    if made is not char_rnn:
        for each in (net, twin):
            fit(each, validation_fraction=0.3)
        assert net.history.validation_loss.tobytes() == twin.history.validation_loss.tobytes()
    else:
        assert net.sample(50) == twin.sample(50)


def test_a_copy_made_before_building_draws_the_same_weights():
    nets = [CharRNN(9, rng=3) for _ in range(2)]
    nets.append(pickled(nets[0]))
    weights = [net.build(TEXT)._weights.tobytes() for net in nets]
    assert weights[0] == weights[1] == weights[2]


ALLOWED = {
    "nncore.char_rnn.history", "nncore.char_rnn.network", "nncore.char_rnn.text",
    "nncore.mlp.history", "nncore.mlp.network", "nncore.model", "nncore.optimizers.adaptive",
    "nncore.optimizers.momentum", "nncore.population.history", "nncore.population.network",
    "nncore.population.run_state", "nncore.rnn.history", "nncore.rnn.network", "nncore.schedules",
    "nncore.training.epochs.run_state",
}  # fmt: skip


@NETWORKS
def test_a_pickle_names_no_compiled_code(made):
    class Names(pickle.Unpickler):
        def find_class(self, module, name):
            found.add((module, name))
            return super().find_class(module, name)

    found = set()
    data = pickle.dumps(trained(made, validation_fraction=0.2))
    Names(io.BytesIO(data)).load()
    assert {module for module, _ in found if module.startswith("nncore")} <= ALLOWED
    others = {name for module, name in found if not module.startswith("nncore")}
    assert others <= {"_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar", "__newobj__"}
    strings = [str(argument) for _, argument, _ in pickletools.genops(data)]
    assert not [text for text in strings if "_core" in text and "numpy" not in text]


GO_ON = """
import hashlib, pickle, sys
from models import bits, fit
net = pickle.load(open(sys.argv[1], "rb"))
fit(net, resume=True)
print(hashlib.sha256(b"".join(bits(net))).hexdigest())
"""


@NETWORKS
def test_a_pickle_continues_with_the_same_bits_at_another_level(made, tmp_path):
    levels = [level for level in LEVELS if level != "base"]
    if len(levels) < 2:
        pytest.skip("needs AVX2 and AVX-512, built and run by this processor")
    path = tmp_path / "net.pickle"
    path.write_bytes(pickle.dumps(broken_off(made)))
    hashes = [python(GO_ON, path, NNCORE_SIMD=level) for level in levels]
    assert hashes[0] == hashes[1]
    assert len(hashes[0].strip()) == 64

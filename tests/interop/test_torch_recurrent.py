"""Recurrent networks from a PyTorch module and its head, and to it."""

import io
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402
from torch.nn.utils import rnn as packing  # noqa: E402

import nncore  # noqa: E402
from nncore.interop import from_torch, to_torch  # noqa: E402
from nncore.interop.recurrent import CLASSES  # noqa: E402
from nncore.registry import ACTIVATIONS, CELLS  # noqa: E402

TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
BOTH_TYPES = pytest.mark.parametrize("dtype", TOLERANCE)
EVERY_DEPTH = pytest.mark.parametrize("layers", [1, 2, 3])
BOTH_ENDS = pytest.mark.parametrize("returns", ["last", "sequence"])


@pytest.fixture(autouse=True)
def _one_thread_and_one_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def sequences(dtype="float32", lengths=(6,) * 5, inputs=3):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n, inputs)).astype(dtype) for n in lengths]


def theirs(cell, layers=1, dtype="float32", outputs=2, **settings):
    """A recurrent module with hidden size 6, and a head."""
    kind, dtype = getattr(nn, CLASSES[cell]), getattr(torch, dtype)
    module = kind(3, 6, layers, batch_first=True, dtype=dtype, **settings)
    return module, nn.Linear(6, outputs, dtype=dtype)


def assert_close(found, expected, dtype):
    expected = np.asarray(expected)
    assert np.asarray(found).dtype == expected.dtype == dtype
    tolerance = TOLERANCE[dtype] * max(1, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def assert_same_parameters(a, b):
    assert a.keys() == b.keys()
    for name, array in a.items():
        assert np.asarray(array).tobytes() == np.asarray(b[name]).tobytes(), name


# --- from PyTorch -------------------------------------------------------------------------------


@EVERY_CELL
@EVERY_DEPTH
@BOTH_TYPES
@BOTH_ENDS
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_predictions_are_the_outputs_of_pytorch(cell, layers, dtype, returns, bias):
    recurrent, head = theirs(cell, layers, dtype, bias=bias)
    net = from_torch(recurrent, head, returns=returns)
    assert net.layer_sizes == (3, *[6] * layers, 2)
    assert (net.cell, net.returns) == (cell, returns)
    x = np.stack(sequences(dtype))
    with torch.no_grad():
        hidden, _ = recurrent(torch.tensor(x))
        expected = head(hidden[:, -1] if returns == "last" else hidden)
    assert_close(net.predict(x), expected, dtype)


@EVERY_CELL
@BOTH_ENDS
def test_gradients_are_those_of_pytorch(cell, returns):
    recurrent, head = theirs(cell, 2, "float64")
    net = from_torch(recurrent, head, returns=returns)
    x = np.stack(sequences("float64"))
    hidden, _ = recurrent(torch.tensor(x))
    outputs = head(hidden[:, -1] if returns == "last" else hidden)
    y = np.random.default_rng(1).standard_normal(tuple(outputs.shape))
    loss = (outputs - torch.tensor(y)).square().sum(-1).mean()
    loss.backward()
    found, gradients = net.loss_and_gradients(x, y)
    assert found == pytest.approx(loss.item(), rel=1e-12)
    for name, parameter in {
        "wxh": recurrent.weight_ih_l0.grad.T,
        "whh2": recurrent.weight_hh_l1.grad.T,
        "bh2": recurrent.bias_ih_l1.grad,
        "why": head.weight.grad.T,
        "by": head.bias.grad,
    }.items():
        assert_close(gradients[name], parameter, "float64")
    if cell == "gru":
        assert_close(gradients["bn"], recurrent.bias_hh_l0.grad[-6:], "float64")


def test_the_layout_of_the_input_does_not_matter():
    recurrent, head = theirs("gru")
    other = nn.GRU(3, 6)
    other.load_state_dict(recurrent.state_dict())
    assert_same_parameters(
        from_torch(other, head).parameters, from_torch(recurrent, head).parameters
    )


@pytest.mark.parametrize(
    ("last", "returns", "loss"),
    [
        (nn.Sigmoid(), "last", "binary_cross_entropy"),
        (nn.Softmax(dim=1), "last", "softmax_cross_entropy"),
        (nn.Softmax(dim=2), "sequence", "softmax_cross_entropy"),
        (nn.Softmax(dim=-1), "sequence", "softmax_cross_entropy"),
        (nn.Tanh(), "last", "squared_error"),
        (nn.Identity(), "sequence", "squared_error"),
    ],
)
def test_heads_have_an_activation_from_which_the_loss_follows(last, returns, loss):
    recurrent, linear = theirs("lstm")
    net = from_torch(recurrent, nn.Sequential(linear, last), returns=returns)
    assert net.loss_name == loss
    x = np.stack(sequences())
    with torch.no_grad():
        hidden, _ = recurrent(torch.tensor(x))
        expected = last(linear(hidden[:, -1] if returns == "last" else hidden))
    assert_close(net.predict(x), expected, "float32")


def test_the_loss_backend_and_seed_can_be_given():
    nets = [
        from_torch(*theirs("lstm"), loss="huber", backend=backend, rng=5, returns="sequence")
        for backend in ("compiled", "numpy")
    ]
    assert [(net.loss_name, net.backend) for net in nets] == [
        ("huber", "compiled"), ("huber", "numpy"),
    ]  # fmt: skip


def test_dropout_acts_between_layers():
    assert from_torch(*theirs("lstm", 2, dropout=0.25)).dropout == 0.25
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that it has no effect
        recurrent, head = theirs("lstm", 1, dropout=0.25)
    assert from_torch(recurrent, head).dropout == 0


class Net(nn.Module):
    """What people write: a recurrent module and a linear one as attributes."""

    def __init__(self, *more, **named):
        super().__init__()
        self.encoder, self.out = theirs("gru")
        for i, module in enumerate(more):
            self.add_module(f"more{i}", module)
        for name, value in named.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.out(self.encoder(x)[0][:, -1])


@pytest.mark.parametrize("more", [(), (nn.Identity(),), (nn.Dropout(0.0),)], ids=str)
def test_a_module_may_have_a_recurrent_module_and_a_head_as_attributes(more):
    module, x = Net(*more), np.stack(sequences())
    net = from_torch(module)
    with torch.no_grad():
        assert_close(net.predict(x), module(torch.tensor(x)), "float32")
    assert_same_parameters(
        net.parameters, from_torch(nn.Sequential(module.encoder, module.out)).parameters
    )


# --- what cannot be converted -------------------------------------------------------------------


def hooked(module):
    module.register_forward_pre_hook(lambda module, arguments: None)
    return module


HEAD = nn.Linear(6, 2)
REFUSED = [
    ((nn.LSTM(3, 6),), TypeError, r"module \(LSTM\) has no outputs: pass the Linear"),
    ((nn.LSTM(3, 6), nn.ReLU()), TypeError, r"head \(ReLU\) precedes the first Linear"),
    ((nn.LSTM(3, 6), nn.Sequential(HEAD, nn.Linear(2, 2))), TypeError, r"head.1 \(Linear\).*one L"),
    ((nn.LSTM(3, 6), nn.Conv1d(1, 1, 1)), TypeError, r"head \(Conv1d\)"),
    ((nn.LSTM(3, 6), 3), TypeError, "head must be a torch.nn.Module, got int"),
    ((nn.LSTM(3, 5), HEAD), ValueError, r"head \(Linear\) has 6 inputs, expected 5"),
    ((nn.LSTM(3, 6, bidirectional=True), HEAD), ValueError, r"LSTM\) has bidirectional=True"),
    ((nn.LSTM(3, 8, proj_size=6), HEAD), ValueError, "proj_size=6, expected 0"),
    ((nn.RNN(3, 6, nonlinearity="relu"), HEAD), ValueError, "nonlinearity='relu', expected 'tanh'"),
    ((nn.GRU(3, 6).double(), HEAD), ValueError, r"head \(Linear\) has dtype float32, but module"),
    ((nn.GRU(3, 6, device="meta"), HEAD), ValueError, r"module \(GRU\) is on device meta"),
    ((hooked(nn.GRU(3, 6)), HEAD), ValueError, r"module \(GRU\) has forward hooks"),
    ((hooked(Net()),), ValueError, r"module \(Net\) has forward hooks"),
    ((nn.LSTMCell(3, 6), HEAD), TypeError, r"module \(LSTMCell\) cannot be converted"),
    ((HEAD, HEAD), TypeError, r"module \(Linear\) cannot be converted: expected RNN, LSTM or GRU"),
    ((Net(nn.ReLU()),), TypeError, r"module \(Net\) contains module.encoder \(GRU\).*more0 \(ReLU"),
    ((Net(nn.LSTM(6, 6)),), TypeError, "expected one RNN, LSTM or GRU and one Linear"),
    ((Net(h0=nn.Parameter(torch.zeros(6))),), TypeError, "expected one RNN, LSTM or GRU"),
    ((Net(out=nn.Identity()),), TypeError, "expected one RNN, LSTM or GRU and one Linear"),
    ((nn.Sequential(nn.LSTM(3, 6), HEAD, nn.ReLU()),), TypeError, r"module.2 \(ReLU\): expected"),
    (
        (nn.LSTM(3, 6), nn.Sequential(HEAD, nn.Softmax(dim=2))),
        ValueError,
        "dim=2, expected -1 or 1",
    ),
]


@pytest.mark.parametrize(
    ("modules", "error", "message"), REFUSED, ids=[message for *_, message in REFUSED]
)
def test_other_modules_are_refused_by_name(modules, error, message):
    with pytest.raises(error, match=message):
        from_torch(*modules)


def test_returns_is_checked():
    with pytest.raises(ValueError, match="returns must be one of 'last', 'sequence', got 'all'"):
        from_torch(*theirs("lstm"), returns="all")
    with pytest.raises(ValueError, match=r"module \(Linear\) is not one"):
        from_torch(HEAD, returns="last")


def test_layers_of_different_sizes_have_no_module():
    with pytest.raises(ValueError, match=r"\[6, 4\] units, expected one size.*torch.nn.LSTM"):
        to_torch(nncore.RNN([3, 6, 4, 2]))


# --- to PyTorch, and back -----------------------------------------------------------------------


@EVERY_CELL
@EVERY_DEPTH
@BOTH_TYPES
@BOTH_ENDS
def test_modules_compute_what_networks_predict(cell, layers, dtype, returns):
    sizes, dropout = [3, *[6] * layers, 2], 0.5 if layers > 1 else 0.0
    net = nncore.RNN(sizes, cell, returns=returns, dtype=dtype, dropout=dropout, rng=0)
    for array in net.parameters.values():
        array[...] += 0.1
    module, x = to_torch(net), np.stack(sequences(dtype))
    assert not module.training
    with torch.no_grad():
        assert_close(net.predict(x), module(torch.tensor(x)), dtype)
        assert_close(net.predict(x)[0], module(torch.tensor(x[0])), dtype)
    again = from_torch(module)
    assert (again.cell, again.returns, again.dropout) == (cell, returns, dropout)
    assert_same_parameters(again.parameters, net.parameters)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_heads_have_the_activation_of_the_network(activation):
    net = nncore.RNN([3, 6, 4], "gru", activation, rng=0)
    module, x = to_torch(net), np.stack(sequences())
    with torch.no_grad():
        assert_close(net.predict(x), module(torch.tensor(x)), "float32")
    assert from_torch(module).output_activation == activation


@EVERY_CELL
@BOTH_ENDS
def test_sequences_of_different_lengths_are_packed(cell, returns):
    net = nncore.RNN([3, 6, 2], cell, returns=returns, rng=0)
    parts = sequences(lengths=(3, 1, 6, 4))
    packed = packing.pack_sequence([torch.tensor(one) for one in parts], enforce_sorted=False)
    with torch.no_grad():
        outputs = to_torch(net)(packed)
    if returns == "last":
        assert_close(net.predict(parts), outputs, "float32")
        return
    for found, expected in zip(net.predict(parts), packing.unpack_sequence(outputs), strict=True):
        assert_close(found, expected, "float32")


@EVERY_CELL
@EVERY_DEPTH
def test_a_module_comes_back_with_the_same_weights(cell, layers):
    """Its biases may change, as two become one; their sums do not."""
    recurrent, head = theirs(cell, layers)
    again = to_torch(from_torch(recurrent, head))
    assert str(again.recurrent) == str(recurrent)
    assert_same_parameters(again.head.state_dict(), head.state_dict())
    before, after = recurrent.state_dict(), again.recurrent.state_dict()
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if name.startswith("weight"):
            assert torch.equal(after[name], tensor)
        elif name.startswith("bias_ih"):
            other = name.replace("ih", "hh")
            sums = tensor + before[other], after[name] + after[other]
            np.testing.assert_allclose(*sums, atol=1e-7)
            if cell == "gru":
                assert torch.equal(after[other][-6:], before[other][-6:])


@EVERY_CELL
def test_a_module_with_one_bias_comes_back_to_the_bit(cell):
    recurrent, head = theirs(cell, 2)
    with torch.no_grad():
        for i in range(2):
            second = recurrent.get_parameter(f"bias_hh_l{i}")
            second[: 12 if cell == "gru" else None] = 0
    again = to_torch(from_torch(recurrent, head))
    assert_same_parameters(again.recurrent.state_dict(), recurrent.state_dict())


def test_modules_can_be_trained_and_pickled():
    net = nncore.RNN([3, 6, 2], "lstm", rng=0)
    before = {name: array.copy() for name, array in net.parameters.items()}
    module, x = to_torch(net), torch.tensor(np.stack(sequences()))
    module.train()(x).square().sum().backward()
    torch.optim.SGD(module.parameters(), 0.1).step()
    assert_same_parameters(net.parameters, before)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    assert torch.equal(again(x), module(x))
    assert_same_parameters(from_torch(again).parameters, from_torch(module).parameters)

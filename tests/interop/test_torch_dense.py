"""Perceptrons from nn.Sequential and to it."""

import copy
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402

import nncore  # noqa: E402
from nncore.interop import from_torch, to_torch  # noqa: E402
from nncore.interop.activations import activation_module  # noqa: E402
from nncore.registry import ACTIVATIONS  # noqa: E402

TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
BOTH_TYPES = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(autouse=True)
def _one_thread_and_one_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def rows(dtype="float32", inputs=4):
    return np.random.default_rng(0).normal(0, 3, (7, inputs)).astype(dtype)


def outputs(module, x):
    with torch.no_grad():
        return module(torch.tensor(x)).numpy()


def assert_same_outputs(net, module, dtype):
    x = rows(dtype, net.layer_sizes[0])
    expected = outputs(module, x)
    assert net.predict(x).dtype == dtype == expected.dtype
    tolerance = TOLERANCE[dtype] * max(1, np.abs(expected).max())
    np.testing.assert_allclose(net.predict(x), expected, rtol=0, atol=tolerance)


def assert_same_parameters(a, b):
    assert a.keys() == b.keys()
    for name, array in a.items():
        assert np.asarray(array).tobytes() == np.asarray(b[name]).tobytes(), name


# --- from PyTorch -------------------------------------------------------------------------------


@BOTH_TYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_in_hidden_layers_and_at_the_outputs(name, dtype):
    module = nn.Sequential(
        nn.Linear(4, 8), activation_module(name), nn.Linear(8, 3), activation_module(name)
    ).to(getattr(torch, dtype))
    net = from_torch(module)
    assert net.activations == (name, name)
    assert_same_outputs(net, module, dtype)


DEFAULTS = [
    nn.Identity(), nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.LeakyReLU(), nn.Softmax(dim=1), nn.ELU(),
    nn.SELU(), nn.Softplus(), nn.Hardsigmoid(), nn.SiLU(), nn.GELU(),
]  # fmt: skip


@pytest.mark.parametrize("activation", DEFAULTS, ids=str)
def test_default_settings_of_pytorch(activation):
    module = nn.Sequential(nn.Linear(4, 5), activation)
    assert_same_outputs(from_torch(module), module, "float32")


def test_parameters_are_copies_of_pytorch():
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    net = from_torch(module)
    before = {name: array.copy() for name, array in net.parameters.items()}
    np.testing.assert_array_equal(net.parameters["w1"], module[0].weight.detach().numpy().T)
    np.testing.assert_array_equal(net.parameters["b2"], module[2].bias.detach().numpy())
    with torch.no_grad():
        module[0].weight += 1
    assert_same_parameters(net.parameters, before)


def test_dropout_is_that_of_the_layer_before_and_nested_modules_are_one():
    module = nn.Sequential(
        nn.Linear(4, 8), nn.Sequential(nn.Tanh(), nn.Dropout(0.25)), nn.Identity(),
        nn.Sequential(nn.Linear(8, 6)), nn.Dropout(0.5), nn.Linear(6, 6), nn.Dropout(0.0),
        nn.ReLU(), nn.Linear(6, 2),
    ).eval()  # fmt: skip
    net = from_torch(module)
    assert net.dropout == (0.25, 0.5, 0.0)
    assert net.activations == ("tanh", "identity", "relu", "identity")
    assert_same_outputs(net, module, "float32")


def test_a_module_can_be_used_more_than_once():
    linear, activation = nn.Linear(4, 4), nn.Tanh()
    module = nn.Sequential(linear, activation, linear, activation, nn.Linear(4, 2), activation)
    net = from_torch(module)
    assert net.activations == ("tanh",) * 3
    assert_same_outputs(net, module, "float32")


def test_a_single_linear_is_a_network():
    module = nn.Linear(4, 2)
    assert_same_outputs(from_torch(module), module, "float32")


def test_layers_without_biases_have_biases_of_zero():
    module = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 2))
    net = from_torch(module)
    assert not net.parameters["b1"].any()
    assert_same_outputs(net, module, "float32")


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (nn.Sigmoid(), "binary_cross_entropy"),
        (nn.Softmax(dim=-1), "softmax_cross_entropy"),
        (nn.Tanh(), "squared_error"),
        (nn.Identity(), "squared_error"),
    ],
)
def test_the_loss_follows_from_the_last_activation(last, loss):
    assert from_torch(nn.Sequential(nn.Linear(4, 2), last)).loss_name == loss


def test_the_loss_backend_and_seed_can_be_given():
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    settings = {"loss": "softmax_cross_entropy", "rng": 3}
    nets = [from_torch(module, backend=name, **settings) for name in ("compiled", "numpy")]
    labels = np.arange(7) % 3
    for net in nets:
        assert net.loss_name == "softmax_cross_entropy"
        net.fit(rows(), labels, epochs=3, batch_size=2)
    first, second = (net.parameters for net in nets)
    for name, array in first.items():
        np.testing.assert_allclose(array, second[name], atol=1e-6)
    with pytest.raises(ValueError, match="loss 'hinge' needs output_activation"):
        from_torch(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), loss="hinge")


def test_gradients_are_those_of_pytorch():
    module = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)).double()
    net, x, labels = from_torch(module, loss="softmax_cross_entropy"), rows("float64"), [0, 1] * 3
    loss = nn.CrossEntropyLoss()(module(torch.tensor(x[:6])), torch.tensor(labels))
    loss.backward()
    found, gradients = net.loss_and_gradients(x[:6], labels)
    assert found == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(gradients["w1"], module[0].weight.grad.numpy().T, atol=1e-12)
    np.testing.assert_allclose(gradients["b2"], module[2].bias.grad.numpy(), atol=1e-12)


# --- what cannot be converted -------------------------------------------------------------------


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Unordered(nn.Module):
    """Its forward method decides what comes first."""

    def __init__(self):
        super().__init__()
        self.out, self.hidden = nn.Linear(8, 2), nn.Linear(4, 8)


def hooked():
    linear = nn.Linear(4, 2)
    linear.register_forward_hook(lambda module, arguments, result: 2 * result)
    return linear


def filled(value):
    linear = nn.Linear(4, 2)
    nn.init.constant_(linear.weight, value)
    return linear


A, B = nn.Linear(4, 8), nn.Linear(8, 2)
REFUSED = [
    (nn.Conv1d(1, 1, 1), TypeError, r"module \(Conv1d\)"),
    (nn.Sequential(A, nn.BatchNorm1d(8), B), TypeError, r"module.1 \(BatchNorm1d\)"),
    (nn.Sequential(A, nn.ReLU6(), B), TypeError, r"module.1 \(ReLU6\)"),
    (nn.Sequential(A, nn.Sequential(nn.Tanh(), nn.Flatten())), TypeError, r"module.1.1 \(Flatten"),
    (nn.Sequential(Doubled(4, 2)), TypeError, r"module.0 \(Doubled\)"),
    (nn.Sequential(nn.Tanh(), A), TypeError, r"module.0 \(Tanh\) precedes the first Linear"),
    (nn.Sequential(nn.Dropout(0.1), A), TypeError, r"module.0 \(Dropout\) precedes"),
    (nn.Sequential(A, nn.Tanh(), nn.ReLU(), B), TypeError, r"module.2 \(ReLU\).*one activation"),
    (nn.Sequential(A, nn.Dropout(0.1), nn.ReLU(), B), TypeError, r"module.2 \(ReLU\)"),
    (nn.Sequential(A, nn.Dropout(0.1)), ValueError, r"module.1 \(Dropout\) is dropout of the outp"),
    (nn.Sequential(A, nn.Dropout(1.0), B), ValueError, r"module.1 \(Dropout\) has p=1.0"),
    (nn.Sequential(), TypeError, "contains no Linear"),
    (nn.Sequential(nn.Identity()), TypeError, "contains no Linear"),
    (nn.Sequential(A, nn.LeakyReLU(0.2), B), ValueError, r"module.1 .*negative_slope=0.2"),
    (nn.Sequential(A, nn.ELU(0.5), B), ValueError, "alpha=0.5, expected 1.0"),
    (nn.Sequential(A, nn.Softplus(2), B), ValueError, "beta=2"),
    (nn.Sequential(A, nn.Softplus(threshold=1), B), ValueError, "threshold=1"),
    (nn.Sequential(A, nn.GELU("tanh"), B), ValueError, "approximate='tanh', expected 'none'"),
    (nn.Sequential(A, nn.Softmax(dim=0)), ValueError, "dim=0, expected -1 or 1"),
    (nn.Sequential(A, nn.Softmax()), ValueError, "dim=None"),
    (nn.Sequential(A, A), ValueError, r"module.1 \(Linear\) has 4 inputs, expected 8"),
    (nn.Sequential(A, nn.Linear(8, 2).double()), ValueError, "module.1 .*float64, but module.0"),
    (nn.Linear(4, 2, dtype=torch.bfloat16), ValueError, "dtype bfloat16, expected float32 or"),
    (nn.Linear(4, 2, device="meta"), ValueError, "device meta, expected cpu"),
    (hooked(), ValueError, r"module \(Linear\) has forward hooks"),
    (filled(float("nan")), ValueError, r"module \(Linear\): weight contains NaN"),
    (Unordered(), TypeError, r"module \(Unordered\).*expected an nn.Sequential"),
    ([A, B], TypeError, "module must be a torch.nn.Module, got list"),
    (None, TypeError, "module must be a torch.nn.Module, got NoneType"),
]


@pytest.mark.parametrize(
    ("module", "error", "message"), REFUSED, ids=[message for *_, message in REFUSED]
)
def test_other_modules_are_refused_by_name(module, error, message):
    with pytest.raises(error, match=message):
        from_torch(module)


@pytest.mark.parametrize("value", [None, 3, {}, nncore.CharRNN, nncore.SGD()], ids=str)
def test_to_torch_refuses_other_objects(value):
    with pytest.raises(TypeError, match="model must be"):
        to_torch(value)


# --- to PyTorch, and back -----------------------------------------------------------------------


@BOTH_TYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_modules_compute_what_networks_predict(name, dtype):
    net = nncore.MLP([4, 6, 5, 3], name, name, dtype=dtype, dropout=[0.5, 0], rng=0)
    module = to_torch(net)
    assert not module.training
    assert_same_outputs(net, module, dtype)
    again = from_torch(module)
    assert again.activations == net.activations
    assert again.dropout == net.dropout
    assert_same_parameters(again.parameters, net.parameters)


def test_a_module_comes_back_with_the_same_weights():
    module = nn.Sequential(
        nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 8), nn.ELU(), nn.Linear(8, 2)
    )
    again = to_torch(from_torch(module))
    assert str(again) == str(module)
    assert_same_parameters(again.state_dict(), module.state_dict())


def test_modules_share_no_memory_with_networks_and_can_be_trained():
    net = nncore.MLP([4, 8, 2], rng=0)
    before, module = copy.copy(net), to_torch(net)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(torch.tensor(rows())).square().sum().backward()
    optimizer.step()
    assert_same_parameters(net.parameters, before.parameters)
    assert not np.array_equal(from_torch(module).parameters["w1"], net.parameters["w1"])


def test_a_network_that_another_thread_fits_is_not_converted():
    net = nncore.MLP([4, 8, 2], rng=0)
    inside, done = threading.Event(), threading.Event()

    def wait(event):
        inside.set()
        return done.wait(30)

    thread = threading.Thread(
        target=net.fit, args=(rows(), np.zeros((7, 2))), kwargs={"callbacks": [wait]}
    )
    thread.start()
    try:
        assert inside.wait(30)
        with pytest.raises(RuntimeError, match=r"conversion refused: .* is running fit of this"):
            to_torch(net)
    finally:
        done.set()
        thread.join()
    assert to_torch(net)

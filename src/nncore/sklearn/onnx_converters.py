"""The functions that skl2onnx calls to convert an estimator: output shapes and nodes.

In skl2onnx's terms, an operator is an estimator in the graph, with variables as inputs and
outputs, a scope creates unique names, and a container collects the nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.helper import make_tensor
from skl2onnx.common.data_types import Int64TensorType, guess_proto_type
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from skl2onnx.common.utils_classifier import get_label_classes
from sklearn.utils.validation import check_is_fitted

from nncore.params import Array

SLOPE = 0.01  # of leaky_relu
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848

# The activations that are a single node in float32 and float64, and its attributes.
NODES: dict[str, tuple[str, dict[str, Any]]] = {
    "identity": ("Identity", {}),
    "logistic": ("Sigmoid", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("Relu", {}),
    "softmax": ("Softmax", {"axis": 1}),
    "exp": ("Exp", {}),
}
# Those that are a single node in float32 alone: runtimes lack the node in float64, in which ONNX's
# constants, which are float32, would not be exact either.
FLOAT_NODES: dict[str, tuple[str, dict[str, Any]]] = {
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {"alpha": SELU_ALPHA, "gamma": SELU_SCALE}),
    "softplus": ("Softplus", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
}


class Graph:
    """The nodes of one operator; each method adds some and returns the name of their result."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self.scope, self.operator, self.container = scope, operator, container
        kind = guess_proto_type(operator.inputs[0].type)
        self.kind = kind if kind == TensorProto.DOUBLE else TensorProto.FLOAT

    def node(self, what: str, *inputs: str, into: str | None = None, **attributes: Any) -> str:
        """Add a node; `into` is the name of its result, by default a new one."""
        result = into or self.scope.get_unique_variable_name(what.lower())
        name = self.scope.get_unique_operator_name(what)
        self.container.add_node(what, list(inputs), result, name=name, **attributes)
        return str(result)

    def constant(self, what: str, array: Any, kind: int | None = None) -> str:
        """Add an array, by default in the type of the network."""
        name = self.scope.get_unique_variable_name(what)
        values = np.asarray(array)
        kind = self.kind if kind is None else kind
        self.container.add_initializer(name, kind, list(values.shape), values.ravel().tolist())
        return str(name)

    def outputs_of_network(self) -> str:
        """Add the layers; their result is (N, O)."""
        model = self.operator.raw_operator
        result = self.node("Cast", self.operator.inputs[0].full_name, to=self.kind)
        last = len(model.coefs_) - 1
        hidden = vars(model).get("_activation", model.activation)
        for k, (coefs, biases) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
            w, b = self.constant("w", coefs), self.constant("b", biases)
            result = self.node("Gemm", result, w, b)
            result = self.activated(model.out_activation_ if k == last else hidden, result)
        return result

    def activated(self, activation: str, z: str) -> str:
        """Add an activation."""
        nodes = NODES | FLOAT_NODES if self.kind == TensorProto.FLOAT else NODES
        if activation in nodes:
            kind, attributes = nodes[activation]
            return self.node(kind, z, **attributes)
        if activation in FORMULAS:
            return FORMULAS[activation](self, z)
        raise NotImplementedError(
            f"activation {activation!r} cannot be converted to ONNX, expected one of "
            f"{', '.join((*NODES, *FORMULAS))}"
        )


# --- activations of several nodes -----------------------------------------------------------------


def _leaky_relu(graph: Graph, z: str) -> str:
    """max(z, 0.01 z)."""
    return graph.node("Max", z, graph.node("Mul", z, graph.constant("slope", [SLOPE])))


def _low(graph: Graph, z: str) -> str:
    """exp(min(z, 0)) - 1."""
    low = graph.node("Min", z, graph.constant("zero", [0.0]))
    return graph.node("Sub", graph.node("Exp", low), graph.constant("one", [1.0]))


def _elu(graph: Graph, z: str) -> str:
    """max(z, 0) + exp(min(z, 0)) - 1."""
    return graph.node("Add", graph.node("Relu", z), _low(graph, z))


def _selu(graph: Graph, z: str) -> str:
    """scale (max(z, 0) + alpha (exp(min(z, 0)) - 1))."""
    low = graph.node("Mul", _low(graph, z), graph.constant("alpha", [SELU_ALPHA]))
    whole = graph.node("Add", graph.node("Relu", z), low)
    return graph.node("Mul", whole, graph.constant("scale", [SELU_SCALE]))


def _softplus(graph: Graph, z: str) -> str:
    """max(z, 0) + ln(1 + exp(-abs(z))), which cannot overflow."""
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))
    log = graph.node("Log", graph.node("Add", small, graph.constant("one", [1.0])))
    return graph.node("Add", graph.node("Relu", z), log)


def _hard_sigmoid(graph: Graph, z: str) -> str:
    """z / 6 + 1 / 2, limited to [0, 1]."""
    line = graph.node("Mul", z, graph.constant("slope", [1 / 6]))
    line = graph.node("Add", line, graph.constant("half", [0.5]))
    above = graph.node("Max", line, graph.constant("zero", [0.0]))
    return graph.node("Min", above, graph.constant("one", [1.0]))


def _silu(graph: Graph, z: str) -> str:
    """z sigmoid(z)."""
    return graph.node("Mul", z, graph.node("Sigmoid", z))


def _gelu(graph: Graph, z: str) -> str:
    """z (1 + erf(z / sqrt(2))) / 2; erf in float32, as runtimes have no other."""
    scaled = graph.node("Mul", z, graph.constant("scale", [1 / math.sqrt(2)]))
    erf = graph.node("Erf", graph.node("Cast", scaled, to=TensorProto.FLOAT))
    chance = graph.node("Add", graph.node("Cast", erf, to=graph.kind), graph.constant("one", [1.0]))
    return graph.node("Mul", graph.node("Mul", z, chance), graph.constant("half", [0.5]))


FORMULAS: dict[str, Callable[[Graph, str], str]] = {
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "softplus": _softplus,
    "hard_sigmoid": _hard_sigmoid,
    "silu": _silu,
    "gelu": _gelu,
}


# --- estimators -----------------------------------------------------------------------------------


def regressor_shapes(operator: Any) -> None:
    """Set the shape (N, O) of the predictions, in the type of the inputs."""
    check_is_fitted(operator.raw_operator)
    calculate_linear_regressor_output_shapes(operator)
    operator.outputs[0].type.shape = [
        operator.inputs[0].get_first_dimension(),
        operator.raw_operator.n_outputs_,
    ]


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an `MLPRegressor`."""
    graph = Graph(scope, operator, container)
    graph.node("Identity", graph.outputs_of_network(), into=operator.outputs[0].full_name)


def classifier_shapes(operator: Any) -> None:
    """Set the shapes of labels, (N,) or for multilabel targets (N, O), and probabilities."""
    check_is_fitted(operator.raw_operator)
    calculate_linear_classifier_output_shapes(operator)
    if _multilabel(operator.raw_operator):
        rows = operator.inputs[0].get_first_dimension()
        labels = Int64TensorType([rows, operator.raw_operator.n_outputs_])
        operator.outputs[0].set_type(labels)


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an `MLPClassifier`."""
    model = operator.raw_operator
    graph = Graph(scope, operator, container)
    labels, probabilities = (output.full_name for output in operator.outputs)
    outputs = graph.outputs_of_network()
    if _multilabel(model):
        graph.node("Identity", outputs, into=probabilities)
        half = graph.constant("half", [0.5])
        marked = graph.node("Greater", outputs, half)
        graph.node("Cast", marked, into=labels, to=TensorProto.INT64)
        return
    _probabilities(graph, outputs, probabilities)
    kind, classes = _labels(get_label_classes(scope, model))
    best = graph.node("ArgMax", probabilities, axis=1, keepdims=0)
    graph.node("Gather", graph.constant("classes", classes, kind), best, into=labels)


def _probabilities(graph: Graph, outputs: str, into: str) -> None:
    """Add one column for each class; for two classes, the network outputs that of the second."""
    model = graph.operator.raw_operator
    if len(model.classes_) == 1:
        one = make_tensor("value", graph.kind, [1], [1.0])
        graph.node("ConstantOfShape", graph.node("Shape", outputs), into=into, value=one)
    elif model.n_outputs_ == 1:
        first = graph.node("Sub", graph.constant("one", [1.0]), outputs)
        graph.node("Concat", first, outputs, into=into, axis=1)
    else:
        graph.node("Identity", outputs, into=into)


def _labels(classes: Array) -> tuple[int, Array]:
    """Return the classes and their type in ONNX, which has integers and text."""
    if all(isinstance(label, str) for label in classes):
        return TensorProto.STRING, np.array([label.encode() for label in classes], object)
    whole = classes.astype(np.int64)
    if not np.array_equal(whole, classes):
        raise ValueError(f"classes must be strings or 64-bit integers for ONNX, got {classes}")
    return TensorProto.INT64, whole


def _multilabel(model: Any) -> bool:
    """Whether each row has several labels."""
    return bool(model._label_binarizer.y_type_.startswith("multilabel"))

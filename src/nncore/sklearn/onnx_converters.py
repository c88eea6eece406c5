"""What skl2onnx calls to convert an estimator: shapes of its outputs, and its nodes.

Its words: an operator is an estimator in the graph, with variables as inputs and outputs; a scope
makes names; a container takes the nodes.
"""

from __future__ import annotations

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

SLOPE = 0.01  # of leaky_relu, for which runtimes have no node in float64
# Our other activations, and the node of each with its attributes.
NODES: dict[str, tuple[str, dict[str, Any]]] = {
    "identity": ("Identity", {}),
    "logistic": ("Sigmoid", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("Relu", {}),
    "softmax": ("Softmax", {"axis": 1}),
    "exp": ("Exp", {}),
}


class Graph:
    """The nodes of one operator: each method adds one and returns the name of its result."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self.scope, self.operator, self.container = scope, operator, container
        kind = guess_proto_type(operator.inputs[0].type)
        self.kind = kind if kind == TensorProto.DOUBLE else TensorProto.FLOAT

    def node(self, what: str, *inputs: str, into: str | None = None, **attributes: Any) -> str:
        result = into or self.scope.get_unique_variable_name(what.lower())
        name = self.scope.get_unique_operator_name(what)
        self.container.add_node(what, list(inputs), result, name=name, **attributes)
        return str(result)

    def constant(self, what: str, array: Any, kind: int | None = None) -> str:
        name = self.scope.get_unique_variable_name(what)
        values = np.asarray(array)
        kind = self.kind if kind is None else kind
        self.container.add_initializer(name, kind, list(values.shape), values.ravel().tolist())
        return str(name)

    def outputs_of_network(self) -> str:
        """The last layer's outputs (N, O)."""
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
        if activation == "leaky_relu":
            return self.node("Max", z, self.node("Mul", z, self.constant("slope", [SLOPE])))
        if activation not in NODES:
            raise NotImplementedError(
                f"activation {activation!r} cannot be converted to ONNX, only leaky_relu, "
                f"{', '.join(NODES)}"
            )
        kind, attributes = NODES[activation]
        return self.node(kind, z, **attributes)


def regressor_shapes(operator: Any) -> None:
    """(N, O), in the type of the inputs."""
    check_is_fitted(operator.raw_operator)
    calculate_linear_regressor_output_shapes(operator)
    operator.outputs[0].type.shape = [
        operator.inputs[0].get_first_dimension(),
        operator.raw_operator.n_outputs_,
    ]


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    graph = Graph(scope, operator, container)
    graph.node("Identity", graph.outputs_of_network(), into=operator.outputs[0].full_name)


def classifier_shapes(operator: Any) -> None:
    """Labels (N,), or (N, O) for several labels a row, and probabilities (N, classes)."""
    check_is_fitted(operator.raw_operator)
    calculate_linear_classifier_output_shapes(operator)
    if _multilabel(operator.raw_operator):
        rows = operator.inputs[0].get_first_dimension()
        labels = Int64TensorType([rows, operator.raw_operator.n_outputs_])
        operator.outputs[0].set_type(labels)


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
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
    """One column for each class: of two, the network has the second one's."""
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
    """Classes as ONNX can name them: whole numbers or text."""
    if all(isinstance(label, str) for label in classes):
        return TensorProto.STRING, np.array([label.encode() for label in classes], object)
    whole = classes.astype(np.int64)
    if not np.array_equal(whole, classes):
        raise ValueError(f"classes must be text or integers of 64 bits for ONNX, got {classes}")
    return TensorProto.INT64, whole


def _multilabel(model: Any) -> bool:
    return bool(model._label_binarizer.y_type_.startswith("multilabel"))

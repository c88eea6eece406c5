"""A forward and a backward pass of a recurrent network, with every intermediate result."""

from __future__ import annotations

import numpy as np

from nncore.arguments import rnn as rnn_arguments
from nncore.params import Array, views
from nncore.reference import activations
from nncore.reference import rnn as passes
from nncore.reference.mean_loss import mean_loss
from nncore.reference.recurrent.cell import Part
from nncore.reference.recurrent.cells import CELL_FUNCTIONS
from nncore.reference.recurrent.packing import pack
from nncore.reference.recurrent.stack import number
from nncore.registry import LOSS_ROW
from nncore.rnn.data import SequenceData
from nncore.rnn.state import RNNState
from nncore.trace import Trace


@np.errstate(all="ignore")
def trace(model: RNNState, data: SequenceData, penalty: float) -> Trace:
    """Run both passes in NumPy, for sequences of equal lengths; `penalty` belongs to the loss."""
    net = rnn_arguments.RNNLayout(
        model.layer_sizes, model.cell, model._kernel_activation, model._last
    )
    chosen = np.arange(data.rows)
    packing, gradient = pack(data.starts, chosen), np.zeros_like(model._weights)
    state = passes.no_states(net, data.rows, model.dtype)
    run = passes.forward(net, model._weights, data.x, packing, state)
    rows, _ = passes.output_rows(net, packing, chosen)
    loss, doutputs = mean_loss(model._kernel_loss, run.outputs, data.y[rows], None)
    dz, dgates = passes.backward(net, model._weights, run, packing, doutputs, gradient)
    notes = _Notes(model, data.rows)
    notes.forward(run, data.y)
    notes.result.note("loss", loss + penalty, _loss_formula(model))
    gradients = views(gradient, model._shapes)
    model._penalise(gradients)
    notes.backward(doutputs, dz, dgates, gradients)
    return notes.result


def _loss_formula(model: RNNState) -> str:
    return f"mean of {model.loss_name}(a, y)" + (" + penalty" if model.l2 else "")


class _Notes:
    """The arrays of a pass, whose rows are those of all sequences in step 0, then in step 1, ..."""

    def __init__(self, model: RNNState, sequences: int) -> None:
        self.model, self.sequences, self.result = model, sequences, Trace()
        self.layers = len(model.layer_sizes) - 2
        self.top = f"h{number(self.layers - 1)}"  # the outputs of the last recurrent layer
        self.at_end = "[:, -1]" if model._last else ""

    def steps(self, name: str, rows: Array, formula: str = "") -> None:
        """Note an array (N, T, ...) from its packed rows."""
        array = rows.reshape(-1, self.sequences, *rows.shape[1:]).swapaxes(0, 1)
        self.result.note(name, np.ascontiguousarray(array), formula)

    def outputs(self, name: str, rows: Array, formula: str = "") -> None:
        """Note an array with a row for each output: (N, ...) or (N, T, ...)."""
        if self.model._last:
            self.result.note(name, rows, formula)
        else:
            self.steps(name, rows, formula)

    def forward(self, run: passes.Forward, y: Array) -> None:
        """Note the arrays of the forward pass."""
        self.steps("x", run.x)
        for name, array in self.model.parameters.items():
            self.result.note(name, array.copy(), "")
        for i, part in enumerate(run.trace.parts):
            self._layer(number(i), part, f"h{number(i - 1)}" if i else "x")
        self.outputs("z", run.sums, f"{self.top}{self.at_end} @ why + by")
        function = getattr(activations, f"{self.model.output_activation}_forward")
        self.outputs("a", function(run.sums), f"{self.model.output_activation}(z)")
        shape = y.shape if self.model._last else (self.sequences, -1, *y.shape[1:])
        self.result.note("y", y.reshape(shape).copy(), "")

    def _layer(self, n: str, part: Part, inputs: str) -> None:
        """Note the gates and the states of a layer."""
        cell = self.model.cell
        names = list(CELL_FUNCTIONS[cell].formulas)[-len(part.states) :]
        before = ", ".join(names)
        bias = f" + bn{n}" if part.recurrent.size else ""
        sums = f"{inputs} @ wxh{n} + bh{n}, h{n} of the step before @ whh{n}{bias}"
        self.steps(f"gates{n}", part.gates, f"gates of {cell}({sums})")
        for name, state in zip(names, part.states, strict=True):
            self.steps(f"{name}{n}", state, f"{name} of {cell}(gates{n}, {before} before)")

    def backward(
        self, da: Array, dz: Array, dgates: list[Array], gradients: dict[str, Array]
    ) -> None:
        """Note the arrays of the backward pass, in which dgates are those before the activation."""
        model = self.model
        if LOSS_ROW[model._kernel_loss].takes_logits:
            self.outputs("dz", dz, f"gradient of {model.loss_name} by z")
        else:
            self.outputs("da", da, f"gradient of {model.loss_name} by a")
            self.outputs("dz", dz, f"da * {model.output_activation}'(z)")
        for i in reversed(range(self.layers)):
            by = f"the inputs of gates{number(i)}"
            self.steps(f"dgates{number(i)}", dgates[i], f"gradient of the loss by {by}")
        for name, gradient in gradients.items():
            penalty = f" + l2 {name}" if model.l2 and gradient.ndim == 2 else ""
            self.result.note(f"d{name}", gradient, f"gradient of the loss by {name}{penalty}")

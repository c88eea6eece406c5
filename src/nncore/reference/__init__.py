"""Every kernel in plain NumPy: the readable definition, and the oracle of the tests.

The names, signatures and errors are those of `nncore.kernels`, which runs the same
formulas in compiled code. Letters: N rows, T time steps, I inputs, O outputs, H
hidden units, V vocabulary size. Arrays are float32 or float64, all of one call of one
dtype; results have it too. Losses are in nats, summed over rows and outputs.

Errors, the same for every function: `TypeError` for what is no NumPy array or not of
float32 or float64 (or, for labels, of an integer type), `ValueError` for shapes that
do not fit together and for read-only arrays that would be written, `IndexError` for
labels outside the vocabulary. `out=`, where there is one, takes the result and is
returned; it may overlap the inputs.
"""

from nncore.reference.char_rnn import (
    char_rnn_evaluate,
    char_rnn_gradients,
    char_rnn_sample,
    char_rnn_train,
)
from nncore.reference.elementwise import (
    exp,
    identity_backward,
    identity_forward,
    leaky_relu_backward,
    leaky_relu_forward,
    log,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from nncore.reference.layers import (
    linear_backward,
    linear_forward,
    rnn_step_backward,
    rnn_step_forward,
)
from nncore.reference.losses import (
    absolute_error,
    binary_cross_entropy,
    half_poisson_deviance,
    half_squared_error,
    huber,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    squared_error,
)
from nncore.reference.mlp import mlp_evaluate, mlp_gradients, mlp_predict, mlp_train
from nncore.reference.updates import (
    adagrad_update,
    adam_update,
    adamw_update,
    clip_by_norm,
    clip_by_value,
    momentum_update,
    nesterov_update,
    rmsprop_update,
    sgd_update,
)

__all__ = [
    "absolute_error",
    "adagrad_update",
    "adam_update",
    "adamw_update",
    "binary_cross_entropy",
    "char_rnn_evaluate",
    "char_rnn_gradients",
    "char_rnn_sample",
    "char_rnn_train",
    "clip_by_norm",
    "clip_by_value",
    "exp",
    "half_poisson_deviance",
    "half_squared_error",
    "huber",
    "identity_backward",
    "identity_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "linear_backward",
    "linear_forward",
    "log",
    "mlp_evaluate",
    "mlp_gradients",
    "mlp_predict",
    "mlp_train",
    "momentum_update",
    "nesterov_update",
    "relu_backward",
    "relu_forward",
    "rmsprop_update",
    "rnn_step_backward",
    "rnn_step_forward",
    "sgd_update",
    "sigmoid_backward",
    "sigmoid_cross_entropy",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_forward",
    "squared_error",
    "tanh_backward",
    "tanh_forward",
]

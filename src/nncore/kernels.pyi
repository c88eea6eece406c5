# The compiled kernels have the very signatures of their twins in `reference`.
from nncore.reference import absolute_error as absolute_error
from nncore.reference import adagrad_update as adagrad_update
from nncore.reference import adam_update as adam_update
from nncore.reference import adamw_update as adamw_update
from nncore.reference import binary_cross_entropy as binary_cross_entropy
from nncore.reference import char_rnn_evaluate as char_rnn_evaluate
from nncore.reference import char_rnn_gradients as char_rnn_gradients
from nncore.reference import char_rnn_sample as char_rnn_sample
from nncore.reference import char_rnn_train as char_rnn_train
from nncore.reference import clip_by_norm as clip_by_norm
from nncore.reference import clip_by_value as clip_by_value
from nncore.reference import exp as exp
from nncore.reference import half_poisson_deviance as half_poisson_deviance
from nncore.reference import half_squared_error as half_squared_error
from nncore.reference import huber as huber
from nncore.reference import identity_backward as identity_backward
from nncore.reference import identity_forward as identity_forward
from nncore.reference import leaky_relu_backward as leaky_relu_backward
from nncore.reference import leaky_relu_forward as leaky_relu_forward
from nncore.reference import linear_backward as linear_backward
from nncore.reference import linear_forward as linear_forward
from nncore.reference import log as log
from nncore.reference import mlp_evaluate as mlp_evaluate
from nncore.reference import mlp_gradients as mlp_gradients
from nncore.reference import mlp_predict as mlp_predict
from nncore.reference import mlp_train as mlp_train
from nncore.reference import momentum_update as momentum_update
from nncore.reference import nesterov_update as nesterov_update
from nncore.reference import relu_backward as relu_backward
from nncore.reference import relu_forward as relu_forward
from nncore.reference import rmsprop_update as rmsprop_update
from nncore.reference import rnn_step_backward as rnn_step_backward
from nncore.reference import rnn_step_forward as rnn_step_forward
from nncore.reference import sgd_update as sgd_update
from nncore.reference import sigmoid_backward as sigmoid_backward
from nncore.reference import sigmoid_cross_entropy as sigmoid_cross_entropy
from nncore.reference import sigmoid_forward as sigmoid_forward
from nncore.reference import softmax_backward as softmax_backward
from nncore.reference import softmax_cross_entropy as softmax_cross_entropy
from nncore.reference import softmax_forward as softmax_forward
from nncore.reference import squared_error as squared_error
from nncore.reference import tanh_backward as tanh_backward
from nncore.reference import tanh_forward as tanh_forward
from nncore.sparse import SparseRows

LEVELS: tuple[str, ...]
level: str
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

def available_levels() -> list[str]: ...
def rows_are_sound(x: SparseRows) -> bool: ...

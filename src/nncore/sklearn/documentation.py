"""The documentation that both estimators share: their common parameters and attributes."""

from __future__ import annotations

import inspect
import re
from typing import TypeVar

PARAMETERS = """\
hidden_layer_sizes : int or array-like of shape (n_hidden_layers,), default=(100,)
    The number of units of each hidden layer.

activation : str, default="relu"
    Activation function of the hidden layers: "identity", "logistic", "tanh" or "relu", as in
    scikit-learn, or any other activation of `nncore.MLP`, such as "leaky_relu", "elu",
    "softplus", "silu" or "gelu".

solver : {"lbfgs", "sgd", "adam"}, the name of an nncore optimizer, or Optimizer, default="adam"
    The solver for the weights. In addition to scikit-learn's solvers, "adamw" (weight decay 0.01),
    "rmsprop" (decay 0.9), "adagrad", "amsgrad", "nadam", "lion" and "rprop" are available. An
    nncore optimizer, such as `nncore.SGD(0.1)`, has its own constants and learning rate, which
    `set_params` and searches reach as ``solver__learning_rate``.

alpha : float, default=0.0001
    Strength of the L2 penalty: alpha / 2 times the sum of all squared weights, divided by the
    number of samples in the batch or the sum of their weights.

batch_size : int or "auto", default="auto"
    Number of samples in a mini-batch. "auto" means min(200, n_samples). "lbfgs" uses no
    mini-batches.

learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
    Learning rate policy of "sgd". "invscaling" divides `learning_rate_init` by
    (number of samples seen + 1) ** `power_t`. "adaptive" divides the learning rate by 5 after
    more than `n_iter_no_change` iterations without an improvement.

learning_rate_init : float, default=0.001
    The initial learning rate of the stochastic solvers.

power_t : float, default=0.5
    Exponent of "invscaling".

max_iter : int, default=200
    Maximum number of iterations, which are epochs for the stochastic solvers.

shuffle : bool, default=True
    Whether to shuffle the samples in each epoch.

random_state : int, RandomState instance or None, default=None
    Determines the initial weights, the validation split, the order of the samples and dropout.
    The same seed gives the same network.

tol : float, default=1e-4
    Training stops when the loss or, with early stopping, the score has not improved by at least
    `tol` for more than `n_iter_no_change` iterations in a row. "lbfgs" stops when no element of
    the gradient exceeds it.

verbose : bool, default=False
    Whether to print the loss of each iteration.

warm_start : bool, default=False
    Whether `fit` continues from the current weights. Then, and in `partial_fit`,
    `hidden_layer_sizes` and `activation` must stay the same; other parameters may change between
    two calls. A changed learning rate or constant applies to the state that the solver has kept
    (a velocity is scaled to the new learning rate); a different solver starts with empty state.
    `fit` always starts the solver with empty state.

momentum : float, default=0.9
    Momentum of "sgd", between 0 and 1.

nesterovs_momentum : bool, default=True
    Whether "sgd" uses Nesterov's momentum.

early_stopping : bool, default=False
    Whether to hold out `validation_fraction` of the samples, to stop when their score does not
    improve, and to restore the weights with the best score. "lbfgs" ignores it.

validation_fraction : float, default=0.1
    Fraction of the samples to hold out for early stopping.

beta_1 : float, default=0.9
    Decay rate of the first moment in "adam" and "adamw".

beta_2 : float, default=0.999
    Decay rate of the second moment in "adam" and "adamw".

epsilon : float, default=1e-8
    Constant for numerical stability of the solvers that divide by a root mean square.

n_iter_no_change : int or float("inf"), default=10
    Number of iterations without an improvement that are accepted; see `tol`.

max_fun : int, default=15000
    Maximum number of evaluations of the loss by "lbfgs".

l1 : float, default=0.0
    Strength of the L1 penalty: l1 times the sum of all absolute weights is added to the loss of
    each batch.

dropout : float or array-like of shape (n_hidden_layers,), default=0.0
    Fraction of hidden units that are dropped during training: one number for all hidden layers,
    or one for each.

clip_norm : float or None, default=None
    Maximum Euclidean norm of the gradient; longer gradients are scaled down.

schedule : callable or None, default=None
    Factor on the learning rate, as schedule(step, total) over all updates, such as
    `nncore.CosineDecay()`.

callbacks : callable, list of callables or None, default=None
    Functions that are called with an `nncore.EpochEvent` after each iteration. Training stops
    if one of them returns True.

hidden_layer : int, default=-1
    The hidden layer whose outputs `transform` returns, counted from 0, or from the end if
    negative.

dtype : {"float32", "float64"}, type, dtype or None, default=None
    Type of the weights and of the computation. None means the type of X.

progress : bool, default=False
    Whether to show a progress bar on stderr.

scoring : str, callable or None, default=None
    The score for early stopping: the name of a scikit-learn scorer, or a callable scorer(estimator,
    X, y), which is also passed `sample_weight` if there are sample weights and it accepts them.
    None means the score that the method `score` returns, and "loss" the negative loss.
"""

ATTRIBUTES = """\
best_loss_ : float or None
    The minimum loss of all iterations; None with early stopping.

best_validation_score_ : float or None
    The best validation score with early stopping, otherwise None. After training that diverged
    it may be that of the initial weights.

coefs_ : list of ndarray of shape (n_inputs, n_outputs)
    The weights of each layer, which may be modified in place.

feature_names_in_ : ndarray of shape (n_features_in_,)
    Names of the features, if X has names that are all strings.

intercepts_ : list of ndarray of shape (n_outputs,)
    The biases of each layer, which may be modified in place.

loss_ : float
    The loss of the last iteration, including penalties.

loss_curve_ : list of float
    The loss of each iteration, including penalties. Not available with "lbfgs".

n_features_in_ : int
    Number of features.

n_iter_ : int
    Number of iterations of the last call of `fit`.

n_layers_ : int
    Number of layers, including the input layer.

n_outputs_ : int
    Number of outputs of the network.

out_activation_ : str
    Name of the output activation function.

t_ : int
    Number of training samples that the stochastic solvers have seen.

validation_loss_curve_ : list of float or None
    The mean loss of the validation samples after each iteration; None without them.

validation_scores_ : list of float or None
    The validation score after each iteration with early stopping, otherwise None.
"""

Estimator = TypeVar("Estimator", bound=type)


def documented(cls: Estimator) -> Estimator:
    """Complete a class's docstring with the shared parameters and attributes.

    Parameters are listed in the order of the signature, attributes by name.
    """
    if cls.__doc__ is not None:  # Python -OO removes docstrings
        text = with_parameters(cls).__doc__ or ""
        cls.__doc__ = _completed(text, "Attributes", ATTRIBUTES, None)
    return cls


def with_parameters(cls: Estimator) -> Estimator:
    """Complete a class's docstring with the shared parameters, in the order of the signature."""
    if cls.__doc__ is not None:
        names = list(inspect.signature(cls).parameters)
        cls.__doc__ = _completed(inspect.cleandoc(cls.__doc__), "Parameters", PARAMETERS, names)
    return cls


def _completed(text: str, section: str, shared: str, order: list[str] | None) -> str:
    """Return a docstring whose section also has the shared entries, in this order or by name."""
    title = f"{section}\n{'-' * len(section)}\n"
    head, rest = text.split(title)
    own, *after = re.split(r"\n\n(?=[A-Z][\w ]*\n---)", rest, maxsplit=1)
    entries = _entries(shared) | _entries(own)
    body = "\n\n".join(entries[name] for name in order or sorted(entries))
    return "\n\n".join([f"{head}{title}{body}", *after])


def _entries(text: str) -> dict[str, str]:
    """Return the entries of a numpydoc section by name."""
    parts = re.split(r"\n(?=\S)", text.strip())
    return {part.partition(" ")[0]: part.strip() for part in parts}

"""Optimizers that divide gradients by the root of their mean square."""

from __future__ import annotations

from dataclasses import dataclass

from nncore.optimizers.base import OneRule

__all__ = ["AMSGrad", "Adagrad", "Adam", "AdamW", "NAdam", "RMSprop"]


@dataclass(frozen=True)
class RMSprop(OneRule):
    """RMSprop: gradients are divided by the root of their running mean square.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    decay : float
        Fraction of the mean square that is kept at each step, in [0, 1).
    epsilon : float
        Added to the root, at least 0.

    References
    ----------
    Hinton 2012, Neural Networks for Machine Learning, lecture 6e.
    """

    learning_rate: float = 0.001
    decay: float = 0.9
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Adagrad(OneRule):
    """Adagrad: gradients are divided by the root of the sum of their squares.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    epsilon : float
        Added to the sum inside the root, as in min-char-rnn; at least 0.

    References
    ----------
    Duchi, Hazan and Singer 2011, Adaptive subgradient methods for online learning and stochastic
    optimization.
    """

    learning_rate: float = 0.1
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Adam(OneRule):
    """Adam: steps from running means of the gradient and of its square.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    beta1, beta2 : float
        Fractions of the two means that are kept at each step, in [0, 1).
    epsilon : float
        Added to the root of the mean square, at least 0.

    Notes
    -----
    epsilon is added after the correction of the bias, as in Algorithm 1 of the paper and in
    PyTorch. scikit-learn adds it before, which is noticeable in the first steps.

    References
    ----------
    Kingma and Ba 2015, Adam: a method for stochastic optimization.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True)
class AdamW(Adam):
    """AdamW: Adam with decoupled weight decay.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As for `Adam`.
    weight_decay : float
        Decay rate, at least 0. Every step multiplies all parameters, including biases, by
        1 - learning_rate * weight_decay.

    References
    ----------
    Loshchilov and Hutter 2019, Decoupled weight decay regularization.
    """

    weight_decay: float = 0.01


@dataclass(frozen=True)
class AMSGrad(Adam):
    """AMSGrad: Adam with the largest mean square so far, so that step sizes do not grow.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As for `Adam`.

    Notes
    -----
    As in PyTorch, the largest mean square is corrected for its bias, which the paper omits.

    References
    ----------
    Reddi, Kale and Kumar 2018, On the convergence of Adam and beyond.
    """


@dataclass(frozen=True)
class NAdam(Adam):
    """NAdam: Adam with Nesterov's momentum.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As for `Adam`.
    momentum_decay : float
        Rate at which the momentum grows from beta1 / 2 to beta1, at least 0. At step t the momentum
        is beta1 * (1 - 0.96**(t * momentum_decay) / 2).

    References
    ----------
    Dozat 2016, Incorporating Nesterov momentum into Adam.
    """

    learning_rate: float = 0.002
    momentum_decay: float = 0.004

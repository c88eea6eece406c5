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

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nncore import arguments
from nncore.arguments import UpdateRule
from nncore.params import Array, char_rnn_shapes, views

LEAKY_SLOPE = 0.01


def _deliver(result: Array, out: Array | None) -> Array:
    """The result, in `out` where one was given."""
    if out is None:
        return np.asarray(result)
    arguments.check_out(out, result.shape, result.dtype)
    out[...] = result
    return out


# --- element-wise functions -------------------------------------------------------


def exp(x: Array, *, out: Array | None = None) -> Array:
    """e to the power of x, of any shape."""
    (x,) = arguments.activation(False, x=x)
    with np.errstate(all="ignore"):
        return _deliver(np.exp(x), out)


def log(x: Array, *, out: Array | None = None) -> Array:
    """Natural logarithm of x, of any shape: -inf at 0, NaN below."""
    (x,) = arguments.activation(False, x=x)
    with np.errstate(all="ignore"):
        return _deliver(np.log(x), out)


def identity_forward(z: Array, *, out: Array | None = None) -> Array:
    """y = z, of any shape."""
    (z,) = arguments.activation(False, z=z)
    return _deliver(z.copy(), out)


def identity_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dz = dy; dy and y of one shape."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    return _deliver(dy.copy(), out)


def sigmoid_forward(z: Array, *, out: Array | None = None) -> Array:
    """y = 1 / (1 + exp(-z)), of any shape."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(z))
        return _deliver(np.where(z < 0, e, np.ones_like(e)) / (1 + e), out)


def sigmoid_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dz = dy * y * (1 - y), with y the sigmoid's output."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return _deliver(dy * (y * (1 - y)), out)


def tanh_forward(z: Array, *, out: Array | None = None) -> Array:
    """y = tanh(z), of any shape."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return _deliver(np.tanh(z), out)


def tanh_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dz = dy * (1 - y**2), with y the tanh's output."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return _deliver(dy * (1 - y * y), out)


def relu_forward(z: Array, *, out: Array | None = None) -> Array:
    """y = max(z, 0), of any shape; NaN stays NaN."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return _deliver(np.where(z < 0, np.zeros_like(z), z), out)


def relu_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dz = dy where y > 0, else 0 * dy: the slope at 0 is 0."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return _deliver(dy * (y > 0).astype(dy.dtype), out)


def leaky_relu_forward(z: Array, *, out: Array | None = None) -> Array:
    """y = z where z >= 0, else 0.01 z, of any shape."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return _deliver(np.where(z < 0, z.dtype.type(LEAKY_SLOPE) * z, z), out)


def leaky_relu_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dz = dy where y > 0, else 0.01 dy."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        slope = np.where(y > 0, dy.dtype.type(1), dy.dtype.type(LEAKY_SLOPE))
        return _deliver(dy * slope, out)


def softmax_forward(z: Array, *, out: Array | None = None) -> Array:
    """y = exp(z) / sum(exp(z)) over the last axis; stable for large z."""
    (z,) = arguments.activation(True, z=z)
    with np.errstate(all="ignore"):
        e = np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
        return _deliver(e / e.sum(axis=-1, keepdims=True), out)


def softmax_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dz = y * (dy - sum(dy * y)) over the last axis, with y the softmax's output."""
    dy, y = arguments.activation(True, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return _deliver(y * (dy - (dy * y).sum(axis=-1, keepdims=True)), out)


# --- layers -----------------------------------------------------------------------


def linear_forward(
    x: Array, w: Array, b: Array | None = None, *, out: Array | None = None
) -> Array:
    """y (N, O) = x (N, I) @ w (I, O) + b (O,)."""
    x, w, b = arguments.linear_forward(x, w, b)
    with np.errstate(all="ignore"):
        y = x @ w
        return _deliver(y if b is None else y + b, out)


def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """dx (N, I) = dy @ w.T, dw (I, O) = x.T @ dy, db (O,) = the sum of dy's rows.

    dy (N, O) is the gradient of y = x @ w + b.
    """
    dy, x, w = arguments.linear_backward(dy, x, w)
    with np.errstate(all="ignore"):
        return dy @ w.T, x.T @ dy, dy.sum(axis=0)


def rnn_step_forward(xw: Array, h_prev: Array, whh: Array, bh: Array) -> Array:
    """h (N, H) = tanh(xw + h_prev @ whh + bh), one time step.

    xw (N, H) is the step's input times its weights; h_prev (N, H), whh (H, H), bh (H,).
    """
    xw, h_prev, whh, bh = arguments.rnn_step_forward(xw, h_prev, whh, bh)
    with np.errstate(all="ignore"):
        return np.tanh(xw + h_prev @ whh + bh)


def rnn_step_backward(dh: Array, h: Array, h_prev: Array, whh: Array) -> tuple[Array, Array]:
    """dz (N, H) = dh * (1 - h**2) and dh_prev (N, H) = dz @ whh.T, one time step back.

    The gradients of the weights follow from dz: dwhh = h_prev.T @ dz, dbh = its sum over
    rows, dxw = dz. h_prev is taken so that forward and backward read alike; only its
    shape matters.
    """
    dh, h, h_prev, whh = arguments.rnn_step_backward(dh, h, h_prev, whh)
    with np.errstate(all="ignore"):
        dz = dh * (1 - h * h)
        return dz, dz @ whh.T


# --- losses: (sum over rows and outputs as a float, gradient) -------------------------


def squared_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of (pred - target)**2, and its gradient 2 (pred - target)."""
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        return float(np.sum(np.square(d, dtype=np.float64))), np.asarray(2 * d)


def absolute_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of |pred - target|, and its gradient: the sign, 0 at 0."""
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        return float(np.sum(np.abs(d), dtype=np.float64)), np.asarray(np.sign(d))


def huber(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of d**2 / 2 where |d| <= 1, |d| - 1/2 beyond, d = pred - target (Huber 1964)."""
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        size = np.abs(d.astype(np.float64))
        loss = float(np.sum(np.where(size > 1, size - 0.5, 0.5 * size * size)))
        return loss, np.asarray(np.clip(d, -1, 1))


def binary_cross_entropy(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of -(target ln pred + (1 - target) ln(1 - pred)), in nats, and its gradient.

    pred are probabilities, clipped to [epsilon, 1 - epsilon] of the dtype, so that
    exact 0 and 1 give a finite loss and gradient.
    """
    pred, target = arguments.loss(pred, target)
    low = np.finfo(pred.dtype).eps
    with np.errstate(all="ignore"):
        p = np.clip(pred, low, 1 - low)
        dpred = (p - target) / (p * (1 - p))
        q, t = p.astype(np.float64), target.astype(np.float64)
        return float(-np.sum(t * np.log(q) + (1 - t) * np.log(1 - q))), np.asarray(dpred)


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Sum over rows of -ln softmax(logits)[label], in nats, and dlogits = softmax - one-hot.

    logits (N, V), labels (N,) of any integer type, 0 to V - 1.
    """
    logits, labels = arguments.softmax_cross_entropy(logits, labels)
    if logits.size == 0:
        return 0.0, logits.copy()
    with np.errstate(all="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        chosen = shifted[rows, labels].astype(np.float64)
        dlogits = e / total
        dlogits[rows, labels] -= 1
        return float(np.sum(np.log(total[:, 0].astype(np.float64)) - chosen)), dlogits


# --- optimizers and clipping, in place ----------------------------------------------


def _updated(params: Array, grads: Array, slots: dict[str, Array], rule: Any) -> None:
    """Run rule(w, g, *slots) on arrays it can write to, and copy back where need be."""
    arrays = arguments.update(params, grads, slots)
    with np.errstate(all="ignore"):
        rule(*arrays)
    arguments.write_back([arrays[0], *arrays[2:]], [params, *slots.values()])


def sgd_update(params: Array, grads: Array, *, learning_rate: float) -> None:
    """params -= learning_rate * grads. In place; arrays of one shape, as in all updates."""
    (rate,) = arguments.numbers(learning_rate=learning_rate)

    def rule(w: Array, g: Array) -> None:
        w -= rate * g

    _updated(params, grads, {}, rule)


def momentum_update(
    params: Array, grads: Array, velocity: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """velocity = momentum * velocity + grads; params -= learning_rate * velocity."""
    rate, mu = arguments.numbers(learning_rate=learning_rate, momentum=momentum)

    def rule(w: Array, g: Array, v: Array) -> None:
        v *= mu
        v += g
        w -= rate * v

    _updated(params, grads, {"velocity": velocity}, rule)


def nesterov_update(
    params: Array, grads: Array, velocity: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """velocity = momentum * velocity + grads; params -= learning_rate * (grads + momentum * velocity)."""
    rate, mu = arguments.numbers(learning_rate=learning_rate, momentum=momentum)

    def rule(w: Array, g: Array, v: Array) -> None:
        v *= mu
        v += g
        w -= rate * (g + mu * v)

    _updated(params, grads, {"velocity": velocity}, rule)


def rmsprop_update(
    params: Array,
    grads: Array,
    mean_square: Array,
    *,
    learning_rate: float,
    decay: float = 0.9,
    epsilon: float = 1e-8,
) -> None:
    """mean_square = decay * mean_square + (1 - decay) * grads**2;
    params -= learning_rate * grads / (sqrt(mean_square) + epsilon). Hinton 2012."""
    rate, rho, eps = arguments.numbers(learning_rate=learning_rate, decay=decay, epsilon=epsilon)

    def rule(w: Array, g: Array, s: Array) -> None:
        s *= rho
        s += (1 - rho) * (g * g)
        w -= rate * g / (np.sqrt(s) + eps)

    _updated(params, grads, {"mean_square": mean_square}, rule)


def adagrad_update(
    params: Array, grads: Array, sum_square: Array, *, learning_rate: float, epsilon: float = 1e-8
) -> None:
    """sum_square += grads**2; params -= learning_rate * grads / sqrt(sum_square + epsilon).

    Duchi et al. 2011, with epsilon inside the root as in min-char-rnn.
    """
    rate, eps = arguments.numbers(learning_rate=learning_rate, epsilon=epsilon)

    def rule(w: Array, g: Array, s: Array) -> None:
        s += g * g
        w -= rate * g / np.sqrt(s + eps)

    _updated(params, grads, {"sum_square": sum_square}, rule)


def adam_update(
    params: Array,
    grads: Array,
    mean: Array,
    mean_square: Array,
    *,
    step: int,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """mean, mean_square: running means of grads and grads**2, corrected for their start at 0;
    params -= learning_rate * mean / (sqrt(mean_square) + epsilon). Kingma and Ba 2015.

    step counts the updates from 1.
    """
    adamw_update(
        params,
        grads,
        mean,
        mean_square,
        step=step,
        learning_rate=learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        weight_decay=0.0,
    )


def adamw_update(
    params: Array,
    grads: Array,
    mean: Array,
    mean_square: Array,
    *,
    step: int,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """adam_update, with params shrunk by learning_rate * weight_decay first.

    Loshchilov and Hutter 2019. step counts the updates from 1.
    """
    count = arguments.step(step)
    rate, b1, b2, eps, decay = arguments.numbers(
        learning_rate=learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        weight_decay=weight_decay,
    )

    def rule(w: Array, g: Array, m: Array, s: Array) -> None:
        m *= b1
        m += (1 - b1) * g
        s *= b2
        s += (1 - b2) * (g * g)
        w *= 1 - rate * decay
        root = np.sqrt(s) / math.sqrt(1 - b2**count)
        w -= rate / (1 - b1**count) * m / (root + eps)

    _updated(params, grads, {"mean": mean, "mean_square": mean_square}, rule)


def clip_by_value(grads: Array, limit: float) -> None:
    """Bring every number of grads into [-limit, limit], in place; NaN stays."""
    at = arguments.limit(limit)
    (array,) = arguments.in_place(grads=grads)
    with np.errstate(all="ignore"):
        np.clip(array, -at, at, out=array)
    arguments.write_back([array], [grads])


def clip_by_norm(grads: Array, limit: float) -> float:
    """Scale grads in place so that their Euclidean norm is at most limit; return the norm before."""
    at = arguments.limit(limit)
    (array,) = arguments.in_place(grads=grads)
    with np.errstate(all="ignore"):
        norm = float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))
        if norm > at:
            array *= at / norm
    arguments.write_back([array], [grads])
    return norm


# --- the character RNN ------------------------------------------------------------------


def _forward(w: dict[str, Array], inputs: Array, h0: Array) -> tuple[Array, Array]:
    """States (T + 1, N, H), the first h0, and logits (T * N, V), for inputs (T, N)."""
    h = np.empty((len(inputs) + 1, *h0.shape), h0.dtype)
    h[0] = h0
    np.add(w["wxh"][inputs], w["bh"], out=h[1:])
    for t in range(len(inputs)):
        h[t + 1] += h[t] @ w["whh"]
        np.tanh(h[t + 1], out=h[t + 1])
    return h, h[1:].reshape(inputs.size, h.shape[2]) @ w["why"] + w["by"]


def _gradients(
    w: dict[str, Array], inputs: Array, targets: Array, h0: Array, into: dict[str, Array]
) -> tuple[float, Array]:
    """Loss and last states of a window of ids (T, N); its gradients go into `into`."""
    steps, streams = inputs.shape
    h, logits = _forward(w, inputs, h0)
    loss, dlogits = softmax_cross_entropy(logits, targets.reshape(-1))
    dlogits /= streams
    rows = (inputs.size, h.shape[2])
    after, before = h[1:].reshape(rows), h[:-1].reshape(rows)
    dz = (dlogits @ w["why"].T).reshape(steps, streams, h.shape[2])
    slope = 1 - np.square(h[1:])
    for t in range(steps - 1, -1, -1):
        dz[t] *= slope[t]
        if t > 0:
            dz[t - 1] += dz[t] @ w["whh"].T
    dz = dz.reshape(rows)
    np.matmul(before.T, dz, out=into["whh"])
    np.matmul(after.T, dlogits, out=into["why"])
    np.sum(dz, axis=0, out=into["bh"])
    np.sum(dlogits, axis=0, out=into["by"])
    into["wxh"][...] = 0
    np.add.at(into["wxh"], inputs.reshape(-1), dz)
    return loss / streams, h[-1]


def char_rnn_gradients(
    inputs: Array,
    targets: Array,
    h0: Array,
    wxh: Array,
    whh: Array,
    why: Array,
    bh: Array,
    by: Array,
) -> tuple[float, dict[str, Array], Array]:
    """Loss, gradients and last state of a character RNN over one window of text.

        h[t] = tanh(wxh[inputs[t]] + bh + h[t-1] @ whh)
        loss = sum over t of -ln softmax(h[t] @ why + by)[targets[t]]

    inputs, targets: integers of shape (T,), or (N, T) for N parallel streams; h0 (H,)
    or (N, H); wxh (V, H), whh (H, H), why (H, V), bh (H,), by (V,). The loss, in nats,
    is summed over the steps and is the mean over the streams. Returns (loss, a dict of
    gradients under the parameters' names, the states after the last step, as h0).
    From Karpathy's min-char-rnn (2015).
    """
    x, y, h, flat, shapes, single = arguments.char_rnn_gradients(
        inputs, targets, h0, wxh, whh, why, bh, by
    )
    gradient = np.zeros_like(flat)
    into = views(gradient, shapes)
    with np.errstate(all="ignore"):
        loss, last = _gradients(views(flat, shapes), x, y, h, into)
    return loss, into, last[0] if single else last


def _update_by(rule: UpdateRule, rate: float, step: int, w: Array, g: Array, slots: Array) -> None:
    """One optimizer step by the rule's name."""
    constants: dict[str, dict[str, Any]] = {
        "sgd": {},
        "momentum": {"momentum": rule.decay},
        "nesterov": {"momentum": rule.decay},
        "rmsprop": {"decay": rule.decay, "epsilon": rule.epsilon},
        "adagrad": {"epsilon": rule.epsilon},
        "adam": {"beta1": rule.decay, "beta2": rule.decay2, "epsilon": rule.epsilon, "step": step},
    }
    constants["adamw"] = {**constants["adam"], "weight_decay": rule.weight_decay}
    globals()[f"{rule.kind}_update"](w, g, *slots, learning_rate=rate, **constants[rule.kind])


def _window(text: Array, streams: int, start: int, length: int, vocabulary: int) -> Array:
    """ids (length, N): the next ones of each of the text's equal streams."""
    lines = text[: len(text) // streams * streams].reshape(streams, -1)
    ids = lines[:, start : start + length].T.astype(np.int32)
    for i in ids[ids >= vocabulary]:
        raise IndexError(f"text has id {i}; the vocabulary has {vocabulary}")
    return ids


def char_rnn_train(
    weights: Array,
    gradient: Array,
    slots: Array,
    text: Array,
    counters: Array,
    h: Array,
    rates: Array,
    losses: Array,
    *,
    vocabulary: int,
    seq_length: int,
    optimizer: UpdateRule,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
) -> int:
    """Train a character RNN over len(losses) windows of text, all in one call.

    weights, gradient (P,), and slots, the optimizer's state, one such vector each: flat
    vectors with the layout of `nncore.params.char_rnn_shapes`. text: uint8 or uint16 ids, cut
    into N equal streams. counters: int64 [iterations so far, position in the streams]. h
    (N, H): the states. rates, losses: float64, the step size of each iteration, and
    where its loss goes. A clip of 0 is none. All but text and rates change in place, at
    the end of each iteration only. A window starts `seq_length` on from the last; where
    less than a window and a half character is left, at the beginning with zero states.

    Returns the number of iterations run: fewer than asked for if a loss was not finite,
    whose update is then left out.
    """
    arguments.char_rnn_train(
        weights,
        gradient,
        slots,
        text,
        counters,
        h,
        rates,
        losses,
        vocabulary,
        seq_length,
        optimizer,
        clip_value,
        clip_norm,
    )
    shapes = char_rnn_shapes(vocabulary, h.shape[1])
    w, into = views(weights, shapes), views(gradient, shapes)
    streams = h.shape[0]
    for i in range(len(losses)):
        position = int(counters[1])
        if position + seq_length + 1 >= len(text) // streams:
            position = 0
            h[...] = 0
        ids = _window(text, streams, position, seq_length + 1, vocabulary)
        with np.errstate(all="ignore"):
            losses[i], last = _gradients(w, ids[:-1], ids[1:], h, into)
        if not np.isfinite(losses[i]):
            return i
        if clip_norm > 0:
            clip_by_norm(gradient, clip_norm)
        if clip_value > 0:
            clip_by_value(gradient, clip_value)
        _update_by(optimizer, float(rates[i]), int(counters[0]) + 1, weights, gradient, slots)
        h[...] = last
        counters += (1, position + seq_length - int(counters[1]))
    return len(losses)


def char_rnn_evaluate(weights: Array, text: Array, h: Array, *, vocabulary: int) -> float:
    """Total nats a character RNN spends on text: -ln p of each id after the first.

    weights: flat vector; text: uint8 or uint16 ids; h (1, H): the state, moved on in place.
    """
    arguments.char_rnn_evaluate(weights, text, h, vocabulary)
    w = views(weights, char_rnn_shapes(vocabulary, h.shape[1]))
    nats = 0.0
    for start in range(0, len(text) - 1, 64):
        ids = _window(text[start : start + 65], 1, 0, 65, vocabulary)
        with np.errstate(all="ignore"):
            states, logits = _forward(w, ids[:-1], h)
            nats += softmax_cross_entropy(logits, ids[1:, 0])[0]
        h[...] = states[-1]
    return nats


def _choose(logits: Array, temperature: float, top_k: int, top_p: float, uniform: float) -> int:
    """An id drawn from softmax(logits / temperature) by a uniform number in [0, 1)."""
    top = logits.max()
    if temperature == 0:
        return int(np.argmax(logits == top))
    weight = np.exp((logits.astype(np.float64) - float(top)) / temperature)
    weight[np.isnan(weight)] = 0
    ids = np.arange(len(weight))
    if top_k > 0 or top_p < 1:
        ids = np.lexsort((ids, -weight))[: top_k or None]
        total = np.cumsum(weight[ids])
        ids = ids[: int(np.argmax(total >= top_p * total[-1])) + 1]
    total = np.cumsum(weight[ids])
    at = int(np.searchsorted(total, uniform * total[-1], side="right"))
    return int(ids[min(at, len(ids) - 1)])


def char_rnn_sample(
    weights: Array,
    h: Array,
    last: int,
    uniforms: Array,
    *,
    vocabulary: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Array:
    """Draw len(uniforms) ids from a character RNN, each fed back as the next input.

    h (1, H): the state, moved on in place; last: the id to start from; uniforms: float64
    in [0, 1), one a draw. temperature divides the logits (0: always the likeliest); only
    the top_k likeliest ids (0: all), and of these the fewest that hold top_p of the
    probability, can be drawn. Returns int32 ids.
    """
    arguments.char_rnn_sample(weights, h, last, uniforms, vocabulary, temperature, top_k, top_p)
    w = views(weights, char_rnn_shapes(vocabulary, h.shape[1]))
    ids = np.empty(len(uniforms), np.int32)
    with np.errstate(all="ignore"):
        for i, uniform in enumerate(uniforms):
            states, logits = _forward(w, np.array([[last]]), h)
            h[...] = states[-1]
            last = ids[i] = _choose(logits[0], temperature, top_k, top_p, float(uniform))
    return ids

"""min-char-rnn (Karpathy 2015), one character at a time: the oracle of CharRNN.

It works on columns and one-hot vectors, as the original does, and shares no code with
nncore. Weights have the original's shapes, the transposes of nncore's: w_xh (H, V),
w_hh (H, H), w_hy (V, H), b_h (H, 1), b_y (V, 1).
"""

import itertools

import numpy as np

NAMES = {"w_xh": "wxh", "w_hh": "whh", "w_hy": "why", "b_h": "bh", "b_y": "by"}


def from_nncore(parameters):
    """The oracle's float64 weights from arrays by nncore's names."""
    return {
        name: np.atleast_2d(np.array(parameters[theirs], np.float64)).T.copy()
        for name, theirs in NAMES.items()
    }


def to_nncore(weights):
    """Arrays by nncore's names and shapes."""
    return {
        theirs: weights[name].T.reshape(-1) if theirs.startswith("b") else weights[name].T
        for name, theirs in NAMES.items()
    }


def one_hot(i, size):
    column = np.zeros((size, 1))
    column[i, 0] = 1
    return column


def advance(weights, i, h):
    """The state after character i, and the probabilities of the one to follow."""
    x = one_hot(i, weights["w_xh"].shape[1])
    h = np.tanh(weights["w_xh"] @ x + weights["w_hh"] @ h + weights["b_h"])
    scores = np.exp(weights["w_hy"] @ h + weights["b_y"])
    return h, scores / scores.sum()


def window(weights, inputs, targets, h):
    """Loss of one window, gradients not clipped yet, and the last state."""
    size = weights["w_xh"].shape[1]
    states, guesses, loss = [h], [], 0.0
    for i, expected in zip(inputs, targets, strict=True):
        h, p = advance(weights, i, h)
        states.append(h)
        guesses.append(p)
        loss -= np.log(p[expected, 0])
    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    from_later = np.zeros_like(h)
    for t in range(len(inputs) - 1, -1, -1):
        d_scores = guesses[t] - one_hot(targets[t], size)
        gradients["w_hy"] += d_scores @ states[t + 1].T
        gradients["b_y"] += d_scores
        d_sum = (weights["w_hy"].T @ d_scores + from_later) * (1 - states[t + 1] ** 2)
        gradients["b_h"] += d_sum
        gradients["w_xh"] += d_sum @ one_hot(inputs[t], size).T
        gradients["w_hh"] += d_sum @ states[t].T
        from_later = weights["w_hh"].T @ d_sum
    return loss, gradients, states[-1]


class MinCharRNN:
    """The training loop; with more than one line of text, the mean of their gradients."""

    def __init__(self, lines, weights, seq_length=25, learning_rate=0.1, clip=5.0):
        self.lines = lines
        self.weights = weights
        self.memory = {name: np.zeros_like(weight) for name, weight in weights.items()}
        self.seq_length = seq_length
        self.learning_rate = learning_rate
        self.clip = clip
        self.iterations = 0
        self.position = 0
        self.states = self.zero_states()
        self.smooth_loss = np.log(weights["w_xh"].shape[1]) * seq_length

    def zero_states(self):
        return [np.zeros_like(self.weights["b_h"]) for _ in self.lines]

    def iterate(self):
        """One window of each line; returns its loss."""
        start_again = self.position + self.seq_length + 1 >= len(self.lines[0])
        if start_again or self.iterations == 0:
            self.position, self.states = 0, self.zero_states()
        a, b = self.position, self.position + self.seq_length
        results = [
            window(self.weights, line[a:b], line[a + 1 : b + 1], h)
            for line, h in zip(self.lines, self.states, strict=True)
        ]
        loss = sum(result[0] for result in results) / len(results)
        self.states = [result[2] for result in results]
        for name, weight in self.weights.items():
            mean = sum(result[1][name] for result in results) / len(results)
            gradient = np.clip(mean, -self.clip, self.clip)
            self.memory[name] += gradient * gradient
            weight[...] -= self.learning_rate * gradient / np.sqrt(self.memory[name] + 1e-8)
        self.smooth_loss = 0.999 * self.smooth_loss + 0.001 * loss
        self.position = b
        self.iterations += 1
        return loss


def nats(weights, ids):
    """-ln p of each id after the first, from a zero state on."""
    h, losses = np.zeros_like(weights["b_h"]), []
    for i, following in itertools.pairwise(ids):
        h, p = advance(weights, i, h)
        losses.append(-np.log(p[following, 0]))
    return losses

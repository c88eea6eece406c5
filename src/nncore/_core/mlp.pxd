# cython: cdivision=True
"""The multi-layer perceptron over raw pointers: prediction, gradients, whole epochs.

    a[0] = x        a[l] = f_l(a[l-1] @ w[l] + b[l])

Matrices are row-major without padding, but every one starts on a line of its own, and
there is room to run element-wise loops over whole vectors.
"""
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport fabs, isfinite
from libc.stdint cimport uint64_t
from libc.string cimport memset

from nncore._core.activations cimport (
    SOFTMAX, Activation, activation_backward, activation_forward,
)
from nncore._core.linear cimport column_sums, linear_forward
from nncore._core.losses cimport (
    BLOCK, SOFTMAX_CROSS_ENTROPY, Loss, elementwise_loss, softmax_cross_entropy_block,
)
from nncore._core.optimizers cimport SGD, Rule, clip_by_norm, optimizer_step
from nncore._core.random cimport drop, dropout_key
from nncore._core.real cimport (
    START_ZERO, copy_rows, muladd, product, real, row_dot, sum_of_squares, transpose,
)

cdef enum:
    ALIGN = 16             # numbers; each parameter and each matrix starts on a 64-byte line
    MOST_LAYERS = 64
    POLL_FLOPS = 50000000  # arithmetic between two looks at pending signals, about 1 ms
    PREDICT_ROWS = 128     # rows that prediction takes at once


cdef struct Layer:
    Py_ssize_t inputs, outputs
    Py_ssize_t w, b           # offsets in the flat vectors
    Py_ssize_t a, kept        # offsets in scratch: outputs, and the same after dropout
    Activation activation
    double dropout            # rate, 0 for none


cdef struct Plan:
    Layer layer[MOST_LAYERS]
    Py_ssize_t layers, parameters
    Py_ssize_t rows           # of the largest batch
    Py_ssize_t x, y, share    # offsets in scratch: a batch's inputs, targets, parts in the mean
    Py_ssize_t d, d_before    # the gradients of a layer's outputs, and of its inputs
    Py_ssize_t transposed, scratch
    double flops              # of one row, forward and backward


cdef struct Objective:
    Loss loss
    double l1, l2


cdef inline Py_ssize_t aligned(Py_ssize_t n) noexcept nogil:
    return (n + ALIGN - 1) // ALIGN * ALIGN


cdef inline Py_ssize_t take(Py_ssize_t *end, Py_ssize_t n) noexcept nogil:
    """Room for n numbers; returns where it starts."""
    cdef Py_ssize_t start = end[0]
    end[0] = start + aligned(n)
    return start


cdef inline void plan_layers(
    Plan *p, const long long *layers, Py_ssize_t count, const double *dropout
) noexcept nogil:
    """Sizes, and where parameters lie; `layers` as in `nncore.mlp_arguments`."""
    cdef Layer *layer
    cdef Py_ssize_t i
    p.layers, p.parameters, p.flops = count, 0, 0
    for i in range(count):
        layer = &p.layer[i]
        layer.inputs, layer.outputs = layers[3 * i], layers[3 * i + 1]
        layer.activation = <Activation>layers[3 * i + 2]
        layer.dropout = dropout[i] if dropout != NULL and i < count - 1 else 0
        layer.w = take(&p.parameters, layer.inputs * layer.outputs)
        layer.b = take(&p.parameters, layer.outputs)
        p.flops += 6.0 * <double>layer.inputs * <double>layer.outputs


cdef inline void plan_training(Plan *p, Py_ssize_t rows) noexcept nogil:
    """Where everything of a batch of up to `rows` rows lies in scratch."""
    cdef Py_ssize_t i, widest = 0, largest = 0
    cdef Layer *layer
    p.rows, p.scratch = rows, 0
    p.x = take(&p.scratch, rows * p.layer[0].inputs)
    for i in range(p.layers):
        layer = &p.layer[i]
        layer.a = take(&p.scratch, rows * layer.outputs)
        layer.kept = take(&p.scratch, rows * layer.outputs) if layer.dropout > 0 else layer.a
        widest = max(widest, layer.outputs)
        largest = max(largest, layer.inputs * layer.outputs)
    p.y = take(&p.scratch, rows * p.layer[p.layers - 1].outputs)
    p.share = take(&p.scratch, rows)
    p.d = take(&p.scratch, rows * widest)
    p.d_before = take(&p.scratch, rows * widest)
    p.transposed = take(&p.scratch, largest)


cdef inline int poll_signals() except -1 nogil:
    """Let a pending Ctrl-C raise KeyboardInterrupt."""
    with gil:
        PyErr_CheckSignals()
    return 0




cdef inline void forward(
    const Plan *p, const real *weights, const real *x, Py_ssize_t rows, uint64_t seed,
    uint64_t step, real *scratch,
) noexcept nogil:
    """Outputs of all layers for a batch."""
    cdef const Layer *layer
    cdef const real *inputs = x
    cdef real *a
    cdef Py_ssize_t i
    for i in range(p.layers):
        layer = &p.layer[i]
        a = scratch + layer.a
        linear_forward(rows, layer.inputs, layer.outputs, inputs, weights + layer.w,
                       weights + layer.b, a)
        activate(layer, a, rows)
        if layer.dropout > 0:
            drop(a, scratch + layer.kept, rows * layer.outputs, layer.dropout,
                 dropout_key(seed, step, i))
        inputs = scratch + layer.kept


cdef inline void activate(const Layer *layer, real *a, Py_ssize_t rows) noexcept nogil:
    """a = f(a), in place."""
    if layer.activation == SOFTMAX:
        activation_forward(SOFTMAX, a, a, rows, layer.outputs)
    else:
        activation_forward(layer.activation, a, a, 1, aligned(rows * layer.outputs))


cdef inline void activate_backward(
    const Layer *layer, real *d, const real *a, Py_ssize_t rows
) noexcept nogil:
    """d = d * f'(a), in place."""
    if layer.activation == SOFTMAX:
        activation_backward(SOFTMAX, d, a, d, rows, layer.outputs)
    else:
        activation_backward(layer.activation, d, a, d, 1, aligned(rows * layer.outputs))


cdef inline double weighted_loss(
    Loss kind, real *outputs, const real *y, const Py_ssize_t *labels, const real *share,
    real *d, Py_ssize_t rows, Py_ssize_t cols,
) noexcept nogil:
    """The loss of a batch: its rows' losses times share, or their mean; d = its gradient."""
    cdef double total = 0
    cdef double loss[BLOCK]
    cdef real scale = <real>1 / <real>rows
    cdef Py_ssize_t i = 0, j, n
    if kind == SOFTMAX_CROSS_ENTROPY:
        while i < rows:
            n = min(<Py_ssize_t>BLOCK, rows - i)
            softmax_cross_entropy_block(outputs + i * cols, d + i * cols, labels + i, n, cols, cols,
                                        scale if share == NULL else <real>1, loss)
            for j in range(n):
                total += loss[j] if share == NULL else loss[j] * <double>share[i + j]
            i += n
    elif share == NULL:
        total = elementwise_loss(kind, outputs, y, d, rows * cols)
        if rows > 1:
            for j in range(aligned(rows * cols)):
                d[j] *= scale
    else:
        for i in range(rows):
            total += <double>share[i] * elementwise_loss(
                kind, outputs + i * cols, y + i * cols, d + i * cols, cols)
    if share == NULL:
        return total / <double>rows
    for i in range(rows):
        for j in range(cols):
            d[i * cols + j] *= share[i]
    return total


cdef inline double penalise(
    const Plan *p, const Objective *o, const real *weights, real *gradient
) noexcept nogil:
    """l1 |w| + l2 w^2 / 2 over the weights; adds its gradient."""
    cdef double total = 0, size
    cdef real l1 = <real>o.l1, l2 = <real>o.l2, x
    cdef const real *w
    cdef real *g
    cdef Py_ssize_t i, j, n
    for i in range(p.layers):
        n = p.layer[i].inputs * p.layer[i].outputs
        w, g = weights + p.layer[i].w, gradient + p.layer[i].w
        if o.l2 > 0:
            total += 0.5 * o.l2 * sum_of_squares(w, n)
            for j in range(n):
                g[j] += l2 * w[j]
        if o.l1 > 0:
            size = 0
            for j in range(n):
                x = w[j]
                size += fabs(<double>x)
                g[j] += l1 if x > 0 else (-l1 if x < 0 else l1 * x)
            total += o.l1 * size
    return total


cdef inline double gradients(
    const Plan *p, const Objective *o, const real *weights, const real *x, const real *y,
    const Py_ssize_t *labels, const real *share, Py_ssize_t rows, uint64_t seed, uint64_t step,
    real *scratch, real *gradient,
) noexcept nogil:
    """The objective of a batch and its gradient."""
    cdef const Layer *layer = &p.layer[p.layers - 1]
    cdef const Layer *before
    cdef const real *inputs
    cdef const real *w
    cdef real *d = scratch + p.d
    cdef real *d_before = scratch + p.d_before
    cdef double objective
    cdef Py_ssize_t i
    forward(p, weights, x, rows, seed, step, scratch)
    objective = weighted_loss(o.loss, scratch + layer.a, y, labels, share, d, rows, layer.outputs)
    for i in range(p.layers - 1, -1, -1):
        layer = &p.layer[i]
        activate_backward(layer, d, scratch + layer.a, rows)
        inputs = scratch + p.layer[i - 1].kept if i > 0 else x
        product(layer.inputs, layer.outputs, rows, inputs, 1, layer.inputs, d, layer.outputs,
                gradient + layer.w, layer.outputs, START_ZERO, <const real *>NULL)
        column_sums(rows, layer.outputs, d, layer.outputs, gradient + layer.b)
        if i == 0:
            break
        w = weights + layer.w
        if layer.outputs > 1:  # a column is its own transpose
            transpose(layer.inputs, layer.outputs, w, layer.outputs,
                      scratch + p.transposed, layer.inputs)
            w = scratch + p.transposed
        product(rows, layer.inputs, layer.outputs, d, layer.outputs, 1, w, layer.inputs,
                d_before, layer.inputs, START_ZERO, <const real *>NULL)
        before = &p.layer[i - 1]
        if before.dropout > 0:
            drop(d_before, d_before, rows * before.outputs, before.dropout,
                 dropout_key(seed, step, i - 1))
        d, d_before = d_before, d
    if o.l1 > 0 or o.l2 > 0:
        objective += penalise(p, o, weights, gradient)
    return objective


cdef struct Data:
    const float *x32          # (N, I), one of the two
    const double *x64
    const void *y             # (N, O) of the network's type, or NULL
    const Py_ssize_t *labels  # (N,), or NULL
    const void *weight        # (N,) of the network's type, or NULL
    const Py_ssize_t *order   # rows in the order of their visits, or NULL for 0, 1, 2, ...
    Py_ssize_t rows           # N
    Py_ssize_t epoch_rows, batch_size


cdef inline void row_of_inputs(
    const Data *data, Py_ssize_t i, Py_ssize_t n, real *into
) noexcept nogil:
    """One row of x, converted."""
    cdef Py_ssize_t j
    if data.x32 != NULL:
        for j in range(n):
            into[j] = <real>data.x32[i * n + j]
    else:
        for j in range(n):
            into[j] = <real>data.x64[i * n + j]


cdef inline int batch(
    const Plan *p, const Data *data, Py_ssize_t position, Py_ssize_t visited, Py_ssize_t rows,
    Py_ssize_t *labels, real *scratch,
) except -1 nogil:
    """Bring a batch together in scratch, but for what lies together already."""
    cdef Py_ssize_t inputs = p.layer[0].inputs, outputs = p.layer[p.layers - 1].outputs, i, at, j
    cdef const real *y = <const real *>data.y
    cdef const real *weight = <const real *>data.weight
    cdef real *share = scratch + p.share
    cdef double total = 0
    for i in range(rows):
        at = position + i if data.order == NULL else data.order[visited + i]
        if not 0 <= at < data.rows:
            with gil:
                raise IndexError(f"order has {at}, wanted 0 to {data.rows - 1}")
        row_of_inputs(data, at, inputs, scratch + p.x + i * inputs)
        if labels != NULL:
            labels[i] = data.labels[at]
            if not 0 <= labels[i] < outputs:
                with gil:
                    raise IndexError(f"y has {labels[i]}, wanted 0 to {outputs - 1}")
        else:
            for j in range(outputs):
                scratch[p.y + i * outputs + j] = y[at * outputs + j]
        if weight != NULL:
            share[i] = weight[at]
            total += <double>share[i]
    if weight != NULL:
        for i in range(rows):
            share[i] = <real>(<double>share[i] / (total if total != 0 else 1))
    return 0


cdef inline Py_ssize_t train(
    const Plan *p, const Objective *o, Rule *rule, double clip_norm_at, uint64_t seed,
    const Data *data, real *weights, real *gradient, real *slot1, real *slot2,
    long long *counters, const double *rates, double *losses, Py_ssize_t updates,
    Py_ssize_t *labels, real *scratch,
) except -1 nogil:
    """Run up to `updates` mini-batches; return how many were run.

    counters: updates so far, updates of this optimizer, rows visited of this epoch. They
    and the weights change only at the end of an update, so an exception or an objective
    that is not finite (which ends the run early) leaves the state of a step boundary.
    """
    cdef Py_ssize_t i, rows, position = counters[2], visited = 0
    cdef const real *share = scratch + p.share if data.weight != NULL else NULL
    cdef const real *x = scratch + p.x
    cdef double since_poll = 0
    memset(gradient, 0, p.parameters * sizeof(real))  # the gaps stay 0
    for i in range(updates):
        rows = min(data.batch_size, data.epoch_rows - position)
        batch(p, data, position, visited, rows, labels, scratch)
        losses[i] = gradients(p, o, weights, x, scratch + p.y, labels, share, rows, seed,
                              counters[0], scratch, gradient)
        if not isfinite(losses[i]):
            return i
        if clip_norm_at > 0:
            clip_by_norm(gradient, p.parameters, clip_norm_at)
        rule.learning_rate = rates[i]
        optimizer_step(rule, weights, gradient, slot1, slot2, p.parameters, counters[1] + 1)
        visited += rows
        position += rows
        if position >= data.epoch_rows:
            position = 0
        counters[0] += 1
        counters[1] += 1
        counters[2] = position
        since_poll += p.flops * <double>rows
        if since_poll > POLL_FLOPS:
            since_poll = 0
            poll_signals()
    return updates

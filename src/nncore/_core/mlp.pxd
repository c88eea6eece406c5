# cython: cdivision=True
"""The multi-layer perceptron over raw pointers: prediction, gradients, whole epochs.

    a[0] = x        a[l] = f_l(a[l-1] @ w[l] + b[l])

Matrices are row-major without padding, but every one starts on a line of its own, and
there is room to run element-wise loops over whole vectors.
"""
from libc.math cimport INFINITY, fabs, isfinite
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
from nncore._core.random cimport drop, hash_key, shuffle
from nncore._core.real cimport (
    START_ZERO, copy_rows, muladd, product, real, row_dot, sum_of_squares, transpose,
)
from nncore._core.signals cimport POLL_FLOPS, poll_signals

cdef enum:
    ALIGN = 16             # numbers; each parameter and each matrix starts on a 64-byte line
    MOST_LAYERS = 64
    PREDICT_ROWS = 128     # rows that prediction takes at once
    SHUFFLE = MOST_LAYERS  # the use of hash_key that is not a layer's dropout
    NARROW = 4             # outputs up to which plain loops beat vectors,
    FEW = 8                # for up to so many rows


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


cdef struct Data:
    const float *x32          # (N, I), one of the two
    const double *x64
    const void *y             # (N, O) of the network's type, or NULL
    const Py_ssize_t *labels  # (N,), or NULL
    const void *weight        # (N,) of the network's type, or NULL
    Py_ssize_t *order         # the epoch's rows in the order of their visits, or NULL: 0, 1, ...
    Py_ssize_t rows           # N
    Py_ssize_t first          # the epoch's row that x begins with
    Py_ssize_t epoch_rows, batch_size


cdef struct Batch:
    Py_ssize_t rows
    const void *x              # (rows, I), of the network's type, as y and share
    const void *y              # (rows, O), or NULL
    const Py_ssize_t *labels   # (rows,), or NULL
    const void *share          # (rows,): part of each in the mean, or NULL for equal parts


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


cdef inline void plan_prediction(Plan *p, Py_ssize_t rows) noexcept nogil:
    """Where inputs and outputs of up to `rows` rows lie in scratch."""
    cdef Py_ssize_t i
    p.rows, p.scratch = rows, 0
    p.x = take(&p.scratch, rows * p.layer[0].inputs)
    for i in range(p.layers):
        p.layer[i].a = p.layer[i].kept = take(&p.scratch, rows * p.layer[i].outputs)


cdef inline void plan_training(Plan *p, Py_ssize_t rows) noexcept nogil:
    """Where everything of a batch of up to `rows` rows lies in scratch."""
    cdef Py_ssize_t i, widest = 0, largest = 0
    cdef Layer *layer
    plan_prediction(p, rows)
    for i in range(p.layers):
        layer = &p.layer[i]
        if layer.dropout > 0:
            layer.kept = take(&p.scratch, rows * layer.outputs)
        widest = max(widest, layer.outputs)
        largest = max(largest, layer.inputs * layer.outputs)
    p.y = take(&p.scratch, rows * p.layer[p.layers - 1].outputs)
    p.share = take(&p.scratch, rows)
    p.d = take(&p.scratch, rows * widest)
    p.d_before = take(&p.scratch, rows * widest)
    p.transposed = take(&p.scratch, largest)


cdef inline void layer_forward(
    const Layer *layer, Py_ssize_t rows, const real *x, const real *w, const real *b, real *a
) noexcept nogil:
    """a = x @ w + b, with the bits of linear_forward."""
    cdef Py_ssize_t _r, i, j
    cdef real total
    if layer.outputs > NARROW or rows > FEW:
        linear_forward(rows, layer.inputs, layer.outputs, x, w, b, a)
        return
    for _r in range(rows):
        for j in range(layer.outputs):
            total = b[j]
            for i in range(layer.inputs):
                total = muladd(x[i], w[i * layer.outputs + j], total)
            a[j] = total
        x += layer.inputs
        a += layer.outputs


cdef inline void inputs_gradient(
    const Layer *layer, Py_ssize_t rows, const real *d, const real *w, real *d_before,
    real *transposed,
) noexcept nogil:
    """d_before = d @ w.T; transposed is scratch for w.T."""
    cdef Py_ssize_t _r, i, j, n = layer.outputs
    cdef real total
    if n <= NARROW and rows <= FEW:
        for _r in range(rows):
            for i in range(layer.inputs):
                total = 0
                for j in range(n):
                    total = muladd(d[j], w[i * n + j], total)
                d_before[i] = total
            d += n
            d_before += layer.inputs
        return
    if n > 1:  # a column is its own transpose
        transpose(layer.inputs, n, w, n, transposed, layer.inputs)
        w = transposed
    product(rows, layer.inputs, n, d, n, 1, w, layer.inputs, d_before, layer.inputs,
            START_ZERO, <const real *>NULL)


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
        layer_forward(layer, rows, inputs, weights + layer.w, weights + layer.b, a)
        activate(layer, a, rows)
        if layer.dropout > 0:
            drop(a, scratch + layer.kept, rows * layer.outputs, layer.dropout,
                 hash_key(seed, step, i))
        inputs = scratch + layer.kept


cdef inline Py_ssize_t whole_vectors(Py_ssize_t n) noexcept nogil:
    """How far to run an element-wise loop: the room after n spares it its tail."""
    return n if n <= NARROW else aligned(n)


cdef inline void activate(const Layer *layer, real *a, Py_ssize_t rows) noexcept nogil:
    """a = f(a), in place."""
    if layer.activation == SOFTMAX:
        activation_forward(SOFTMAX, a, a, rows, layer.outputs)
    else:
        activation_forward(layer.activation, a, a, 1, whole_vectors(rows * layer.outputs))


cdef inline void activate_backward(
    const Layer *layer, real *d, const real *a, Py_ssize_t rows
) noexcept nogil:
    """d = d * f'(a), in place."""
    if layer.activation == SOFTMAX:
        activation_backward(SOFTMAX, d, a, d, rows, layer.outputs)
    else:
        activation_backward(layer.activation, d, a, d, 1, whole_vectors(rows * layer.outputs))


cdef inline double weighted_loss(
    Loss kind, real *outputs, const Batch *batch, real *d, Py_ssize_t cols
) noexcept nogil:
    """The loss of a batch: its rows' losses times share, or their mean; d = its gradient."""
    cdef const real *y = <const real *>batch.y
    cdef const real *share = <const real *>batch.share
    cdef const Py_ssize_t *labels = batch.labels
    cdef Py_ssize_t rows = batch.rows
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
    const Plan *p, const Objective *o, const Batch *batch, const real *weights, uint64_t seed,
    uint64_t step, real *scratch, real *gradient,
) noexcept nogil:
    """The objective of a batch and its gradient."""
    cdef const Layer *layer = &p.layer[p.layers - 1]
    cdef const Layer *before
    cdef const real *x = <const real *>batch.x
    cdef const real *inputs
    cdef real *d = scratch + p.d
    cdef real *d_before = scratch + p.d_before
    cdef double objective
    cdef Py_ssize_t i, rows = batch.rows
    forward(p, weights, x, rows, seed, step, scratch)
    objective = weighted_loss(o.loss, scratch + layer.a, batch, d, layer.outputs)
    for i in range(p.layers - 1, -1, -1):
        layer = &p.layer[i]
        activate_backward(layer, d, scratch + layer.a, rows)
        inputs = scratch + p.layer[i - 1].kept if i > 0 else x
        product(layer.inputs, layer.outputs, rows, inputs, 1, layer.inputs, d, layer.outputs,
                gradient + layer.w, layer.outputs, START_ZERO, <const real *>NULL)
        column_sums(rows, layer.outputs, d, layer.outputs, gradient + layer.b)
        if i == 0:
            break
        inputs_gradient(layer, rows, d, weights + layer.w, d_before, scratch + p.transposed)
        before = &p.layer[i - 1]
        if before.dropout > 0:
            drop(d_before, d_before, rows * before.outputs, before.dropout,
                 hash_key(seed, step, i - 1))
        d, d_before = d_before, d
    if o.l1 > 0 or o.l2 > 0:
        objective += penalise(p, o, weights, gradient)
    return objective


cdef inline bint is_online(const Plan *p, const Objective *o, const Rule *rule, double clip_norm_at,
                           const Data *data) noexcept nogil:
    """Is an update a single row's plain gradient descent, which needs no gradient in memory?"""
    cdef Py_ssize_t i
    for i in range(p.layers):
        if p.layer[i].dropout > 0:
            return False
    return (data.batch_size == 1 and rule.kind == SGD and not rule.clip_value < INFINITY
            and clip_norm_at == 0 and o.l1 == 0 and o.l2 == 0)


cdef inline void online_backward(const Layer *layer, const real *x, const real *d, real rate,
                                 real *w, real *b, real *d_before) noexcept nogil:
    """w -= rate * x.T @ d, b -= rate * d; d_before = d @ w.T with the old w, unless it is NULL."""
    cdef Py_ssize_t i, j, n = layer.outputs
    cdef real step, total
    for i in range(layer.inputs):
        step = -rate * x[i]
        if n > NARROW:
            if d_before != NULL:
                d_before[i] = row_dot(d, w, n)
            for j in range(n):
                w[j] = muladd(step, d[j], w[j])
        else:
            total = 0
            for j in range(n):
                total = muladd(d[j], w[j], total)
                w[j] = muladd(step, d[j], w[j])
            if d_before != NULL:
                d_before[i] = total
        w += n
    for j in range(n):
        b[j] -= rate * d[j]


cdef inline double online_update(
    const Plan *p, const Objective *o, const Batch *batch, real rate, real *weights, real *scratch,
) noexcept nogil:
    """One update of gradient descent by one row; nothing is changed if its loss is not finite."""
    cdef const Layer *layer
    cdef const real *x = <const real *>batch.x
    cdef const real *inputs = x
    cdef real *d = scratch + p.d
    cdef real *d_before = scratch + p.d_before
    cdef double loss
    cdef Py_ssize_t i
    for i in range(p.layers):
        layer = &p.layer[i]
        layer_forward(layer, 1, inputs, weights + layer.w, weights + layer.b, scratch + layer.a)
        activate(layer, scratch + layer.a, 1)
        inputs = scratch + layer.a
    loss = weighted_loss(o.loss, scratch + layer.a, batch, d, layer.outputs)
    if not isfinite(loss):
        return loss
    for i in range(p.layers - 1, -1, -1):
        layer = &p.layer[i]
        activate_backward(layer, d, scratch + layer.a, 1)
        inputs = scratch + p.layer[i - 1].a if i > 0 else x
        online_backward(layer, inputs, d, rate, weights + layer.w, weights + layer.b,
                        d_before if i > 0 else NULL)
        d, d_before = d_before, d
    return loss


cdef inline const real *own_rows(const Data *data, const real *like) noexcept nogil:
    """x, where it is of the network's type and can be read where it lies; else NULL."""
    if real is float:
        return data.x32
    else:
        return data.x64


cdef inline void copy_inputs(
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


cdef inline Py_ssize_t row_at(const Data *data, Py_ssize_t position) noexcept nogil:
    """The row of x that stands at a position of the epoch."""
    return position - data.first if data.order == NULL else data.order[position]


cdef inline int gather(
    const Plan *p, const Data *data, Py_ssize_t position, Py_ssize_t rows, Py_ssize_t *labels,
    real *scratch, Batch *batch,
) except -1 nogil:
    """Bring the rows of an epoch from `position` on together, but for what is together already."""
    cdef Py_ssize_t inputs = p.layer[0].inputs, outputs = p.layer[p.layers - 1].outputs, i, j
    cdef Py_ssize_t first = row_at(data, position), at = first
    cdef bint together = data.order == NULL or rows == 1
    cdef const real *own = own_rows(data, scratch)
    cdef const real *y = <const real *>data.y
    cdef const real *weight = <const real *>data.weight
    cdef real *share = scratch + p.share
    batch.rows, batch.labels, batch.share = rows, labels, NULL
    batch.x = own + first * inputs if own != NULL and together else scratch + p.x
    batch.y = y + first * outputs if together else scratch + p.y
    if together and labels == NULL and own != NULL and weight == NULL and data.order == NULL:
        return 0  # nothing to check or to copy
    for i in range(rows):
        if i > 0:
            at = row_at(data, position + i)
        if not 0 <= at < data.rows:
            with gil:
                raise IndexError(f"order has {at}, wanted 0 to {data.rows - 1}")
        if own == NULL or not together:
            copy_inputs(data, at, inputs, scratch + p.x + i * inputs)
        if labels != NULL:
            labels[i] = data.labels[at]
            if not 0 <= labels[i] < outputs:
                with gil:
                    raise IndexError(f"y has {labels[i]}, wanted 0 to {outputs - 1}")
        elif not together:
            for j in range(outputs):
                scratch[p.y + i * outputs + j] = y[at * outputs + j]
        if weight != NULL:
            share[i] = weight[at]
    if weight != NULL:
        normalise(share, rows)
        batch.share = share
    return 0


cdef inline void normalise(real *share, Py_ssize_t n) noexcept nogil:
    """Divide by the sum, where that is not 0."""
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n):
        total += <double>share[i]
    for i in range(n):
        share[i] = <real>(<double>share[i] / (total if total != 0 else 1))


cdef inline Py_ssize_t train(
    const Plan *p, const Objective *o, Rule *rule, double clip_norm_at, uint64_t seed,
    const Data *data, real *weights, real *gradient, real *slot1, real *slot2,
    long long *counters, const double *rates, double *losses, Py_ssize_t updates,
    Py_ssize_t *labels, real *scratch,
) except -1 nogil:
    """Run up to `updates` mini-batches; return how many were run.

    counters: updates so far, updates of this optimizer, rows visited of this epoch, epochs. They
    and the weights change only at the end of an update, so an exception or an objective
    that is not finite (which ends the run early) leaves the state of a step boundary.
    """
    cdef Py_ssize_t i, rows, position = counters[2]
    cdef Batch batch
    cdef bint online = is_online(p, o, rule, clip_norm_at, data)
    cdef double since_poll = 0
    memset(gradient, 0, p.parameters * sizeof(real))  # the gaps stay 0
    for i in range(updates):
        rows = min(data.batch_size, data.epoch_rows - position)
        if position == 0 and data.order != NULL:
            shuffle(data.order, data.epoch_rows, hash_key(seed, counters[3], SHUFFLE))
        gather(p, data, position, rows, labels, scratch, &batch)
        if online:
            losses[i] = online_update(p, o, &batch, <real>rates[i], weights, scratch)
        else:
            losses[i] = gradients(p, o, &batch, weights, seed, counters[0], scratch, gradient)
        if not isfinite(losses[i]):
            return i
        if not online:
            if clip_norm_at > 0:
                clip_by_norm(gradient, p.parameters, clip_norm_at)
            rule.learning_rate = rates[i]
            optimizer_step(rule, weights, gradient, slot1, slot2, p.parameters, counters[1] + 1)
        position += rows
        if position >= data.epoch_rows:
            position = 0
            counters[3] += 1
        counters[0] += 1
        counters[1] += 1
        counters[2] = position
        since_poll += p.flops * <double>rows
        if since_poll > POLL_FLOPS:
            since_poll = 0
            poll_signals()
    return updates

# cython: cdivision=True
"""A recurrent network for sequences of vectors, over raw pointers.

A stack of recurrent layers reads the sequences; an output layer computes f(h @ why + by) from the
last layer's outputs, at the last step of each sequence or at all steps.
"""
from libc.math cimport isfinite
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from nncore._core.mlp.gradients cimport weighted_loss
from nncore._core.mlp.layers cimport activate, activate_backward
from nncore._core.mlp.plan cimport Batch, Layer
from nncore._core.mlp.train cimport SHUFFLE, divide, normalise
from nncore._core.ops.activations cimport SLOPE_FROM_INPUT, Activation
from nncore._core.ops.linear cimport column_sums, polled_product
from nncore._core.ops.losses cimport Loss
from nncore._core.ops.once cimport nn_once_size
from nncore._core.ops.optimizers cimport Rule, clip_by_norm, optimizer_step
from nncore._core.ops.random cimport hash_key, shuffle
from nncore._core.ops.real cimport (
    START_BIAS, START_ZERO, copy_rows, real, reserve, sum_of_squares, transpose,
)
from nncore._core.ops.signals cimport poll_after, poll_signals
from nncore._core.recurrent.sequences cimport (
    Packed, Sequences, last_row, load_all_states, pack_labels, pack_rows, pack_weights,
    sort_by_length, store_last_states, unpack_rows,
)
from nncore._core.recurrent.stack cimport (
    RecurrentLayer, Stack, plan_gradients, plan_states, stack_backward, stack_forward,
    stack_gradient,
)

cdef struct RNNPlan:
    Stack stack
    Layer output
    bint last                  # whether there are outputs of the last steps only
    Py_ssize_t x, y, fraction  # offsets in scratch: a batch's inputs, targets, weights in the mean
    Py_ssize_t tops, d         # h of the output rows, and the derivatives of the outputs
    Py_ssize_t scratch


cdef struct RNNTraining:
    # The arguments of one call of `train_rnn`. Pointers to void are to the network's dtype.
    const RNNPlan *plan
    const Sequences *data
    Packed *batch
    Loss loss
    Rule *rule
    double clip_norm, l2
    uint64_t seed
    void *gradient
    void **slots
    long long *counters        # updates, those of this optimizer, sequences of the epoch, epochs
    long long *shown           # the caller's array of them, which is written but never read
    const double *rates
    double *losses
    Py_ssize_t updates, batch_size
    Py_ssize_t *order          # or NULL: 0, 1, ...
    bint shuffled              # whether each epoch has a new random order
    Py_ssize_t *labels         # of a batch, or NULL
    void *scratch


cdef inline void plan_rnn(
    RNNPlan *p, Activation activation, bint last, Py_ssize_t sequences, Py_ssize_t rows,
    const double *dropout, bint training,
) noexcept nogil:
    """Set the offsets in scratch for batches of up to `rows` rows; the stack is planned already."""
    cdef Stack *s = &p.stack
    cdef Layer *output = &p.output
    cdef Py_ssize_t i, outputs = sequences if last else rows
    cdef Py_ssize_t row = s.layer[s.layers - 1].cell.row
    p.last, p.scratch = last, 0
    plan_states(s, sequences, rows, &p.scratch)
    for i in range(s.layers):
        s.layer[i].dropout = dropout[i] if dropout != NULL and i < s.layers - 1 else 0
    if training:
        plan_gradients(s, &p.scratch)
    memset(output, 0, sizeof(Layer))
    output.inputs, output.outputs = s.layer[s.layers - 1].cell.hidden, s.outputs
    output.w, output.b, output.activation = s.why, s.by, activation
    output.a = output.z = output.kept = reserve(&p.scratch, outputs * s.outputs)
    if SLOPE_FROM_INPUT(activation):
        output.z = reserve(&p.scratch, outputs * s.outputs)
    p.x = reserve(&p.scratch, rows * s.layer[0].inputs)
    p.tops = reserve(&p.scratch, sequences * row if last else 0)
    p.d = p.y = p.fraction = 0  # not used
    if training:
        p.d = reserve(&p.scratch, outputs * s.outputs)
        p.y = reserve(&p.scratch, outputs * s.outputs)
        p.fraction = reserve(&p.scratch, outputs)


cdef inline const real *top_rows(const RNNPlan *p, const real *scratch) noexcept nogil:
    """The rows of h from which the outputs are computed."""
    return scratch + (p.tops if p.last else p.stack.layer[p.stack.layers - 1].kept)


cdef inline Py_ssize_t output_rows(const RNNPlan *p, const Packed *b) noexcept nogil:
    return b.count if p.last else b.rows


cdef inline int rnn_forward(
    const RNNPlan *p, const Sequences *d, const Packed *b, const real *weights, uint64_t seed,
    uint64_t step, real *scratch,
) except -1 nogil:
    """Outputs of a batch whose initial states are in scratch."""
    cdef const RecurrentLayer *top = &p.stack.layer[p.stack.layers - 1]
    cdef Py_ssize_t k, rows = output_rows(p, b), row = top.cell.row
    pack_rows(d, b, <const real *>d.x, d.inputs, scratch + p.x)
    stack_forward(&p.stack, &b.at, weights, <const real *>(scratch + p.x), NULL, seed, step,
                  scratch)
    if p.last:
        for k in range(b.count):
            copy_rows(1, row, scratch + top.kept + last_row(d, b, k) * row, row,
                      scratch + p.tops + b.position[k] * row, row)
    polled_product(rows, p.stack.outputs, top.cell.hidden, top_rows(p, <const real *>scratch),
                   row, 1, weights + p.output.w, p.stack.outputs, scratch + p.output.z,
                   p.stack.outputs, START_BIAS, weights + p.output.b)
    activate(&p.output, <const real *>(scratch + p.output.z), scratch + p.output.a, rows)
    return 0


cdef inline int rnn_predict(
    const RNNPlan *p, const Sequences *d, Packed *b, Py_ssize_t at_once, const real *weights,
    real *states, real *outputs, real *scratch,
) except -1 nogil:
    """outputs = those of all sequences; states (N, S) move on to the end of each.

    As many are computed at once as there is room for, at most at_once.
    """
    cdef Py_ssize_t n = 0, cols = p.stack.outputs, rows = p.stack.rows
    while n < d.count:
        b.count = 0
        while (b.count < at_once and n + b.count < d.count
               and d.starts[n + b.count + 1] - d.starts[n] <= rows):
            b.chosen[b.count] = n + b.count
            b.count += 1
        sort_by_length(d, b)
        load_all_states(&p.stack, b, states, scratch)
        rnn_forward(p, d, b, weights, 0, 0, scratch)
        store_last_states(&p.stack, d, b, <const real *>scratch, states)
        if p.last:
            copy_rows(b.count, cols, scratch + p.output.a, cols, outputs + n * cols, cols)
        else:
            unpack_rows(d, b, <const real *>(scratch + p.output.a), cols, outputs)
        n += b.count
        poll_signals()
    return 0


cdef inline int output_backward(
    const RNNPlan *p, const Sequences *d, const Packed *b, const real *weights, real *scratch,
    real *gradient,
) except -1 nogil:
    """The output layer's gradient, and the derivatives of the last layer's outputs."""
    cdef const RecurrentLayer *top = &p.stack.layer[p.stack.layers - 1]
    cdef Py_ssize_t k, rows = output_rows(p, b), row = top.cell.row, cols = p.stack.outputs
    cdef real *dh = scratch + top.dh + p.stack.sequences * row
    cdef real *transposed = scratch + top.transposed
    cdef real *into = scratch + p.tops if p.last else dh
    activate_backward(&p.output, scratch + p.d, <const real *>scratch, rows)
    polled_product(top.cell.hidden, cols, rows, top_rows(p, <const real *>scratch), 1, row,
                   scratch + p.d, cols, gradient + p.output.w, cols,
                   START_ZERO, <const real *>NULL)
    column_sums(rows, cols, scratch + p.d, cols, gradient + p.output.b)
    transpose(top.cell.hidden, cols, weights + p.output.w, cols, transposed, top.transposed_row)
    polled_product(rows, row, cols, scratch + p.d, cols, 1, transposed, top.transposed_row,
                   into, row, START_ZERO, <const real *>NULL)
    if p.last:
        memset(dh, 0, b.rows * row * sizeof(real))
        for k in range(b.count):
            copy_rows(1, row, scratch + p.tops + b.position[k] * row, row,
                      dh + last_row(d, b, k) * row, row)
    return 0


cdef inline int load_targets(
    const Sequences *d, const Packed *b, bint last, Py_ssize_t outputs, double mean_weight,
    Py_ssize_t *labels, real *y, real *fraction, Batch *batch,
) except -1 nogil:
    """The targets of a batch's output rows, and the weights of these in the mean.

    mean_weight: of all rows, which divides the weights of a batch; 0: their sum does.
    """
    cdef const real *given = <const real *>d.y
    cdef Py_ssize_t i, rows = b.count if last else b.rows
    batch.rows, batch.labels, batch.y, batch.fraction = rows, labels, y, NULL
    if labels != NULL:
        pack_labels(d, b, last, outputs, labels)
    elif last:
        for i in range(b.count):
            copy_rows(1, outputs, given + b.chosen[i] * outputs, outputs, y + i * outputs, outputs)
    else:
        pack_rows(d, b, given, outputs, y)
    if d.weight != NULL:
        batch.fraction = fraction
        pack_weights(d, b, last, fraction)
        if mean_weight == 0:
            normalise(fraction, rows)
        else:
            divide(fraction, rows, mean_weight * <double>rows)
    return 0


cdef inline int rnn_gradients(
    const RNNPlan *p, const Sequences *d, const Packed *b, Loss kind, double mean_weight,
    const real *weights, uint64_t seed, uint64_t step, Py_ssize_t *labels, real *scratch,
    real *gradient, double *loss,
) except -1 nogil:
    """The loss of a batch and its gradient; mean_weight as for `load_targets`."""
    cdef const Stack *s = &p.stack
    cdef Batch batch
    cdef Py_ssize_t i
    load_targets(d, b, p.last, s.outputs, mean_weight, labels, scratch + p.y,
                 scratch + p.fraction, &batch)
    for i in range(s.layers):
        memset(scratch + s.layer[i].h, 0, s.sequences * s.layer[i].cell.row * sizeof(real))
        memset(scratch + s.layer[i].c, 0, s.sequences * s.layer[i].cell.row * sizeof(real))
    rnn_forward(p, d, b, weights, seed, step, scratch)
    loss[0] = weighted_loss(kind, scratch + p.output.a, &batch, scratch + p.d, s.outputs)
    output_backward(p, d, b, weights, scratch, gradient)
    stack_backward(s, &b.at, weights, seed, step, scratch)
    stack_gradient(s, &b.at, <const real *>(scratch + p.x), <const real *>scratch, gradient)
    return 0


cdef struct EvaluationRows:  # memory for the output rows of all sequences
    void *outputs            # in the order of a batch
    void *y
    void *d
    void *fraction
    Py_ssize_t *labels       # or NULL


cdef inline double rnn_loss(
    const RNNPlan *p, const Sequences *d, const Packed *b, Loss kind, const EvaluationRows *room,
    const real *outputs,
) except? -1 nogil:
    """The loss of the outputs of all sequences, with the bits of `rnn_gradients`."""
    cdef Batch batch
    cdef real *ordered = <real *>room.outputs
    load_targets(d, b, p.last, p.stack.outputs, 0, room.labels, <real *>room.y,
                 <real *>room.fraction, &batch)
    if p.last:
        copy_rows(b.count, p.stack.outputs, outputs, p.stack.outputs, ordered, p.stack.outputs)
    else:
        pack_rows(d, b, outputs, p.stack.outputs, ordered)
    return weighted_loss(kind, ordered, &batch, <real *>room.d, p.stack.outputs)


cdef inline double add_penalty(
    const RNNPlan *p, double l2, const real *weights, real *gradient
) noexcept nogil:
    """Return l2 w^2 / 2 over all matrices, and add its gradient."""
    cdef const RecurrentLayer *layer
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(p.stack.layers):
        layer = &p.stack.layer[i]
        total += penalty_of(l2, weights + layer.wxh, gradient + layer.wxh,
                            layer.inputs * layer.cell.gates_row)
        total += penalty_of(l2, weights + layer.whh, gradient + layer.whh,
                            layer.cell.hidden * layer.cell.gates_row)
    return total + penalty_of(l2, weights + p.output.w, gradient + p.output.w,
                              p.output.inputs * p.output.outputs)


cdef inline double penalty_of(
    double l2, const real *w, real *g, Py_ssize_t n
) noexcept nogil:
    cdef real factor = <real>l2
    cdef Py_ssize_t j
    for j in range(n):
        g[j] += factor * w[j]
    return 0.5 * l2 * sum_of_squares(w, n)


cdef inline int choose_batch(
    const RNNTraining *t, const Py_ssize_t *order, Packed *b
) except -1 nogil:
    """The sequences of the epoch's next batch."""
    cdef Py_ssize_t i, n, position = t.counters[2]
    b.count = min(t.batch_size, t.data.count - position)
    for i in range(b.count):
        n = position + i if order == NULL else nn_once_size(order + position + i)
        if not 0 <= n < t.data.count:
            with gil:
                raise IndexError(f"order has {n}, expected 0 to {t.data.count - 1}")
        b.chosen[i] = n
    return 0


cdef inline Py_ssize_t train_rnn(const RNNTraining *t, real *weights) except -1 nogil:
    """Run up to `updates` mini-batches; return their number.

    The weights and the counters change only at the end of an update, so after an exception or a
    non-finite objective, which ends the run early, the state is that after the last update.
    """
    cdef const RNNPlan *p = t.plan
    cdef real *gradient = <real *>t.gradient
    cdef long long *counters = t.counters
    cdef Packed *b = t.batch
    cdef Py_ssize_t *order = t.order
    cdef double since_poll = 0  # operations
    cdef Py_ssize_t i
    memset(gradient, 0, p.stack.parameters * sizeof(real))  # the gaps stay 0
    for i in range(t.updates):
        if counters[2] == 0 and t.shuffled:
            shuffle(order, t.data.count, hash_key(t.seed, counters[3], SHUFFLE))
        choose_batch(t, order, b)
        sort_by_length(t.data, b)
        rnn_gradients(p, t.data, b, t.loss, 1.0, weights, t.seed, counters[0], t.labels,
                      <real *>t.scratch, gradient, t.losses + i)
        if t.l2 > 0:
            t.losses[i] += add_penalty(p, t.l2, weights, gradient)
        if not isfinite(t.losses[i]):
            return i
        if t.clip_norm > 0:
            clip_by_norm(gradient, p.stack.parameters, t.clip_norm)
        t.rule.learning_rate = t.rates[i]
        optimizer_step(t.rule, weights, gradient, <real **>t.slots, 0, p.stack.parameters,
                       counters[1] + 1)
        counters[0] += 1
        counters[1] += 1
        counters[2] += b.count
        if counters[2] >= t.data.count:
            counters[2] = 0
            counters[3] += 1
            if order != NULL and not t.shuffled:
                order += t.data.count
        memcpy(t.shown, counters, 4 * sizeof(long long))
        poll_after(&since_poll, p.stack.row_flops * <double>b.rows + p.stack.update_flops)
    return t.updates

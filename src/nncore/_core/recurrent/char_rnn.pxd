# cython: cdivision=True
"""The character RNN of Karpathy's min-char-rnn over raw pointers: N streams of T steps.

    h[t] = tanh(wxh[x[t]] + bh + h[t-1] @ whh)        logits[t] = h[t] @ why + by

Only the products with whh are sequential. Logits, their gradients and the weight
gradients are computed for all T * N rows at once. Rows of the scratch matrices are
padded to ALIGN numbers, so that vectors do not straddle cache lines, and have the
order (t, n): row t * N + n belongs to step t of stream n.
"""
from libc.math cimport isfinite
from libc.stdint cimport int32_t, uint8_t, uint16_t
from libc.string cimport memset

from nncore._core.ops.linear cimport column_sums, polled_product
from nncore._core.ops.losses cimport BLOCK, row_cross_entropy, softmax_cross_entropy_block
from nncore._core.ops.once cimport nn_once_u8, nn_once_u16
from nncore._core.ops.optimizers cimport Rule, clip_by_norm, optimizer_step, skips_zeros
from nncore._core.ops.real cimport (
    ALIGN, START_BIAS, START_ZERO, aligned, copy_rows, real, transpose,
)
from nncore._core.recurrent.rnn cimport rnn_step_backward, rnn_step_forward
from nncore._core.ops.sampling cimport Candidate, SamplingOptions, choose
from nncore._core.ops.signals cimport POLL_FLOPS, poll_signals

cdef struct Plan:
    Py_ssize_t streams, steps, vocabulary, hidden  # N, T, V, H
    Py_ssize_t hidden_row, vocabulary_row          # H and V rounded up to ALIGN
    Py_ssize_t transposed_row                      # H rounded up to an odd number of lines
    Py_ssize_t wxh, whh, why, bh, by, parameters   # offsets in the flat vector, and its length
    Py_ssize_t states, dz, logits, transposed, scratch  # the same for scratch
    Py_ssize_t poll_steps                          # time steps between two checks for signals


cdef struct Rows:     # the rows of wxh that a window reads; no other row has a gradient
    int32_t *ids
    int32_t *listed   # for each id of the vocabulary, whether it is in ids
    Py_ssize_t count


cdef inline Plan make_plan(
    Py_ssize_t streams, Py_ssize_t steps, Py_ssize_t vocabulary, Py_ssize_t hidden
) noexcept nogil:
    cdef Plan p
    cdef Py_ssize_t rows = streams * steps
    p.streams, p.steps, p.vocabulary, p.hidden = streams, steps, vocabulary, hidden
    p.hidden_row, p.vocabulary_row = aligned(hidden), aligned(vocabulary)
    # The transposition writes columns, which would map to few sets of the cache if the rows
    # were an even number of lines apart.
    p.transposed_row = p.hidden_row + (ALIGN if p.hidden_row % (2 * ALIGN) == 0 else 0)
    p.wxh = 0
    p.whh = p.wxh + vocabulary * p.hidden_row
    p.why = p.whh + hidden * p.hidden_row
    p.bh = p.why + aligned(hidden * vocabulary)
    p.by = p.bh + aligned(hidden)
    p.parameters = p.by + aligned(vocabulary)
    p.states = 0
    p.dz = p.states + (rows + streams) * p.hidden_row
    p.logits = p.dz + rows * p.hidden_row
    p.transposed = p.logits + rows * p.vocabulary_row
    p.scratch = p.transposed + max(hidden, vocabulary) * p.transposed_row
    p.poll_steps = POLL_FLOPS // (2 * streams * hidden * hidden + 1) + 1
    return p


cdef inline void load_weights(const Plan *p, const real **parts, real *weights) noexcept nogil:
    """Copy wxh, whh, why, bh and by into the flat vector, whose padding is 0."""
    copy_rows(p.vocabulary, p.hidden, parts[0], p.hidden, weights + p.wxh, p.hidden_row)
    copy_rows(p.hidden, p.hidden, parts[1], p.hidden, weights + p.whh, p.hidden_row)
    copy_rows(p.hidden, p.vocabulary, parts[2], p.vocabulary, weights + p.why, p.vocabulary)
    copy_rows(1, p.hidden, parts[3], p.hidden, weights + p.bh, p.hidden)
    copy_rows(1, p.vocabulary, parts[4], p.vocabulary, weights + p.by, p.vocabulary)


cdef inline void load_states(const Plan *p, const real *h, real *scratch) noexcept nogil:
    """The first states of a window = h (N, H), with padding of 0."""
    copy_rows(p.streams, p.hidden, h, p.hidden, scratch + p.states, p.hidden_row)


cdef inline void store_states(
    const Plan *p, Py_ssize_t steps, const real *scratch, real *h
) noexcept nogil:
    """h (N, H) = the states after `steps` steps."""
    cdef const real *last = scratch + p.states + steps * p.streams * p.hidden_row
    copy_rows(p.streams, p.hidden, last, p.hidden_row, h, p.hidden)


cdef inline int forward(
    const Plan *p, Py_ssize_t steps, const real *weights, const int32_t *inputs, real *scratch
) except -1 nogil:
    """States and logits of `steps` steps, from the first states in scratch."""
    cdef const real *bias = weights + p.bh
    cdef const real *column
    cdef real *before
    cdef real *now
    cdef Py_ssize_t t, n, j, rows = p.streams
    for t in range(steps):
        before = scratch + p.states + t * rows * p.hidden_row
        now = before + rows * p.hidden_row
        for n in range(rows):
            column = weights + p.wxh + inputs[t * rows + n] * p.hidden_row
            for j in range(p.hidden_row):  # the padding of both is 0
                now[n * p.hidden_row + j] = column[j] + bias[j]
        rnn_step_forward(rows, p.hidden, p.hidden_row, before,
                         weights + p.whh, p.hidden_row, now)
        if p.poll_steps <= p.steps and t % p.poll_steps == 0:  # a division, for large networks
            poll_signals()
    polled_product(steps * rows, p.vocabulary, p.hidden,
                   scratch + p.states + rows * p.hidden_row, p.hidden_row, 1,
                   weights + p.why, p.vocabulary, scratch + p.logits, p.vocabulary_row,
                   START_BIAS, weights + p.by)
    return 0


cdef inline double losses(const Plan *p, const int32_t *targets, real *scratch) noexcept nogil:
    """Cross-entropy summed over steps, mean over streams; logits become their gradient."""
    cdef real scale = <real>1 / <real>p.streams
    cdef double total = 0
    cdef double loss[BLOCK]
    cdef Py_ssize_t label[BLOCK]
    cdef real *block = scratch + p.logits
    cdef Py_ssize_t i = 0, j, rows
    while i < p.steps * p.streams:
        rows = min(<Py_ssize_t>BLOCK, p.steps * p.streams - i)
        for j in range(rows):
            label[j] = targets[i + j]
        softmax_cross_entropy_block(
            block, block, label, rows, p.vocabulary, p.vocabulary_row, scale, loss)
        for j in range(rows):
            total += loss[j]
        block += rows * p.vocabulary_row
        i += rows
    return total / p.streams


cdef inline int backward_through_time(
    const Plan *p, const real *weights, real *scratch
) except -1 nogil:
    """dz of all steps, from the gradient of the logits."""
    cdef Py_ssize_t t, rows = p.streams, block = p.streams * p.hidden_row
    cdef real *transposed = scratch + p.transposed
    cdef real *dz = scratch + p.dz
    transpose(p.hidden, p.vocabulary, weights + p.why, p.vocabulary, transposed, p.transposed_row)
    polled_product(p.steps * rows, p.hidden_row, p.vocabulary,
                   scratch + p.logits, p.vocabulary_row, 1, transposed, p.transposed_row,
                   dz, p.hidden_row, START_ZERO, <const real *>NULL)
    transpose(p.hidden, p.hidden, weights + p.whh, p.hidden_row, transposed, p.transposed_row)
    for t in range(p.steps - 1, -1, -1):
        rnn_step_backward(rows, p.hidden, p.hidden_row, dz + t * block,
                          scratch + p.states + (t + 1) * block, transposed, p.transposed_row,
                          dz + (t - 1) * block if t > 0 else NULL, True)
        if p.poll_steps <= p.steps and t % p.poll_steps == 0:  # a division, for large networks
            poll_signals()
    return 0


cdef inline void input_gradient(
    const Plan *p, const int32_t *inputs, const real *dz, Rows *rows, real *dwxh
) noexcept nogil:
    """dwxh = x.T @ dz: x is one-hot, so rows of dz are added. Lists those rows.

    On entry dwxh is 0 except in the listed rows, which are those of the previous window.
    """
    cdef real *into
    cdef Py_ssize_t i, j
    for i in range(rows.count):
        rows.listed[rows.ids[i]] = 0
        memset(dwxh + rows.ids[i] * p.hidden_row, 0, p.hidden_row * sizeof(real))
    rows.count = 0
    for i in range(p.steps * p.streams):
        if not rows.listed[inputs[i]]:
            rows.listed[inputs[i]] = 1
            rows.ids[rows.count] = inputs[i]
            rows.count += 1
        into = dwxh + inputs[i] * p.hidden_row
        for j in range(p.hidden_row):
            into[j] += dz[i * p.hidden_row + j]


cdef inline int weight_gradients(
    const Plan *p, const int32_t *inputs, const real *scratch, Rows *rows, real *gradient
) except -1 nogil:
    cdef Py_ssize_t n = p.steps * p.streams
    cdef const real *before = scratch + p.states
    cdef const real *after = before + p.streams * p.hidden_row
    cdef const real *dlogits = scratch + p.logits
    cdef const real *dz = scratch + p.dz
    polled_product(p.hidden, p.hidden_row, n, before, 1, p.hidden_row, dz, p.hidden_row,
                   gradient + p.whh, p.hidden_row, START_ZERO, <const real *>NULL)
    polled_product(p.hidden, p.vocabulary, n, after, 1, p.hidden_row, dlogits, p.vocabulary_row,
                   gradient + p.why, p.vocabulary, START_ZERO, <const real *>NULL)
    column_sums(n, p.hidden, dz, p.hidden_row, gradient + p.bh)
    column_sums(n, p.vocabulary, dlogits, p.vocabulary_row, gradient + p.by)
    input_gradient(p, inputs, dz, rows, gradient + p.wxh)
    return 0


cdef inline int gradients(
    const Plan *p, const real *weights, const int32_t *inputs, const int32_t *targets,
    real *scratch, Rows *rows, real *gradient, double *loss,
) except -1 nogil:
    """Loss and flat gradient of one window that starts from the states in scratch."""
    forward(p, p.steps, weights, inputs, scratch)
    loss[0] = losses(p, targets, scratch)
    backward_through_time(p, weights, scratch)
    weight_gradients(p, inputs, scratch, rows, gradient)
    return 0


cdef inline void update(
    const Plan *p, const Rule *rule, double clip_norm_at, const Rows *rows,
    real *weights, real *gradient, real **slots, long long step,
) noexcept nogil:
    """Clip the gradient's norm, unless the limit is 0, and take one optimizer step."""
    cdef Py_ssize_t i, at
    if clip_norm_at > 0:
        clip_by_norm(gradient, p.parameters, clip_norm_at)
    if not skips_zeros(rule):
        optimizer_step(rule, weights, gradient, slots, 0, p.parameters, step)
        return
    for i in range(rows.count):
        at = p.wxh + rows.ids[i] * p.hidden_row
        optimizer_step(rule, weights + at, gradient + at, slots, at, p.hidden_row, step)
    at = p.whh
    optimizer_step(rule, weights + at, gradient + at, slots, at, p.parameters - at, step)


cdef struct Text:
    const uint8_t *narrow   # ids of one byte each, or NULL
    const uint16_t *wide    # ids of two bytes each, or NULL
    Py_ssize_t length       # ids in a stream
    Py_ssize_t stride       # from a stream's first id to the next stream's


cdef inline int32_t text_id(const Text *text, Py_ssize_t i) noexcept nogil:
    return nn_once_u8(text.narrow + i) if text.narrow != NULL else nn_once_u16(text.wide + i)


cdef inline int window(
    const Plan *p, const Text *text, Py_ssize_t position, Py_ssize_t steps, int32_t *ids
) except -1 nogil:
    """ids (steps, N) = `steps` ids of each stream from `position`."""
    cdef Py_ssize_t t, n
    cdef int32_t i
    for t in range(steps):
        for n in range(p.streams):
            i = text_id(text, n * text.stride + position + t)
            if i >= p.vocabulary:
                with gil:
                    raise IndexError(f"text has id {i}, expected 0 to {p.vocabulary - 1}")
            ids[t * p.streams + n] = i
    return 0


cdef inline Py_ssize_t train(
    const Plan *p, Rule *rule, double clip_norm_at,
    real *weights, real *gradient, real **slots,
    const Text *text, long long *counters, long long *shown, real *h,
    const double *rates, double *losses_out, Py_ssize_t iterations,
    int32_t *ids, Rows *rows, real *scratch,
) except -1 nogil:
    """Run up to `iterations` windows; return their number.

    counters: iterations so far, and position in the streams; shown: the caller's array of them,
    which is written but never read. They, the weights and h change only at the end of an iteration,
    so after an exception or a non-finite loss, which ends the run early, the state is that after
    the last iteration.
    """
    cdef Py_ssize_t i, position
    memset(gradient, 0, p.parameters * sizeof(real))  # as input_gradient requires
    for i in range(iterations):
        position = counters[1]
        if not 0 <= position < text.length - p.steps - 1:
            position = 0
            memset(h, 0, p.streams * p.hidden * sizeof(real))
        window(p, text, position, p.steps + 1, ids)
        load_states(p, h, scratch)
        gradients(p, weights, ids, ids + p.streams, scratch, rows, gradient, losses_out + i)
        if not isfinite(losses_out[i]):
            return i
        rule.learning_rate = rates[i]
        update(p, rule, clip_norm_at, rows, weights, gradient, slots, counters[0] + 1)
        store_states(p, p.steps, scratch, h)
        counters[0] += 1
        counters[1] = position + p.steps
        shown[0], shown[1] = counters[0], counters[1]
    return iterations


cdef inline int evaluate(
    const Plan *p, const real *weights, const Text *text, real *h, int32_t *ids, real *scratch,
    double *nats,
) except -1 nogil:
    """Add to nats the cross-entropy of each id after the first; h moves on through the text."""
    cdef Py_ssize_t position = 0, steps, i
    while position < text.length - 1:
        steps = min(p.steps, text.length - 1 - position)
        window(p, text, position, steps + 1, ids)
        load_states(p, h, scratch)
        forward(p, steps, weights, ids, scratch)
        for i in range(steps * p.streams):
            nats[0] += row_cross_entropy(scratch + p.logits + i * p.vocabulary_row,
                                         ids[p.streams + i], p.vocabulary)
        store_states(p, steps, scratch, h)
        position += steps
        poll_signals()
    return 0


cdef inline int sample(
    const Plan *p, const real *weights, real *h, int32_t last, const double *uniforms,
    Py_ssize_t n, const SamplingOptions *how, int32_t *ids, Candidate *candidates, real *scratch,
) except -1 nogil:
    """Draw n ids, one from each uniform number, each the input after the one before it."""
    cdef Py_ssize_t i
    for i in range(n):
        load_states(p, h, scratch)
        forward(p, 1, weights, &last, scratch)
        store_states(p, 1, scratch, h)
        last = choose(scratch + p.logits, p.vocabulary, how, uniforms[i], candidates)
        ids[i] = last
    return 0

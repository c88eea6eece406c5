# cython: cdivision=True
"""The character RNN over raw pointers: N streams of T steps, a stack of layers, and logits.

    logits[t] = h[t] @ why + by        h[t]: the outputs of the last layer in step t

Logits, their gradients and the weight gradients are computed for all T * N rows at once. Rows have
the order (t, n): row t * N + n belongs to step t of stream n. `window` copies the ids of an update
from the text.
"""
from libc.math cimport isfinite
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memset

from nncore._core.ops.linear cimport column_sums, polled_product
from nncore._core.ops.losses cimport BLOCK, row_cross_entropy, softmax_cross_entropy_block
from nncore._core.ops.once cimport nn_once_u8, nn_once_u16
from nncore._core.ops.optimizers cimport Rule, clip_by_norm, optimizer_step, skips_zeros
from nncore._core.ops.real cimport START_BIAS, START_ZERO, real, reserve, transpose
from nncore._core.ops.sampling cimport Candidate, SamplingOptions, choose
from nncore._core.ops.signals cimport poll_after, poll_signals
from nncore._core.recurrent.stack cimport (
    MOST_RECURRENT_LAYERS, RecurrentLayer, Stack, Steps, load_state, plan_gradients, plan_stack,
    plan_states, stack_backward, stack_forward, stack_gradient, store_state,
)
from nncore._core.recurrent.step cimport Cell

cdef struct Plan:
    Stack stack
    Py_ssize_t streams, steps, vocabulary  # N, T, V
    Py_ssize_t logits, scratch             # an offset in scratch, and its length


cdef struct Rows:     # the rows of the first wxh that a window reads; no other has a gradient
    int32_t *ids
    int32_t *listed   # for each id of the vocabulary, whether it is in ids
    Py_ssize_t count


cdef inline Plan make_plan(
    Cell cell, Py_ssize_t vocabulary, Py_ssize_t hidden, Py_ssize_t layers
) noexcept nogil:
    """The parameters of a network; `plan_windows` completes it."""
    cdef Plan p
    cdef long long[MOST_RECURRENT_LAYERS] sizes
    cdef Py_ssize_t i
    for i in range(layers):
        sizes[i] = hidden
    plan_stack(&p.stack, cell, vocabulary, sizes, layers, vocabulary)
    p.vocabulary = vocabulary
    return p


cdef inline void plan_windows(
    Plan *p, Py_ssize_t streams, Py_ssize_t steps, double dropout, bint training
) noexcept nogil:
    """Set the offsets in scratch for windows of a number of steps."""
    cdef Py_ssize_t i, rows = streams * steps
    p.streams, p.steps, p.scratch = streams, steps, 0
    plan_states(&p.stack, streams, rows, &p.scratch)
    for i in range(p.stack.layers - 1):
        p.stack.layer[i].dropout = dropout
    if training:
        plan_gradients(&p.stack, &p.scratch)
    p.logits = reserve(&p.scratch, rows * p.stack.output_row)


cdef inline const RecurrentLayer *last_layer(const Plan *p) noexcept nogil:
    return &p.stack.layer[p.stack.layers - 1]


cdef inline void load_states(const Plan *p, const real *states, real *scratch) noexcept nogil:
    """The first states of a window = states (N, S)."""
    cdef Py_ssize_t n
    if p.stack.states == 0:  # a loop over the streams could have 2^59 iterations
        return
    for n in range(p.streams):
        load_state(&p.stack, n, states + n * p.stack.states, scratch)


cdef inline void store_states(
    const Plan *p, Py_ssize_t steps, const real *scratch, real *states
) noexcept nogil:
    """states (N, S) = the states after `steps` steps."""
    cdef Py_ssize_t n
    if p.stack.states == 0:  # as above
        return
    for n in range(p.streams):
        store_state(&p.stack, steps * p.streams + n, scratch, states + n * p.stack.states)


cdef inline int forward(
    const Plan *p, const Steps *at, const real *weights, const int32_t *inputs,
    uint64_t seed, uint64_t step, real *scratch,
) except -1 nogil:
    """States and logits of all steps, from the first states in scratch."""
    cdef const RecurrentLayer *last = last_layer(p)
    stack_forward(&p.stack, at, weights, <const real *>NULL, inputs, seed, step, scratch)
    polled_product(at.first[at.count], p.vocabulary, last.cell.hidden,
                   scratch + last.kept, last.cell.row, 1,
                   weights + p.stack.why, p.vocabulary, scratch + p.logits, p.stack.output_row,
                   START_BIAS, weights + p.stack.by)
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
            block, block, label, rows, p.vocabulary, p.stack.output_row, scale, loss)
        for j in range(rows):
            total += loss[j]
        block += rows * p.stack.output_row
        i += rows
    return total / p.streams


cdef inline int backward_through_time(
    const Plan *p, const Steps *at, const real *weights, uint64_t seed, uint64_t step,
    real *scratch,
) except -1 nogil:
    """The gates' derivatives in all layers, from the gradient of the logits."""
    cdef const RecurrentLayer *last = last_layer(p)
    cdef real *transposed = scratch + last.transposed
    transpose(last.cell.hidden, p.vocabulary, weights + p.stack.why, p.vocabulary,
              transposed, last.transposed_row)
    polled_product(p.steps * p.streams, last.cell.row, p.vocabulary,
                   scratch + p.logits, p.stack.output_row, 1, transposed, last.transposed_row,
                   scratch + last.dh + p.streams * last.cell.row, last.cell.row,
                   START_ZERO, <const real *>NULL)
    stack_backward(&p.stack, at, weights, seed, step, scratch)
    return 0


cdef inline void input_gradient(
    const Plan *p, const int32_t *inputs, const real *scratch, Rows *rows, real *gradient
) noexcept nogil:
    """The gradient of the first wxh: x is one-hot, so rows are added. Lists those rows.

    On entry it is 0 except in the listed rows, which are those of the previous window.
    """
    cdef const RecurrentLayer *layer = &p.stack.layer[0]
    cdef Py_ssize_t i, j, row = layer.cell.gates_row
    cdef const real *dgates = scratch + layer.dgates
    cdef real *dwxh = gradient + layer.wxh
    cdef real *into
    for i in range(rows.count):
        rows.listed[rows.ids[i]] = 0
        memset(dwxh + rows.ids[i] * row, 0, row * sizeof(real))
    rows.count = 0
    for i in range(p.steps * p.streams):
        if not rows.listed[inputs[i]]:
            rows.listed[inputs[i]] = 1
            rows.ids[rows.count] = inputs[i]
            rows.count += 1
        into = dwxh + inputs[i] * row
        for j in range(layer.cell.width):
            into[j] += dgates[i * row + j]


cdef inline int weight_gradients(
    const Plan *p, const Steps *at, const int32_t *inputs, const real *scratch, Rows *rows,
    real *gradient,
) except -1 nogil:
    cdef const RecurrentLayer *last = last_layer(p)
    cdef Py_ssize_t n = p.steps * p.streams
    stack_gradient(&p.stack, at, <const real *>NULL, scratch, gradient)
    polled_product(last.cell.hidden, p.vocabulary, n, scratch + last.kept, 1, last.cell.row,
                   scratch + p.logits, p.stack.output_row, gradient + p.stack.why, p.vocabulary,
                   START_ZERO, <const real *>NULL)
    column_sums(n, p.vocabulary, scratch + p.logits, p.stack.output_row, gradient + p.stack.by)
    input_gradient(p, inputs, scratch, rows, gradient)
    return 0


cdef inline int gradients(
    const Plan *p, const Steps *at, const real *weights, const int32_t *inputs,
    const int32_t *targets, uint64_t seed, uint64_t step, real *scratch, Rows *rows,
    real *gradient, double *loss,
) except -1 nogil:
    """Loss and flat gradient of one window that starts from the states in scratch."""
    forward(p, at, weights, inputs, seed, step, scratch)
    loss[0] = losses(p, targets, scratch)
    backward_through_time(p, at, weights, seed, step, scratch)
    weight_gradients(p, at, inputs, scratch, rows, gradient)
    return 0


cdef inline void update(
    const Plan *p, const Rule *rule, double clip_norm_at, const Rows *rows,
    real *weights, real *gradient, real **slots, long long step,
) noexcept nogil:
    """Clip the gradient's norm, unless the limit is 0, and take one optimizer step."""
    cdef const RecurrentLayer *first = &p.stack.layer[0]
    cdef Py_ssize_t i, at
    if clip_norm_at > 0:
        clip_by_norm(gradient, p.stack.parameters, clip_norm_at)
    if not skips_zeros(rule):
        optimizer_step(rule, weights, gradient, slots, 0, p.stack.parameters, step)
        return
    for i in range(rows.count):
        at = first.wxh + rows.ids[i] * first.cell.gates_row
        optimizer_step(rule, weights + at, gradient + at, slots, at, first.cell.gates_row, step)
    at = first.whh
    optimizer_step(rule, weights + at, gradient + at, slots, at, p.stack.parameters - at, step)


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
    const Plan *p, const Steps *at, Rule *rule, double clip_norm_at, uint64_t seed,
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
    cdef double since_poll = 0  # operations
    memset(gradient, 0, p.stack.parameters * sizeof(real))  # as input_gradient requires
    for i in range(iterations):
        position = counters[1]
        if not 0 <= position < text.length - p.steps - 1:
            position = 0
            memset(h, 0, p.streams * p.stack.states * sizeof(real))
        window(p, text, position, p.steps + 1, ids)
        load_states(p, h, scratch)
        gradients(p, at, weights, ids, ids + p.streams, seed, counters[0], scratch, rows,
                  gradient, losses_out + i)
        if not isfinite(losses_out[i]):
            return i
        rule.learning_rate = rates[i]
        update(p, rule, clip_norm_at, rows, weights, gradient, slots, counters[0] + 1)
        store_states(p, p.steps, scratch, h)
        counters[0] += 1
        counters[1] = position + p.steps
        shown[0], shown[1] = counters[0], counters[1]
        poll_after(&since_poll, p.stack.row_flops * <double>(p.steps * p.streams)
                   + p.stack.update_flops)
    return iterations


cdef inline int evaluate(
    const Plan *p, Steps *at, const real *weights, const Text *text, real *h, int32_t *ids,
    real *scratch, double *nats,
) except -1 nogil:
    """Add to nats the cross-entropy of each id after the first; h moves on through the text."""
    cdef Py_ssize_t position = 0, steps, i
    while position < text.length - 1:
        at.count = steps = min(p.steps, text.length - 1 - position)
        window(p, text, position, steps + 1, ids)
        load_states(p, h, scratch)
        forward(p, at, weights, ids, 0, 0, scratch)
        for i in range(steps * p.streams):
            nats[0] += row_cross_entropy(scratch + p.logits + i * p.stack.output_row,
                                         ids[p.streams + i], p.vocabulary)
        store_states(p, steps, scratch, h)
        position += steps
        poll_signals()
    return 0


cdef inline int sample(
    const Plan *p, const Steps *at, const real *weights, real *h, int32_t last,
    const double *uniforms, Py_ssize_t n, const SamplingOptions *how, int32_t *ids,
    Candidate *candidates, real *scratch,
) except -1 nogil:
    """Draw n ids, one from each uniform number, each the input after the one before it."""
    cdef Py_ssize_t i
    for i in range(n):
        load_states(p, h, scratch)
        forward(p, at, weights, &last, 0, 0, scratch)
        store_states(p, 1, scratch, h)
        last = choose(scratch + p.logits, p.vocabulary, how, uniforms[i], candidates)
        ids[i] = last
    return 0

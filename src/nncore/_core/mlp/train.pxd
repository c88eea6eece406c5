# cython: cdivision=True
"""Training of a multi-layer perceptron over raw pointers: batch after batch, epoch after epoch."""
from libc.math cimport isfinite
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from nncore._core.mlp.entries cimport Entries, clear_entries, take_row, take_rows
from nncore._core.mlp.gradients cimport gradients, penalise, square_penalty
from nncore._core.mlp.narrow cimport (
    is_narrow, is_narrow_online, load_weights, narrow_gradients, narrow_update, store_weights,
)
from nncore._core.mlp.online cimport is_online, online_update
from nncore._core.mlp.plan cimport MOST_LAYERS, Batch, Data, Objective, Plan
from nncore._core.ops.once cimport nn_once_size
from nncore._core.mlp.sparse_update cimport sparse_update, update_flops
from nncore._core.ops.optimizers cimport Rule, clip_by_norm, optimizer_step
from nncore._core.ops.random cimport hash_key, shuffle
from nncore._core.ops.real cimport real
from nncore._core.ops.signals cimport POLL_FLOPS, poll_signals

cdef enum:
    SHUFFLE = MOST_LAYERS  # a use of hash_key that no layer's dropout has


cdef inline const real *own_rows(const Data *data, const real *like) noexcept nogil:
    """x if it is of the network's dtype and can be read without a copy; otherwise NULL."""
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
    """The row of x at a position of the epoch."""
    return position - data.first if data.order == NULL else nn_once_size(data.order + position)


cdef inline int gather(
    const Plan *p, const Data *data, Py_ssize_t position, Py_ssize_t rows, Py_ssize_t *labels,
    real *scratch, Batch *batch,
) except -1 nogil:
    """Gather the rows of an epoch from `position` on, unless they are contiguous already.

    Sparse rows go to the batch's entries.
    """
    cdef Py_ssize_t inputs = p.layer[0].inputs, outputs = p.layer[p.layers - 1].outputs, i, j
    cdef Py_ssize_t label, first = row_at(data, position), at = first
    cdef bint together = data.order == NULL or rows == 1
    cdef const real *own = own_rows(data, scratch)
    cdef const real *y = <const real *>data.y
    cdef const real *weight = <const real *>data.weight
    cdef real *fraction = scratch + p.fraction
    batch.rows, batch.weight, batch.labels, batch.fraction = rows, <double>rows, labels, NULL
    batch.x = own + first * inputs if own != NULL and together else scratch + p.x
    batch.y = y + first * outputs if together else scratch + p.y
    if data.sparse != NULL:
        batch.x = NULL
        clear_entries(batch.entries)
        if data.order == NULL and 0 <= first <= data.rows - rows:
            take_rows(data.sparse, first, rows, <Py_ssize_t>1 << 62, batch.entries, scratch)
    if together and labels == NULL and own != NULL and weight == NULL and data.order == NULL:
        return 0  # nothing to check or to copy
    for i in range(rows):
        if i > 0:
            at = row_at(data, position + i)
        if not 0 <= at < data.rows:
            with gil:
                raise IndexError(f"order has {at}, expected 0 to {data.rows - 1}")
        if data.sparse != NULL and data.order == NULL:
            pass  # already at its place
        elif data.sparse != NULL:
            take_row(data.sparse, at, batch.entries, scratch)
        elif own == NULL or not together:
            copy_inputs(data, at, inputs, scratch + p.x + i * inputs)
        if labels != NULL:
            label = nn_once_size(data.labels + at)
            if not 0 <= label < outputs:
                with gil:
                    raise IndexError(f"y has {label}, expected 0 to {outputs - 1}")
            labels[i] = label
        elif not together:
            for j in range(outputs):
                scratch[p.y + i * outputs + j] = y[at * outputs + j]
        if weight != NULL:
            fraction[i] = weight[at]
    if weight != NULL:
        batch.fraction = fraction
        if data.mean_weight == 0:
            batch.weight = normalise(fraction, rows)
        else:
            batch.weight = data.mean_weight * <double>rows
            divide(fraction, rows, batch.weight)
    return 0


cdef inline double normalise(real *fraction, Py_ssize_t n) noexcept nogil:
    """Divide by the sum unless it is 0; return the sum."""
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n):
        total += <double>fraction[i]
    divide(fraction, n, total if total != 0 else 1)
    return total


cdef inline void divide(real *x, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = <real>(<double>x[i] / by)


cdef struct Training:
    # The arguments of one call of `train`. Pointers to void are to numbers of the network's dtype.
    const Plan *plan
    const Objective *objective
    const Data *data
    Rule *rule
    double clip_norm     # 0 for none
    uint64_t seed
    void *weights
    void *gradient
    void **slots         # of the optimizer
    long long *counters  # updates, updates of this optimizer, rows of this epoch so far, epochs
    long long *shown     # the caller's array of them, which is written but never read
    const double *rates
    double *losses
    double *penalties    # or NULL
    Py_ssize_t updates
    Py_ssize_t *labels
    Entries *entries     # of a batch of sparse rows, otherwise NULL
    void *scratch


cdef inline Py_ssize_t train(const Training *t, real *weights) except -1 nogil:
    """Run up to `updates` mini-batches; return their number.

    weights: those of t, for their dtype. They and the counters change only at the end of an
    update, so after an exception or a non-finite objective, which ends the run early, the state is
    that after the last update.
    """
    cdef const Plan *p = t.plan
    cdef bint online = is_online(p, t.objective, t.rule, t.clip_norm, t.data)
    cdef bint narrow = online and is_narrow_online(p, t.objective, t.data, weights)
    cdef real *gradient = <real *>t.gradient
    cdef real *scratch = <real *>t.scratch
    cdef Batch batch
    cdef Py_ssize_t start
    batch.entries = t.entries
    batch.deferred = t.entries != NULL and not online and t.clip_norm == 0
    start = p.layer[0].b if batch.deferred else 0
    memset(gradient + start, 0, (p.parameters - start) * sizeof(real))  # the gaps stay 0
    if narrow:
        load_weights(p, weights, scratch)
    try:
        return run_updates(t, weights, online, narrow, &batch)
    finally:
        memcpy(t.shown, t.counters, 4 * sizeof(long long))
        if narrow:
            store_weights(p, scratch, weights)


cdef inline Py_ssize_t run_updates(
    const Training *t, real *weights, bint online, bint narrow, Batch *batch
) except -1 nogil:
    """The updates of `train`; a narrow run uses the weights in scratch."""
    cdef const Plan *p = t.plan
    cdef const Objective *o = t.objective
    cdef long long *counters = t.counters
    cdef real *scratch = <real *>t.scratch
    cdef Data epoch = t.data[0]
    cdef Py_ssize_t i
    cdef double since_poll = 0, penalty = 0, loss
    for i in range(t.updates):
        if counters[2] == 0 and epoch.shuffled:
            shuffle(epoch.order, epoch.epoch_rows, hash_key(t.seed, counters[3], SHUFFLE))
        gather(p, &epoch, counters[2], min(epoch.batch_size, epoch.epoch_rows - counters[2]),
               t.labels, scratch, batch)
        loss = batch_loss(t, weights, t.rates[i], online, narrow, batch)
        if o.l1 > 0 or o.l2 > 0 or o.alpha > 0:
            penalty = penalise(p, o, batch.weight, weights, <real *>t.gradient, batch.deferred)
            loss += penalty
        t.losses[i] = loss
        if t.penalties != NULL:
            t.penalties[i] = penalty
        if not isfinite(loss):
            return i
        if not online:
            update(t, weights, t.rates[i], batch)
        count_update(counters, batch.rows, &epoch)
        since_poll += (p.flops * <double>batch.rows if batch.entries == NULL
                       else update_flops(p, o, t.rule, batch.entries))
        if since_poll > POLL_FLOPS:  # also after every update that polls signals itself
            since_poll = 0
            if narrow:
                store_weights(p, scratch, weights)  # a signal handler may read them
            memcpy(t.shown, counters, 4 * sizeof(long long))
            poll_signals()
    return t.updates


cdef inline double batch_loss(
    const Training *t, real *weights, double rate, bint online, bint narrow, Batch *batch
) except? -1 nogil:
    """The loss of a batch; its gradient is stored or, if online, already applied."""
    cdef const Plan *p = t.plan
    cdef const Objective *o = t.objective
    cdef real *scratch = <real *>t.scratch
    cdef real *gradient = <real *>t.gradient
    if narrow:
        return narrow_update(p, o, batch, <real>rate, scratch)
    if online:
        return online_update(p, o, batch, <real>rate, weights, scratch)
    if is_narrow(p, o, batch, weights):
        return narrow_gradients(p, o, batch, weights, scratch, gradient)
    return gradients(p, o, batch, weights, t.seed, t.counters[0], scratch, gradient)


cdef inline void update(
    const Training *t, real *weights, double rate, const Batch *batch
) noexcept nogil:
    """Update the weights by the gradient of a batch."""
    cdef const Plan *p = t.plan
    cdef real *gradient = <real *>t.gradient
    cdef real **slots = <real **>t.slots
    if t.clip_norm > 0:
        clip_by_norm(gradient, p.parameters, t.clip_norm)
    t.rule.learning_rate = rate
    if batch.deferred:
        sparse_update(p, t.objective, t.rule, batch, square_penalty(t.objective, batch.weight),
                      weights, gradient, slots, t.counters[1] + 1, <real *>t.scratch)
    else:
        optimizer_step(t.rule, weights, gradient, slots, 0, p.parameters, t.counters[1] + 1)


cdef inline void count_update(long long *counters, Py_ssize_t rows, Data *epoch) noexcept nogil:
    """Count an update; at the end of an epoch, move on to the order of the next one."""
    counters[2] += rows
    if counters[2] >= epoch.epoch_rows:
        counters[2] = 0
        counters[3] += 1
        if epoch.order != NULL and not epoch.shuffled:
            epoch.order += epoch.epoch_rows
    counters[0] += 1
    counters[1] += 1

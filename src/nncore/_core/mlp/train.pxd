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
    SHUFFLE = MOST_LAYERS  # the use of hash_key that is not a layer's dropout


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
    return position - data.first if data.order == NULL else nn_once_size(data.order + position)


cdef inline int gather(
    const Plan *p, const Data *data, Py_ssize_t position, Py_ssize_t rows, Py_ssize_t *labels,
    real *scratch, Batch *batch,
) except -1 nogil:
    """Bring the rows of an epoch from `position` on together, but for what is together already.

    Sparse rows go to the batch's entries.
    """
    cdef Py_ssize_t inputs = p.layer[0].inputs, outputs = p.layer[p.layers - 1].outputs, i, j
    cdef Py_ssize_t label, first = row_at(data, position), at = first
    cdef bint together = data.order == NULL or rows == 1
    cdef const real *own = own_rows(data, scratch)
    cdef const real *y = <const real *>data.y
    cdef const real *weight = <const real *>data.weight
    cdef real *share = scratch + p.share
    batch.rows, batch.weight, batch.labels, batch.share = rows, <double>rows, labels, NULL
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
                raise IndexError(f"order has {at}, wanted 0 to {data.rows - 1}")
        if data.sparse != NULL and data.order == NULL:
            pass  # there already
        elif data.sparse != NULL:
            take_row(data.sparse, at, batch.entries, scratch)
        elif own == NULL or not together:
            copy_inputs(data, at, inputs, scratch + p.x + i * inputs)
        if labels != NULL:
            label = nn_once_size(data.labels + at)
            if not 0 <= label < outputs:
                with gil:
                    raise IndexError(f"y has {label}, wanted 0 to {outputs - 1}")
            labels[i] = label
        elif not together:
            for j in range(outputs):
                scratch[p.y + i * outputs + j] = y[at * outputs + j]
        if weight != NULL:
            share[i] = weight[at]
    if weight != NULL:
        batch.share = share
        if data.mean_weight == 0:
            batch.weight = normalise(share, rows)
        else:
            batch.weight = data.mean_weight * <double>rows
            divide(share, rows, batch.weight)
    return 0


cdef inline double normalise(real *share, Py_ssize_t n) noexcept nogil:
    """Divide by the sum, where that is not 0; returns it."""
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n):
        total += <double>share[i]
    divide(share, n, total if total != 0 else 1)
    return total


cdef inline void divide(real *x, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = <real>(<double>x[i] / by)


cdef inline Py_ssize_t train(
    const Plan *p, const Objective *o, Rule *rule, double clip_norm_at, uint64_t seed,
    const Data *data, real *weights, real *gradient, real **slots,
    long long *counters, long long *shown, const double *rates, double *losses,
    double *penalties, Py_ssize_t updates, Py_ssize_t *labels, Entries *entries, real *scratch,
) except -1 nogil:
    """Run up to `updates` mini-batches; return how many were run.

    counters: updates so far, updates of this optimizer, rows visited of this epoch, epochs; shown:
    the caller's array of them, which is written and never read. They and the weights change only at
    the end of an update, so an exception or an objective that is not finite (which ends the run
    early) leaves the state of a step boundary.
    """
    cdef bint online = is_online(p, o, rule, clip_norm_at, data)
    cdef bint narrow = online and is_narrow_online(p, o, data, weights)
    cdef Batch batch
    cdef Py_ssize_t start
    batch.entries = entries
    batch.deferred = entries != NULL and not online and clip_norm_at == 0
    start = p.layer[0].b if batch.deferred else 0
    memset(gradient + start, 0, (p.parameters - start) * sizeof(real))  # the gaps stay 0
    if narrow:
        load_weights(p, weights, scratch)
    try:
        return run_updates(p, o, rule, clip_norm_at, seed, data, weights, gradient, slots,
                           counters, shown, rates, losses, penalties, updates, labels, scratch,
                           online, narrow, &batch)
    finally:
        memcpy(shown, counters, 4 * sizeof(long long))
        if narrow:
            store_weights(p, scratch, weights)


cdef inline Py_ssize_t run_updates(
    const Plan *p, const Objective *o, Rule *rule, double clip_norm_at, uint64_t seed,
    const Data *data, real *weights, real *gradient, real **slots,
    long long *counters, long long *shown, const double *rates, double *losses,
    double *penalties, Py_ssize_t updates, Py_ssize_t *labels, real *scratch, bint online,
    bint narrow, Batch *batch,
) except -1 nogil:
    """The updates of `train`; the weights of a narrow run are those in scratch."""
    cdef Py_ssize_t i, rows, position = counters[2]
    cdef Data epoch = data[0]
    cdef double since_poll = 0, penalty = 0
    cdef bint penalised = o.l1 > 0 or o.l2 > 0 or o.alpha > 0
    for i in range(updates):
        rows = min(data.batch_size, data.epoch_rows - position)
        if position == 0 and data.shuffled:
            shuffle(data.order, data.epoch_rows, hash_key(seed, counters[3], SHUFFLE))
        gather(p, &epoch, position, rows, labels, scratch, batch)
        if narrow:
            losses[i] = narrow_update(p, o, batch, <real>rates[i], scratch)
        elif online:
            losses[i] = online_update(p, o, batch, <real>rates[i], weights, scratch)
        elif is_narrow(p, o, batch, weights):
            losses[i] = narrow_gradients(p, o, batch, weights, scratch, gradient)
        else:
            losses[i] = gradients(p, o, batch, weights, seed, counters[0], scratch, gradient)
        if penalised:
            penalty = penalise(p, o, batch.weight, weights, gradient, batch.deferred)
            losses[i] += penalty
        if penalties != NULL:
            penalties[i] = penalty
        if not isfinite(losses[i]):
            return i
        if not online:
            if clip_norm_at > 0:
                clip_by_norm(gradient, p.parameters, clip_norm_at)
            rule.learning_rate = rates[i]
            if batch.deferred:
                sparse_update(p, o, rule, batch, square_penalty(o, batch.weight), weights, gradient,
                              slots, counters[1] + 1, scratch)
            else:
                optimizer_step(rule, weights, gradient, slots, 0, p.parameters, counters[1] + 1)
        position += rows
        if position >= data.epoch_rows:
            position = 0
            if data.order != NULL and not data.shuffled:
                epoch.order += data.epoch_rows  # the next epoch's
            counters[3] += 1
        counters[0] += 1
        counters[1] += 1
        counters[2] = position
        since_poll += (p.flops * <double>rows if batch.entries == NULL
                       else update_flops(p, o, rule, batch.entries))
        if since_poll > POLL_FLOPS:  # after every update of those within which signals are polled
            since_poll = 0
            if narrow:
                store_weights(p, scratch, weights)  # a signal's handler may look at them
            memcpy(shown, counters, 4 * sizeof(long long))
            poll_signals()
    return updates

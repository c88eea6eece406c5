# cython: cdivision=True
"""The end of an update of a block of networks: penalties, clipping, and the optimizer's step."""
from libc.math cimport sqrt
from libc.string cimport memset

from nncore._core.mlp.plan cimport Plan
from nncore._core.ops.optimizers cimport MAX_SLOTS, SGD, Rule, clipped, optimizer_step
from nncore._core.ops.real cimport real, transpose
from nncore._core.population.block cimport Block, Members, block_online
from nncore._core.population.dropout cimport MOST_LANES
from nncore._core.population.lanes cimport (
    lanes_fold_squares, lanes_penalty, lanes_scale, lanes_sizes, lanes_squares,
)


cdef inline void block_penalties(
    const Block *b, Py_ssize_t rows, real *scratch, double *loss
) noexcept nogil:
    """Add the penalties of the weights to the losses, and their gradient to g, as `penalise`."""
    cdef const Plan *p = b.all.plan
    cdef const double *l1 = b.all.penalty
    cdef const double *l2 = l1 + b.all.members
    cdef const double *alpha = l2 + b.all.members
    cdef double[MOST_LANES] square, size, penalty, sums_of
    cdef double[16 * MOST_LANES] sums
    cdef real[MOST_LANES] square_of, l1_of
    cdef Py_ssize_t i, lane, n, at = 0
    for lane in range(b.lanes):
        penalty[lane] = 0
        square[lane] = l2[b.member[lane]] + alpha[b.member[lane]] / <double>rows
        square_of[lane], l1_of[lane] = <real>square[lane], <real>l1[b.member[lane]]
    for i in range(p.layers):
        n = p.layer[i].inputs * p.layer[i].outputs
        memset(sums, 0, 16 * b.lanes * sizeof(double))
        memset(size, 0, b.lanes * sizeof(double))
        lanes_squares(b.lanes, n, scratch + b.w + at, sums)
        lanes_fold_squares(b.lanes, sums, sums_of)
        lanes_sizes(b.lanes, n, scratch + b.w + at, size)
        for lane in range(b.lanes):
            if square[lane] > 0:
                penalty[lane] += 0.5 * square[lane] * sums_of[lane]
            if l1[b.member[lane]] > 0:
                penalty[lane] += l1[b.member[lane]] * size[lane]
        lanes_penalty(b.lanes, n, scratch + b.w + at, square_of, l1_of, scratch + b.g + at)
        at += (n + p.layer[i].outputs) * b.lanes
    for lane in range(b.lanes):
        loss[lane] += penalty[lane]


cdef inline void block_clip(const Block *b, real *scratch) noexcept nogil:
    """Scale each member's gradient to a norm of at most clip_norm, as `clip_by_norm`."""
    cdef const Plan *p = b.all.plan
    cdef double[16 * MOST_LANES] sums
    cdef double[MOST_LANES] square
    cdef double norm
    cdef real *factor = scratch + b.factor
    cdef Py_ssize_t i, lane, n, at = b.g
    memset(sums, 0, 16 * b.lanes * sizeof(double))
    for i in range(p.layers):  # each parameter starts at a multiple of 16 in a member's vector
        n = p.layer[i].inputs * p.layer[i].outputs
        lanes_squares(b.lanes, n, scratch + at, sums)
        at += n * b.lanes
        lanes_squares(b.lanes, p.layer[i].outputs, scratch + at, sums)
        at += p.layer[i].outputs * b.lanes
    lanes_fold_squares(b.lanes, sums, square)
    for lane in range(b.lanes):
        norm = sqrt(square[lane])
        factor[lane] = <real>(b.all.clip_norm / norm) if norm > b.all.clip_norm else 1
    lanes_scale(b.lanes, b.all.parameters, factor, scratch + b.g)


cdef inline bint same_rates(const Block *b, const double *rates) noexcept nogil:
    cdef Py_ssize_t lane
    cdef int differ = 0
    for lane in range(b.lanes):
        differ |= rates[lane] != rates[0]
    return not differ


cdef inline void block_update(
    const Block *b, const double *rates, long long step, real *scratch
) noexcept nogil:
    """One step of the optimizer for all members, with the rate of each lane."""
    cdef const Members *m = b.all
    cdef Rule rule = m.rule[0]
    cdef real *slots[MAX_SLOTS]
    cdef real *rate = scratch + b.rate
    cdef real *w = scratch + b.w
    cdef real *g = scratch + b.g
    cdef real limit = <real>rule.clip_value
    cdef Py_ssize_t j, k, lane, size = m.parameters * b.lanes
    if same_rates(b, rates):
        rule.learning_rate = rates[0]
        for k in range(m.slots):
            slots[k] = scratch + b.slots + k * size
        optimizer_step(&rule, w, <const real *>g, slots, 0, size, step)
    elif rule.kind == SGD:
        for j in range(m.parameters):
            for lane in range(b.lanes):
                w[j * b.lanes + lane] -= rate[lane] * clipped(g[j * b.lanes + lane], limit)
    else:
        update_one_by_one(b, &rule, rates, step, scratch)


cdef inline void update_one_by_one(
    const Block *b, Rule *rule, const double *rates, long long step, real *scratch
) noexcept nogil:
    """The optimizer's step of one member after the other, each with its learning rate."""
    cdef const Members *m = b.all
    cdef Py_ssize_t n = m.parameters, size = n * b.lanes, k, lane
    cdef real *slots[MAX_SLOTS]
    cdef real *major = scratch + b.major
    transpose(n, b.lanes, <const real *>scratch + b.w, b.lanes, major, n)
    transpose(n, b.lanes, <const real *>scratch + b.g, b.lanes, major + size, n)
    for k in range(m.slots):
        transpose(n, b.lanes, <const real *>scratch + b.slots + k * size, b.lanes,
                  major + (2 + k) * size, n)
    for lane in range(b.lanes):
        rule.learning_rate = rates[lane]
        for k in range(m.slots):
            slots[k] = major + (2 + k) * size + lane * n
        optimizer_step(rule, major + lane * n, <const real *>major + size + lane * n, slots, 0, n,
                       step)
    transpose(b.lanes, n, <const real *>major, n, scratch + b.w, b.lanes)
    for k in range(m.slots):
        transpose(b.lanes, n, <const real *>major + (2 + k) * size, n,
                  scratch + b.slots + k * size, b.lanes)


cdef inline void block_step(
    const Block *b, const double *rates, long long step, real *scratch
) noexcept nogil:
    """Update the weights of all members by the gradient of a batch."""
    cdef Py_ssize_t lane
    for lane in range(b.lanes):
        scratch[b.rate + lane] = <real>rates[lane]
    if b.online:
        block_online(b, scratch)
        return
    if b.all.clip_norm > 0:
        block_clip(b, scratch)
    block_update(b, rates, step, scratch)

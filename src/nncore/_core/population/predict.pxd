# cython: cdivision=True
"""Outputs and losses of many networks of one architecture, a block of them at a time."""
from nncore._core.mlp.train cimport own_rows
from nncore._core.ops.real cimport real, transpose
from nncore._core.ops.signals cimport poll_after
from nncore._core.population.block cimport (
    Block, Members, block_forward, block_loss, fill_lanes,
)
from nncore._core.population.dropout cimport MOST_LANES
from nncore._core.population.lanes cimport lanes_take
from nncore._core.population.rows cimport draw_orders, gather_rows

cdef inline void load_inputs(
    const Block *b, Py_ssize_t first, Py_ssize_t rows, real *scratch
) noexcept nogil:
    """x of some rows: with lanes, or without them if all members read the same rows."""
    cdef const Members *m = b.all
    cdef Py_ssize_t inputs = m.plan.layer[0].inputs, r, lane, j
    cdef Py_ssize_t[MOST_LANES] at
    cdef const real *x = own_rows(m.data, <const real *>scratch)
    for r in range(rows):
        if b.shared:
            for j in range(inputs):
                scratch[b.x + r * inputs + j] = x[(first + r) * inputs + j]
            continue
        for lane in range(b.lanes):
            at[lane] = b.member[lane] * m.data.rows + first + r
        lanes_take(b.lanes, inputs, x, at, scratch + b.x + r * inputs * b.lanes)


cdef inline void store_outputs(
    const Block *b, Py_ssize_t first, Py_ssize_t rows, const real *scratch, real *y
) noexcept nogil:
    """y (M, N, O) = the outputs of some rows."""
    cdef const Members *m = b.all
    cdef Py_ssize_t n = m.plan.layer[m.plan.layers - 1].outputs
    cdef const real *a = scratch + b.a[m.plan.layers - 1]
    transpose(rows * n, b.count, a, b.lanes, y + (b.member[0] * m.data.rows + first) * n,
              m.data.rows * n)


cdef inline void load_members(Block *b, Py_ssize_t first, real *scratch) noexcept nogil:
    """Put the weights of the members from number `first` on into the lanes."""
    cdef const Members *m = b.all
    cdef Py_ssize_t lane
    b.count = min(<Py_ssize_t>b.lanes, m.members - first)
    for lane in range(b.lanes):
        b.member[lane] = first + (lane if lane < b.count else 0)
    fill_lanes(b, m.parameters, <const real *>m.weights, m.parameters, scratch + b.w)


cdef inline int predict_members(const Members *m, Block *b, real *scratch, real *y) except -1 nogil:
    """y (M, N, O) = the outputs of all members for the N rows of data, or for N rows of each."""
    cdef Py_ssize_t first = 0, at, rows
    cdef double since_poll = 0
    while first < m.members:
        load_members(b, first, scratch)
        at = 0
        while at < m.data.rows:
            rows = min(b.rows, m.data.rows - at)
            load_inputs(b, at, rows, scratch)
            block_forward(b, rows, 0, scratch)
            store_outputs(b, at, rows, <const real *>scratch, y)
            poll_after(&since_poll, m.plan.flops * <double>(rows * b.lanes))
            at += rows
        first += b.count
    return 0


cdef inline int evaluate_members(
    const Members *m, Block *b, Py_ssize_t *labels, real *scratch, double *losses
) except -1 nogil:
    """losses (M,) = the mean losses of all members, each for the rows of its batch."""
    cdef Py_ssize_t first = 0, lane
    cdef double since_poll = 0
    cdef double[MOST_LANES] loss
    while first < m.members:
        load_members(b, first, scratch)
        draw_orders(b, 0)
        gather_rows(b, 0, b.rows, labels, scratch)
        block_forward(b, b.rows, 0, scratch)
        block_loss(b, b.rows, labels, scratch, loss)
        for lane in range(b.count):
            losses[first + lane] = loss[lane]
        poll_after(&since_poll, m.plan.flops * <double>(b.rows * b.lanes))
        first += b.count
    return 0

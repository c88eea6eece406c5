# cython: cdivision=True
"""The rows that the members of a block read: their orders, and the batches in the lanes."""
from libc.stdint cimport uint32_t

from nncore._core.mlp.plan cimport Data, Plan
from nncore._core.mlp.train cimport SHUFFLE, own_rows
from nncore._core.ops.once cimport nn_once_size
from nncore._core.ops.random cimport hash_key, shuffle
from nncore._core.ops.real cimport real
from nncore._core.population.block cimport Block, Members
from nncore._core.population.dropout cimport MOST_LANES
from nncore._core.population.lanes cimport lanes_take, lanes_take_packed


cdef inline void pack_rows(const Block *b, real *scratch) noexcept nogil:
    """Copy x and y row by row beside each other, for `lanes_take_packed`."""
    cdef const Data *data = b.all.data
    cdef const Plan *p = b.all.plan
    cdef const real *x = own_rows(data, <const real *>scratch)
    cdef const real *y = <const real *>data.y
    cdef Py_ssize_t inputs = p.layer[0].inputs, outputs = p.layer[p.layers - 1].outputs, i, j
    cdef real *row = scratch + b.packed
    if b.packed_row == 0:
        return
    for i in range(data.rows):
        for j in range(inputs):
            row[j] = x[i * inputs + j]
        if y != NULL:
            for j in range(outputs):
                row[inputs + j] = y[i * outputs + j]
        row += b.packed_row


cdef inline void draw_orders(const Block *b, long long epochs) noexcept nogil:
    """The rows of x in an epoch, after so many others of this call."""
    cdef const Members *m = b.all
    cdef const Py_ssize_t *rows
    cdef uint32_t *order = b.order
    cdef Py_ssize_t lane, member, i
    if b.shared:
        return
    for lane in range(b.lanes):
        member = b.member[lane]
        rows = NULL
        if m.rows != NULL:
            rows = m.rows + member * m.most_rows
        if m.shuffled:
            shuffle(order, b.epoch_rows,
                    hash_key(m.seeds[member], m.counters[4 * member + 3] + epochs, SHUFFLE))
            if rows != NULL:
                for i in range(b.epoch_rows):
                    order[i] = <uint32_t>rows[order[i]]
        else:
            for i in range(b.epoch_rows):
                order[i] = <uint32_t>rows[i]
        order += b.epoch_rows


cdef inline Py_ssize_t row_of(const Block *b, Py_ssize_t lane, Py_ssize_t position) noexcept nogil:
    """The row of x that the member in a lane has at a position of its epoch."""
    return position if b.shared else b.order[lane * b.epoch_rows + position]


cdef inline int gather_labels(
    const Block *b, const Py_ssize_t *at, Py_ssize_t *labels
) except -1 nogil:
    """labels (lanes,) = copies of those of the rows at[lane], which other threads can change."""
    cdef Py_ssize_t lane, label, outputs = b.all.plan.layer[b.all.plan.layers - 1].outputs
    for lane in range(b.lanes):
        label = nn_once_size(b.all.data.labels + at[lane])
        if not 0 <= label < outputs:
            with gil:
                raise IndexError(f"y has {label}, expected 0 to {outputs - 1}")
        labels[lane] = label
    return 0


cdef inline void gather_weights(
    const Block *b, const Py_ssize_t *at, double rows, real *fraction
) noexcept nogil:
    """fraction (lanes,) = the weights of the rows at[lane] in the mean over a batch."""
    cdef const real *weight = <const real *>b.all.weight
    cdef Py_ssize_t lane
    for lane in range(b.lanes):
        fraction[lane] = <real>(
            <double>weight[b.member[lane] * b.all.weight_row + at[lane]] / rows)


cdef inline int gather_rows(
    const Block *b, Py_ssize_t position, Py_ssize_t rows, Py_ssize_t *labels, real *scratch
) except -1 nogil:
    """x and y of a batch: with lanes, or without them if all members read the same rows.

    labels (rows, lanes)
    """
    cdef const Data *data = b.all.data
    cdef const Plan *p = b.all.plan
    cdef Py_ssize_t inputs = p.layer[0].inputs, outputs = 0, r, lane, j
    cdef Py_ssize_t[MOST_LANES] at
    cdef const real *x = own_rows(data, <const real *>scratch)
    cdef const real *y = <const real *>data.y
    if y != NULL:
        outputs = p.layer[p.layers - 1].outputs
    cdef bint listed = data.labels != NULL or b.all.weight != NULL
    listed = listed or not (b.shared or b.packed_row > 0)
    for r in range(rows):
        if listed:
            for lane in range(b.lanes):
                at[lane] = row_of(b, lane, position + r)
        if data.labels != NULL:
            gather_labels(b, at, labels + r * b.lanes)
        if b.all.weight != NULL:
            gather_weights(b, at, <double>rows, scratch + b.fraction + r * b.lanes)
        if b.shared:
            for j in range(inputs):
                scratch[b.x + r * inputs + j] = x[(position + r) * inputs + j]
            for j in range(outputs):
                scratch[b.y + r * outputs + j] = y[(position + r) * outputs + j]
        elif b.packed_row > 0:
            lanes_take_packed(b.lanes, inputs, outputs, scratch + b.packed, b.packed_row,
                              b.order + position + r, b.epoch_rows,
                              scratch + b.x + r * inputs * b.lanes,
                              scratch + b.y + r * outputs * b.lanes)
        else:
            lanes_take(b.lanes, inputs, x, at, scratch + b.x + r * inputs * b.lanes)
            lanes_take(b.lanes, outputs, y, at, scratch + b.y + r * outputs * b.lanes)
    return 0

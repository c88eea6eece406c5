# cython: cdivision=True
"""Perceptrons of a few units: every row of numbers is padded to one vector.

With a few units, loops take longer than their arithmetic. Rows of weights, activations and
gradients are copied to scratch, one vector each, so that no loop has a remainder; the values in
the lanes beyond a layer's outputs affect no other lane. Sums run in the order of the general code
and give the same bits, so it does not matter which networks are narrow on which level.
"""
from libc.math cimport isfinite

from nncore._core.ops.activations cimport Activation
from nncore._core.ops.losses cimport SOFTMAX_CROSS_ENTROPY, Loss, softmax_cross_entropy_block
from nncore._core.mlp.layers cimport NARROW
from nncore._core.mlp.plan cimport NARROW_ROWS, Batch, Data, Layer, Objective, Plan
from nncore._core.ops.narrow cimport (
    add_to_rows, backward_row, forward_row, lanes_of, loss_rows, pad_rows, scaled_row, slope_row,
    sum_of_rows, take_from_row, trim_rows,
)
from nncore._core.ops.real cimport real


cdef inline bint is_narrow(
    const Plan *p, const Objective *o, const Batch *batch, const real *like
) noexcept nogil:
    """Whether `narrow_gradients` supports the network and the batch."""
    cdef Py_ssize_t outputs = p.layer[p.layers - 1].outputs
    return (p.narrow and p.widest <= lanes_of(like) and batch.fraction == NULL and batch.x != NULL
            and batch.rows <= NARROW_ROWS
            and (o.loss == SOFTMAX_CROSS_ENTROPY or batch.rows * outputs < 16))


cdef inline bint is_narrow_online(
    const Plan *p, const Objective *o, const Data *data, const real *like
) noexcept nogil:
    """Whether `narrow_update` supports single rows."""
    cdef Py_ssize_t i
    for i in range(1, p.layers):
        if p.layer[i].outputs > NARROW:  # the general code sums longer ones in another order
            return False
    return (p.narrow and p.widest <= lanes_of(like) and data.weight == NULL and data.sparse == NULL
            and (o.loss == SOFTMAX_CROSS_ENTROPY or p.layer[p.layers - 1].outputs < 16))


cdef inline void load_weights(const Plan *p, const real *weights, real *scratch) noexcept nogil:
    """Copy the flat vector to rows, and to the columns for the backward pass."""
    cdef const Layer *layer
    cdef const real *w
    cdef real *transposed
    cdef Py_ssize_t k, i, j, lanes = lanes_of(scratch)
    for k in range(p.layers):
        layer = &p.layer[k]
        w = weights + layer.w
        pad_rows(layer.inputs, layer.outputs, w, scratch + layer.rows)
        pad_rows(1, layer.outputs, weights + layer.b,
                 scratch + layer.rows + layer.inputs * lanes)
        if k > 0:
            transposed = scratch + layer.transposed
            for j in range(layer.outputs):
                for i in range(layer.inputs):
                    transposed[j * lanes + i] = w[i * layer.outputs + j]


cdef inline void store_weights(const Plan *p, const real *scratch, real *weights) noexcept nogil:
    cdef const Layer *layer
    cdef Py_ssize_t k, lanes = lanes_of(scratch)
    for k in range(p.layers):
        layer = &p.layer[k]
        trim_rows(layer.inputs, layer.outputs, scratch + layer.rows, weights + layer.w)
        trim_rows(1, layer.outputs, scratch + layer.rows + layer.inputs * lanes,
                  weights + layer.b)


cdef inline real *narrow_forward(const Plan *p, const Batch *batch, real *scratch) noexcept nogil:
    """Run all layers for a batch; return the rows of the outputs."""
    cdef const Layer *layer = &p.layer[0]
    cdef real *inputs = scratch + p.rows_x
    cdef real *a = inputs
    cdef Py_ssize_t k, r, lanes = lanes_of(scratch)
    pad_rows(batch.rows, layer.inputs, <const real *>batch.x, inputs)
    for k in range(p.layers):
        layer = &p.layer[k]
        a = scratch + layer.rows_a
        for r in range(batch.rows):
            forward_row(layer.activation, layer.inputs, inputs + r * lanes, scratch + layer.rows,
                        a + r * lanes)
        inputs = a
    return a


cdef inline double narrow_loss(
    const Plan *p, Loss kind, const Batch *batch, real *outputs, real *scratch
) noexcept nogil:
    """The loss of a batch; rows_d = its gradient by the inputs of the last activation."""
    cdef Py_ssize_t n = p.layer[p.layers - 1].outputs, r, rows = batch.rows
    cdef Activation f = p.layer[p.layers - 1].activation
    cdef Py_ssize_t lanes = lanes_of(scratch)
    cdef real *t = scratch + p.rows_y
    cdef real *d = scratch + p.rows_d
    cdef double[NARROW_ROWS] loss
    cdef double total = 0
    if kind == SOFTMAX_CROSS_ENTROPY:
        softmax_cross_entropy_block(outputs, d, batch.labels, rows, n, lanes,
                                    <real>1 / <real>rows, loss)
        for r in range(rows):
            total += loss[r]
            slope_row(f, outputs + r * lanes, d + r * lanes)
        return total / <double>rows
    pad_rows(rows, n, <const real *>batch.y, t)
    total = loss_rows(kind, f, rows, n, outputs, t, d)
    return total / <double>rows


cdef inline double narrow_gradients(
    const Plan *p, const Objective *o, const Batch *batch, const real *weights, real *scratch,
    real *gradient,
) noexcept nogil:
    """As `gradients.gradients`, for batches for which `is_narrow` is true."""
    cdef const Layer *layer
    cdef const real *inputs
    cdef real *d = scratch + p.rows_d
    cdef real *d_before = scratch + p.rows_d_before
    cdef real *sums = scratch + p.rows_gradient
    cdef real one = 1
    cdef double loss
    cdef Py_ssize_t k, i, r, rows = batch.rows, lanes = lanes_of(scratch)
    load_weights(p, weights, scratch)
    loss = narrow_loss(p, o.loss, batch, narrow_forward(p, batch, scratch), scratch)
    for k in range(p.layers - 1, -1, -1):
        layer = &p.layer[k]
        inputs = scratch + (p.layer[k - 1].rows_a if k > 0 else p.rows_x)
        for i in range(layer.inputs):
            sum_of_rows(rows, inputs + i, lanes, d, sums + i * lanes)
        sum_of_rows(rows, &one, 0, d, sums + layer.inputs * lanes)
        trim_rows(layer.inputs, layer.outputs, sums, gradient + layer.w)
        trim_rows(1, layer.outputs, sums + layer.inputs * lanes, gradient + layer.b)
        if k > 0:
            for r in range(rows):
                backward_row(p.layer[k - 1].activation, layer.outputs, d + r * lanes,
                             scratch + layer.transposed, inputs + r * lanes, d_before + r * lanes)
            d, d_before = d_before, d
    return loss


cdef inline double narrow_update(
    const Plan *p, const Objective *o, const Batch *batch, real rate, real *scratch
) noexcept nogil:
    """As `online.online_update`, on the weights in scratch, if `is_narrow_online` is true."""
    cdef const Layer *layer
    cdef const real *inputs
    cdef real *d = scratch + p.rows_d
    cdef real *d_before = scratch + p.rows_d_before
    cdef real *step = scratch + p.rows_gradient
    cdef double loss
    cdef Py_ssize_t k, lanes = lanes_of(scratch)
    loss = narrow_loss(p, o.loss, batch, narrow_forward(p, batch, scratch), scratch)
    if not isfinite(loss):
        return loss
    for k in range(p.layers - 1, -1, -1):
        layer = &p.layer[k]
        inputs = scratch + (p.layer[k - 1].rows_a if k > 0 else p.rows_x)
        scaled_row(-rate, inputs, step)
        if k > 0:
            backward_row(p.layer[k - 1].activation, layer.outputs, d, scratch + layer.transposed,
                         inputs, d_before)
            add_to_rows(layer.outputs, d, step, scratch + layer.transposed)
        add_to_rows(layer.inputs, step, d, scratch + layer.rows)
        take_from_row(rate, d, scratch + layer.rows + layer.inputs * lanes)
        d, d_before = d_before, d
    return loss

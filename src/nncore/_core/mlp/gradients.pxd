# cython: cdivision=True
"""The objective of a perceptron on a batch, and its gradient."""
from libc.math cimport fabs
from libc.stdint cimport uint64_t

from nncore._core.ops.linear cimport column_sums, polled_product
from nncore._core.ops.losses cimport (
    BLOCK, SOFTMAX_CROSS_ENTROPY, Loss, elementwise_loss, softmax_cross_entropy_block,
)
from nncore._core.mlp.layers cimport activate_backward, forward, inputs_gradient
from nncore._core.mlp.entries_by_columns cimport sort_by_columns
from nncore._core.mlp.plan cimport Batch, Layer, Objective, Plan
from nncore._core.mlp.sparse cimport sparse_forward, sparse_weights_gradient
from nncore._core.ops.random cimport drop, hash_key
from nncore._core.ops.real cimport START_ZERO, aligned, real, sum_of_squares


cdef inline double weighted_loss(
    Loss kind, real *outputs, const Batch *batch, real *d, Py_ssize_t cols
) noexcept nogil:
    """The loss of a batch, weighted by fraction or equally; d = its gradient."""
    cdef const real *y = <const real *>batch.y
    cdef const real *fraction = <const real *>batch.fraction
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
                                        scale if fraction == NULL else <real>1, loss)
            for j in range(n):
                total += loss[j] if fraction == NULL else loss[j] * <double>fraction[i + j]
            i += n
    elif fraction == NULL:
        total = elementwise_loss(kind, outputs, y, d, rows * cols)
        if rows > 1:
            for j in range(aligned(rows * cols)):
                d[j] *= scale
    else:
        for i in range(rows):
            total += <double>fraction[i] * elementwise_loss(
                kind, outputs + i * cols, y + i * cols, d + i * cols, cols)
    if fraction == NULL:
        return total / <double>rows
    for i in range(rows):
        for j in range(cols):
            d[i * cols + j] *= fraction[i]
    return total


cdef inline double penalise(
    const Plan *p, const Objective *o, double counts, const real *weights, real *gradient,
    bint deferred,
) noexcept nogil:
    """Return l1 |w| + (l2 + alpha / counts) w^2 / 2 over the weights, and add its gradient.

    deferred: except the gradient of the first layer, which is not computed yet.
    """
    cdef double total = 0, size, square = square_penalty(o, counts)
    cdef const real *w
    cdef Py_ssize_t i, j, n
    for i in range(p.layers):
        n = p.layer[i].inputs * p.layer[i].outputs
        w = weights + p.layer[i].w
        if square > 0:
            total += 0.5 * square * sum_of_squares(w, n)
        if o.l1 > 0:
            size = 0
            for j in range(n):
                size += fabs(<double>w[j])
            total += o.l1 * size
        if i > 0 or not deferred:
            add_penalty(o, square, w, gradient + p.layer[i].w, n)
    return total


cdef inline double square_penalty(const Objective *o, double counts) noexcept nogil:
    """The factor of w^2 / 2 for a batch of this total weight."""
    return o.l2 + (o.alpha / counts if counts > 0 else 0)


cdef inline void add_penalty(
    const Objective *o, double square, const real *w, real *g, Py_ssize_t n
) noexcept nogil:
    """Add the gradient of l1 |w| + square w^2 / 2."""
    cdef real l1 = <real>o.l1, l2 = <real>square, x
    cdef Py_ssize_t j
    if square > 0:
        for j in range(n):
            g[j] += l2 * w[j]
    if o.l1 > 0:
        for j in range(n):
            x = w[j]
            g[j] += l1 if x > 0 else (-l1 if x < 0 else l1 * x)


cdef inline double gradients(
    const Plan *p, const Objective *o, const Batch *batch, const real *weights, uint64_t seed,
    uint64_t step, real *scratch, real *gradient,
) except? -1 nogil:
    """The loss of a batch and its gradient, without penalties.

    A deferred gradient of the first layer's weights is not computed; the batch's entries are
    sorted for it.
    """
    cdef const Layer *layer = &p.layer[p.layers - 1]
    cdef const Layer *before
    cdef const real *x = <const real *>batch.x
    cdef const real *inputs
    cdef real *d = scratch + p.d
    cdef real *d_before = scratch + p.d_before
    cdef double loss
    cdef Py_ssize_t i, rows = batch.rows
    if x == NULL:
        sparse_forward(batch.entries, p.layer[0].outputs, weights + p.layer[0].w,
                       weights + p.layer[0].b, scratch + p.layer[0].z)
    forward(p, weights, x, rows, seed, step, scratch)
    loss = weighted_loss(o.loss, scratch + layer.a, batch, d, layer.outputs)
    for i in range(p.layers - 1, -1, -1):
        layer = &p.layer[i]
        activate_backward(layer, d, scratch, rows)
        inputs = x
        if i > 0:
            inputs = scratch + p.layer[i - 1].kept
        if inputs != NULL:
            polled_product(layer.inputs, layer.outputs, rows, inputs, 1, layer.inputs,
                           d, layer.outputs, gradient + layer.w, layer.outputs,
                           START_ZERO, <const real *>NULL)
        else:
            sort_by_columns(batch.entries, weights)
            if not batch.deferred:
                sparse_weights_gradient(batch.entries, layer, d, gradient + layer.w)
        column_sums(rows, layer.outputs, d, layer.outputs, gradient + layer.b)
        if i == 0:
            break
        inputs_gradient(layer, rows, d, weights + layer.w, d_before, scratch + p.transposed)
        before = &p.layer[i - 1]
        if before.dropout > 0:
            drop(d_before, d_before, rows * before.outputs, 0, before.dropout,
                 hash_key(seed, step, i - 1))
        d, d_before = d_before, d
    return loss

# cython: cdivision=True
"""Gradient descent by single rows, without a stored gradient or a transposed matrix."""
from libc.math cimport INFINITY, isfinite

from nncore._core.mlp.gradients cimport weighted_loss
from nncore._core.mlp.layers cimport NARROW, activate, activate_backward, layer_forward
from nncore._core.mlp.plan cimport Batch, Data, Layer, Objective, Plan
from nncore._core.mlp.sparse cimport sparse_forward, sparse_online_backward
from nncore._core.ops.optimizers cimport SGD, Rule
from nncore._core.ops.real cimport muladd, real, row_dot


cdef inline bint is_online(const Plan *p, const Objective *o, const Rule *rule, double clip_norm_at,
                           const Data *data) noexcept nogil:
    """Whether updates are plain gradient descent by single rows, which needs no stored gradient."""
    cdef Py_ssize_t i
    for i in range(p.layers):
        if p.layer[i].dropout > 0:
            return False
    return (data.batch_size == 1 and rule.kind == SGD and not rule.clip_value < INFINITY
            and clip_norm_at == 0 and o.l1 == 0 and o.l2 == 0 and o.alpha == 0)


cdef inline void online_backward(const Layer *layer, const real *x, const real *d, real rate,
                                 real *w, real *b, real *d_before) noexcept nogil:
    """w -= rate * x.T @ d, b -= rate * d; d_before = d @ w.T with the old w, unless it is NULL."""
    cdef Py_ssize_t i, j, n = layer.outputs
    cdef real step, total
    for i in range(layer.inputs):
        step = -rate * x[i]
        if n > NARROW:
            if d_before != NULL:
                d_before[i] = row_dot(d, w, n)
            for j in range(n):
                w[j] = muladd(step, d[j], w[j])
        else:
            total = 0
            for j in range(n):
                total = muladd(d[j], w[j], total)
                w[j] = muladd(step, d[j], w[j])
            if d_before != NULL:
                d_before[i] = total
        w += n
    for j in range(n):
        b[j] -= rate * d[j]


cdef inline double online_update(
    const Plan *p, const Objective *o, const Batch *batch, real rate, real *weights, real *scratch,
) except? -1 nogil:
    """One update of gradient descent by one row; nothing is changed if its loss is not finite."""
    cdef const Layer *layer = &p.layer[0]
    cdef const real *x = <const real *>batch.x
    cdef const real *inputs = x
    cdef real *d = scratch + p.d
    cdef real *d_before = scratch + p.d_before
    cdef double loss
    cdef Py_ssize_t i
    for i in range(p.layers):
        layer = &p.layer[i]
        if inputs != NULL:
            layer_forward(layer, 1, inputs, weights + layer.w, weights + layer.b,
                          scratch + layer.z)
        else:
            sparse_forward(batch.entries, layer.outputs, weights + layer.w, weights + layer.b,
                           scratch + layer.z)
        activate(layer, scratch + layer.z, scratch + layer.a, 1)
        inputs = scratch + layer.a
    loss = weighted_loss(o.loss, scratch + layer.a, batch, d, layer.outputs)
    if not isfinite(loss):
        return loss
    for i in range(p.layers - 1, -1, -1):
        layer = &p.layer[i]
        activate_backward(layer, d, scratch, 1)
        inputs = x
        if i > 0:
            inputs = scratch + p.layer[i - 1].a
        if inputs == NULL:
            sparse_online_backward(batch.entries, layer, d, rate, weights + layer.w,
                                   weights + layer.b)
            break
        online_backward(layer, inputs, d, rate, weights + layer.w, weights + layer.b,
                        d_before if i > 0 else NULL)
        d, d_before = d_before, d
    return loss

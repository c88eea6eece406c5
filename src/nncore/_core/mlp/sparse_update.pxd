# cython: cdivision=True
"""Updates of the first layer by sparse batches, without its gradient in memory.

If a gradient of 0 changes nothing, only those rows of the weights are visited for which the batch
has entries. Otherwise all of them are, a few at a time: only weights and the optimizer's state are
read from memory and written to it, not the gradient.
"""
from nncore._core.mlp.entries cimport Entries
from nncore._core.mlp.gradients cimport add_penalty
from nncore._core.mlp.plan cimport Batch, Layer, Objective, Plan
from nncore._core.mlp.sparse cimport column_gradient, columns_gradient
from nncore._core.ops.optimizers cimport Rule, optimizer_step, skips_zeros
from nncore._core.ops.real cimport real

cdef enum:
    STEP_NUMBERS = 4096  # whose weights, gradient and state fit into the cache together


cdef inline bint is_lazy(const Rule *rule, const Objective *o) noexcept nogil:
    """Whether weights whose inputs are all 0 do not change."""
    return skips_zeros(rule) and o.l1 == 0 and o.l2 == 0 and o.alpha == 0


cdef inline double update_flops(
    const Plan *p, const Objective *o, const Rule *rule, const Entries *e
) noexcept nogil:
    """The approximate number of operations for a batch, forward, backward and update."""
    cdef double first = <double>p.layer[0].inputs * <double>p.layer[0].outputs
    cdef double met = 6.0 * <double>e.count * <double>p.layer[0].outputs
    return met + (p.flops - 6.0 * first) * <double>e.rows + (0 if is_lazy(rule, o) else 20 * first)


cdef inline void sparse_update(
    const Plan *p, const Objective *o, const Rule *rule, const Batch *batch, double square,
    real *weights, real *gradient, real **slots, long long step, const real *scratch,
) noexcept nogil:
    """One update of all parameters.

    gradient: of all parameters except the first layer's weights, whose part is scratch.
    square: factor of the penalty of w^2 / 2.
    """
    cdef const Layer *layer = &p.layer[0]
    cdef const Entries *e = batch.entries
    cdef const real *d = scratch + (p.d if p.layers % 2 == 1 else p.d_before)
    cdef Py_ssize_t n = layer.outputs, rest = layer.b, at, k, i = 0, rows
    cdef Py_ssize_t most = max(<Py_ssize_t>1, <Py_ssize_t>STEP_NUMBERS // n)
    cdef real *g = gradient + layer.w
    if is_lazy(rule, o):
        for k in range(e.touched):
            if e.begin[k] == e.begin[k + 1]:
                continue
            at = layer.w + e.touched_column[k] * n
            column_gradient(e, k, n, d, g)
            optimizer_step(rule, weights + at, g, slots, at, n, step)
    else:
        while i < layer.inputs:
            rows = min(most, layer.inputs - i)
            at = layer.w + i * n
            columns_gradient(e, i, rows, n, d, g)
            add_penalty(o, square, weights + at, g, rows * n)
            optimizer_step(rule, weights + at, g, slots, at, rows * n, step)
            i += rows
    optimizer_step(rule, weights + rest, gradient + rest, slots, rest,
                   p.parameters - rest, step)

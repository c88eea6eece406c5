# cython: cdivision=True
"""The layers of a perceptron over raw pointers: a = f(a_before @ w + b), forward and backward."""
from libc.stdint cimport uint64_t

from nncore._core.ops.activations cimport SOFTMAX, activation_backward, activation_forward
from nncore._core.ops.linear cimport polled_product
from nncore._core.mlp.plan cimport Layer, Plan
from nncore._core.ops.random cimport drop, hash_key
from nncore._core.ops.real cimport START_BIAS, START_ZERO, aligned, muladd, real, transpose

cdef enum:
    NARROW = 4             # outputs up to which plain loops are faster than vectors,
    FEW = 8                # for up to so many rows


cdef inline int layer_forward(
    const Layer *layer, Py_ssize_t rows, const real *x, const real *w, const real *b, real *z
) except -1 nogil:
    """z = x @ w + b, with the bits of linear_forward."""
    cdef Py_ssize_t _r, i, j
    cdef real total
    if layer.outputs > NARROW or rows > FEW:
        polled_product(rows, layer.outputs, layer.inputs, x, layer.inputs, 1,
                       w, layer.outputs, z, layer.outputs, START_BIAS, b)
        return 0
    for _r in range(rows):
        for j in range(layer.outputs):
            total = b[j]
            for i in range(layer.inputs):
                total = muladd(x[i], w[i * layer.outputs + j], total)
            z[j] = total
        x += layer.inputs
        z += layer.outputs
    return 0


cdef inline int inputs_gradient(
    const Layer *layer, Py_ssize_t rows, const real *d, const real *w, real *d_before,
    real *transposed,
) except -1 nogil:
    """d_before = d @ w.T; transposed is scratch for w.T."""
    cdef Py_ssize_t _r, i, j, n = layer.outputs
    cdef real total
    if n <= NARROW and rows <= FEW:
        for _r in range(rows):
            for i in range(layer.inputs):
                total = 0
                for j in range(n):
                    total = muladd(d[j], w[i * n + j], total)
                d_before[i] = total
            d += n
            d_before += layer.inputs
        return 0
    if n > 1:  # a column is its own transpose
        transpose(layer.inputs, n, w, n, transposed, layer.inputs)
        w = transposed
    return polled_product(rows, layer.inputs, n, d, n, 1, w, layer.inputs,
                          d_before, layer.inputs, START_ZERO, <const real *>NULL)


cdef inline int forward(
    const Plan *p, const real *weights, const real *x, Py_ssize_t rows, uint64_t seed,
    uint64_t step, real *scratch,
) except -1 nogil:
    """Outputs of all layers for a batch; if x is NULL, the first layer's sums are already there."""
    cdef const Layer *layer
    cdef const real *inputs = x
    cdef real *a
    cdef Py_ssize_t i
    for i in range(p.layers):
        layer = &p.layer[i]
        a = scratch + layer.a
        if inputs != NULL:
            layer_forward(layer, rows, inputs, weights + layer.w, weights + layer.b,
                          scratch + layer.z)
        activate(layer, scratch + layer.z, a, rows)
        if layer.dropout > 0:
            drop(a, scratch + layer.kept, rows * layer.outputs, 0, layer.dropout,
                 hash_key(seed, step, i))
        inputs = scratch + layer.kept
    return 0


cdef inline Py_ssize_t whole_vectors(Py_ssize_t n) noexcept nogil:
    """The length of an element-wise loop over n numbers, rounded up to avoid a remainder."""
    return n if n <= NARROW else aligned(n)


cdef inline void activate(
    const Layer *layer, const real *z, real *a, Py_ssize_t rows
) noexcept nogil:
    """a = f(z), in place where a is z."""
    if layer.activation == SOFTMAX:
        activation_forward(SOFTMAX, z, a, rows, layer.outputs)
    else:
        activation_forward(layer.activation, z, a, 1, whole_vectors(rows * layer.outputs))


cdef inline void activate_backward(
    const Layer *layer, real *d, const real *scratch, Py_ssize_t rows
) noexcept nogil:
    """d = d * f', in place; f' is computed from z, which is a unless f' needs the inputs."""
    cdef const real *z = scratch + layer.z
    if layer.activation == SOFTMAX:
        activation_backward(SOFTMAX, d, z, d, rows, layer.outputs)
    else:
        activation_backward(layer.activation, d, z, d, 1, whole_vectors(rows * layer.outputs))

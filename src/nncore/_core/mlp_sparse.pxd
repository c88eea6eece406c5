# cython: cdivision=True
"""The first layer of a perceptron for sparse inputs: what only meets zeros is left out.

The bits are those of the same numbers given dense.
"""
from libc.string cimport memset

from nncore._core.mlp_entries cimport Csr, Entries, clear_entries, take_row
from nncore._core.mlp_plan cimport Layer
from nncore._core.real cimport muladd, real
from nncore._core.signals cimport POLL_FLOPS, poll_signals

cdef extern from "sparse.h" nogil:
    void sum_entries_f32(
        Py_ssize_t count, Py_ssize_t readable, const Py_ssize_t *row, const float *value,
        Py_ssize_t n, const float *b, Py_ssize_t b_row, float *c, const float *bias)
    void sum_entries_f64(
        Py_ssize_t count, Py_ssize_t readable, const Py_ssize_t *row, const double *value,
        Py_ssize_t n, const double *b, Py_ssize_t b_row, double *c, const double *bias)


cdef inline void sum_entries(
    Py_ssize_t count, Py_ssize_t readable, const Py_ssize_t *row, const real *value,
    Py_ssize_t n, const real *b, real *c, const real *bias,
) noexcept nogil:
    """c (n,) = bias, or 0 for NULL, + the sum of value[k] * b[row[k]] over `count` entries."""
    if real is float:
        sum_entries_f32(count, readable, row, value, n, b, n, c, bias)
    else:
        sum_entries_f64(count, readable, row, value, n, b, n, c, bias)


cdef inline int sparse_forward(
    const Entries *e, Py_ssize_t outputs, const real *w, const real *b, real *a
) except -1 nogil:
    """a (rows, outputs) = x @ w + b for the batch's rows x."""
    cdef const real *value = <const real *>e.value
    cdef Py_ssize_t i, first
    cdef double since_poll = 0
    for i in range(e.rows):
        first = e.start[i]
        sum_entries(e.start[i + 1] - first, e.count - first, e.column + first, value + first,
                    outputs, w, a + i * outputs, b)
        since_poll += 2.0 * <double>(e.start[i + 1] - first) * <double>outputs
        if since_poll > POLL_FLOPS:
            since_poll = 0
            poll_signals()
    return 0


cdef inline int sparse_prediction(
    const Csr *x, Py_ssize_t first_row, Py_ssize_t rows, Entries *e, Py_ssize_t outputs,
    const real *w, const real *b, real *a,
) except -1 nogil:
    """`sparse_forward` for rows of x, of which e holds one at a time."""
    cdef Py_ssize_t i
    for i in range(rows):
        clear_entries(e)
        take_row(x, first_row + i, e, w)
        sparse_forward(e, outputs, w, b, a + i * outputs)
    return 0


cdef inline void column_gradient(
    const Entries *e, Py_ssize_t k, Py_ssize_t outputs, const real *d, real *out
) noexcept nogil:
    """One row of x.T @ d, of the k-th of the touched columns."""
    cdef Py_ssize_t first = e.begin[k]
    sum_entries(e.begin[k + 1] - first, e.count - first, e.row + first,
                <const real *>e.turned + first, outputs, d, out, <const real *>NULL)


cdef inline int sparse_weights_gradient(
    const Entries *e, const Layer *layer, const real *d, real *out
) except -1 nogil:
    """out (inputs, outputs) = x.T @ d for the batch's rows x."""
    cdef Py_ssize_t k, n = layer.outputs
    cdef double since_poll = 0
    memset(out, 0, layer.inputs * n * sizeof(real))
    for k in range(e.touched):
        column_gradient(e, k, n, d, out + e.touched_column[k] * n)
        since_poll += 2.0 * <double>(e.begin[k + 1] - e.begin[k]) * <double>n
        if since_poll > POLL_FLOPS:
            since_poll = 0
            poll_signals()
    return 0


cdef inline void sparse_online_backward(
    const Entries *e, const Layer *layer, const real *d, real rate, real *w, real *b
) noexcept nogil:
    """`mlp_online.online_backward` for the first layer and a single row."""
    cdef const real *value = <const real *>e.value
    cdef real *to
    cdef real step
    cdef Py_ssize_t k, j, n = layer.outputs
    for k in range(e.count):
        step = -rate * value[k]
        to = w + e.column[k] * n
        for j in range(n):
            to[j] = muladd(step, d[j], to[j])
    for j in range(n):
        b[j] -= rate * d[j]

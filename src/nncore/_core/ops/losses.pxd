# cython: cdivision=True
"""Losses and their gradients over raw pointers. Losses are summed in double.

The formulas of element-wise losses are in formulas_template.h, their names in `nncore.registry`.
"""
from nncore._core.ops.real cimport exp, log, real, row_exp_sum, row_max, row_sum

cdef extern from "formulas.h" nogil:
    ctypedef enum Loss:
        SOFTMAX_CROSS_ENTROPY
    double elementwise_loss_f32(
        Loss kind, const float *p, const float *t, float *dp, Py_ssize_t n)
    double elementwise_loss_f64(
        Loss kind, const double *p, const double *t, double *dp, Py_ssize_t n)


cdef inline double elementwise_loss(
    Loss kind, const real *p, const real *t, real *dp, Py_ssize_t n
) noexcept nogil:
    """The loss summed over n pairs; dp gets its derivative by p."""
    if real is float:
        return elementwise_loss_f32(kind, p, t, dp, n)
    else:
        return elementwise_loss_f64(kind, p, t, dp, n)


cdef inline double row_cross_entropy(const real *z, Py_ssize_t label, Py_ssize_t n) noexcept nogil:
    """-ln softmax(z)[label] without the gradient, for evaluation."""
    cdef real top = row_max(z, n)
    return log(<double>row_exp_sum(z, top, n)) - (<double>z[label] - <double>top)


cdef inline void exp_row(const real *z, real top, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = exp(z[j] - top)


cdef enum:
    BLOCK = 16  # maximum number of rows for softmax_cross_entropy_block


cdef inline void softmax_cross_entropy_block(
    real *z, real *dz, const Py_ssize_t *labels, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t width,
    real scale, double *losses,
) noexcept nogil:
    """losses[i] = -ln softmax(z[i])[labels[i]] of up to BLOCK rows; dz = scale * (softmax(z) -
    one-hot), in place where dz is z.

    Each stage is done for all rows before the next, to hide the latency of a single row. Rows are
    width >= n apart. The padding of a row is used to avoid remainders of the loops, and is 0 in dz
    afterwards.
    """
    cdef real top[BLOCK]
    cdef real total[BLOCK]
    cdef real x
    cdef real *row
    cdef Py_ssize_t i, j
    for i in range(rows):
        row = z + i * width
        for j in range(n, width):
            row[j] = row[0]  # not above the maximum, and its exp is not subnormal
        top[i] = row_max(row, width)
        losses[i] = <double>row[labels[i]] - <double>top[i]
    for i in range(rows):
        exp_row(z + i * width, top[i], dz + i * width, width)
    for i in range(rows):
        row = dz + i * width
        for j in range(n, width):
            row[j] = 0
        total[i] = row_sum(row, width)
    for i in range(rows):
        losses[i] = log(<double>total[i]) - losses[i]
        total[i] = scale / total[i]
    for i in range(rows):
        row = dz + i * width
        x = total[i]
        for j in range(width):
            row[j] *= x
        row[labels[i]] -= scale

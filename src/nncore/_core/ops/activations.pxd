# cython: cdivision=True
"""Activations, forward and backward, over raw pointers.

Their formulas are in formulas_template.h and vmath.h, their names in `nncore.registry`. Slopes are
computed from the output y, or from the input z if `SLOPE_FROM_INPUT` is true.
"""
from nncore._core.ops.real cimport exp, real, row_dot, row_max, row_sum

cdef extern from "formulas.h" nogil:
    ctypedef enum Activation:
        TANH
        SOFTMAX
    enum:
        ACTIVATION_COUNT
    bint SLOPE_FROM_INPUT(Activation f)
    void activate_f32(Activation f, Py_ssize_t n, const float *z, float *y)
    void activate_f64(Activation f, Py_ssize_t n, const double *z, double *y)
    void activate_backward_f32(
        Activation f, Py_ssize_t n, const float *dy, const float *y, float *dz)
    void activate_backward_f64(
        Activation f, Py_ssize_t n, const double *dy, const double *y, double *dz)


cdef inline void softmax_row(const real *z, real *y, Py_ssize_t n) noexcept nogil:
    """y = exp(z - max z) / sum of the same; in place where y is z."""
    cdef real top = row_max(z, n), scale
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = exp(z[i] - top)
    scale = <real>1 / row_sum(y, n)
    for i in range(n):
        y[i] *= scale


cdef enum:
    SOFTMAX_NUMBERS = 128  # in a block of softmax_rows


cdef inline void softmax_rows(const real *z, real *y, Py_ssize_t rows, Py_ssize_t n) noexcept nogil:
    """`softmax_row` of each row; short rows in blocks, to hide the latency of each."""
    cdef Py_ssize_t most = SOFTMAX_NUMBERS // n if rows > 1 else 0, i = 0, j, k, end
    cdef real top, scale
    if most <= 1:
        for i in range(rows):
            softmax_row(z + i * n, y + i * n, n)
        return
    while i < rows:
        end = min(i + most, rows)
        for k in range(i, end):
            top = row_max(z + k * n, n)
            for j in range(k * n, (k + 1) * n):
                y[j] = z[j] - top
        for j in range(i * n, end * n):
            y[j] = exp(y[j])
        for k in range(i, end):
            scale = <real>1 / row_sum(y + k * n, n)
            for j in range(k * n, (k + 1) * n):
                y[j] *= scale
        i = end


cdef inline void softmax_row_backward(
    const real *dy, const real *y, real *dz, Py_ssize_t n
) noexcept nogil:
    """dz = y * (dy - dy . y)."""
    cdef real dot = row_dot(dy, y, n)
    cdef Py_ssize_t i
    for i in range(n):
        dz[i] = y[i] * (dy[i] - dot)


cdef inline void activation_forward(
    Activation kind, const real *z, real *y, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    """y = f(z), rows x cols numbers; y may be z itself."""
    if kind == SOFTMAX:
        softmax_rows(z, y, rows, cols)
    elif real is float:
        activate_f32(kind, rows * cols, z, y)
    else:
        activate_f64(kind, rows * cols, z, y)


cdef inline void activation_backward(
    Activation kind, const real *dy, const real *y, real *dz, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    """dz = dy * f'(z) with f' computed from y, or from z in place of y; dz may be dy or y."""
    cdef Py_ssize_t i
    if kind == SOFTMAX:
        for i in range(rows):
            softmax_row_backward(dy + i * cols, y + i * cols, dz + i * cols, cols)
    elif real is float:
        activate_backward_f32(kind, rows * cols, dy, y, dz)
    else:
        activate_backward_f64(kind, rows * cols, dy, y, dz)

# cython: cdivision=True
"""Activations, forward and backward, over raw pointers.

CONTRIBUTING tells how to add one. Slopes are taken from the output y, as everywhere
in nncore.
"""
from nncore._core.real cimport exp, real, row_dot, row_max, row_sum, sigmoid, tanh

cdef extern from "formulas.h" nogil:
    ctypedef enum Activation:
        IDENTITY
        SIGMOID
        TANH
        RELU
        LEAKY_RELU
        SOFTMAX
    float nn_relu_f32(float x)
    double nn_relu_f64(double x)
    float nn_leaky_relu_f32(float x)
    double nn_leaky_relu_f64(double x)
    float nn_sigmoid_slope_f32(float x)
    double nn_sigmoid_slope_f64(double x)
    float nn_tanh_slope_f32(float x)
    double nn_tanh_slope_f64(double x)
    float nn_relu_slope_f32(float x)
    double nn_relu_slope_f64(double x)
    float nn_leaky_relu_slope_f32(float x)
    double nn_leaky_relu_slope_f64(double x)


cdef inline real relu(real z) noexcept nogil:
    if real is float:
        return nn_relu_f32(z)
    else:
        return nn_relu_f64(z)


cdef inline real leaky_relu(real z) noexcept nogil:
    if real is float:
        return nn_leaky_relu_f32(z)
    else:
        return nn_leaky_relu_f64(z)


cdef inline real sigmoid_slope(real y) noexcept nogil:
    if real is float:
        return nn_sigmoid_slope_f32(y)
    else:
        return nn_sigmoid_slope_f64(y)


cdef inline real tanh_slope(real y) noexcept nogil:
    if real is float:
        return nn_tanh_slope_f32(y)
    else:
        return nn_tanh_slope_f64(y)


cdef inline real relu_slope(real y) noexcept nogil:
    if real is float:
        return nn_relu_slope_f32(y)
    else:
        return nn_relu_slope_f64(y)


cdef inline real leaky_relu_slope(real y) noexcept nogil:
    if real is float:
        return nn_leaky_relu_slope_f32(y)
    else:
        return nn_leaky_relu_slope_f64(y)


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
    SOFTMAX_NUMBERS = 128  # that softmax_rows takes at once


cdef inline void softmax_rows(const real *z, real *y, Py_ssize_t rows, Py_ssize_t n) noexcept nogil:
    """`softmax_row` of each row; few short ones at once, which alone would wait for each other."""
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
    cdef Py_ssize_t i, n = rows * cols
    if kind == SIGMOID:
        for i in range(n):
            y[i] = sigmoid(z[i])
    elif kind == TANH:
        for i in range(n):
            y[i] = tanh(z[i])
    elif kind == RELU:
        for i in range(n):
            y[i] = relu(z[i])
    elif kind == LEAKY_RELU:
        for i in range(n):
            y[i] = leaky_relu(z[i])
    elif kind == SOFTMAX:
        softmax_rows(z, y, rows, cols)
    elif y != z:
        for i in range(n):
            y[i] = z[i]


cdef inline void activation_backward(
    Activation kind, const real *dy, const real *y, real *dz, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    """dz = dy * f'(z) with f' taken from y; dz may be dy or y itself."""
    cdef Py_ssize_t i, n = rows * cols
    if kind == SIGMOID:
        for i in range(n):
            dz[i] = dy[i] * sigmoid_slope(y[i])
    elif kind == TANH:
        for i in range(n):
            dz[i] = dy[i] * tanh_slope(y[i])
    elif kind == RELU:
        for i in range(n):
            dz[i] = dy[i] * relu_slope(y[i])
    elif kind == LEAKY_RELU:
        for i in range(n):
            dz[i] = dy[i] * leaky_relu_slope(y[i])
    elif kind == SOFTMAX:
        for i in range(rows):
            softmax_row_backward(dy + i * cols, y + i * cols, dz + i * cols, cols)
    elif dz != dy:
        for i in range(n):
            dz[i] = dy[i]

# cython: cdivision=True
"""Losses and their gradients over raw pointers. Losses are summed in double."""
from libc.math cimport fabs
from nncore._core.activations cimport softmax_row
from nncore._core.real cimport (
    exp, folded_sum, log, nn_softplus_minus, real, row_exp_sum, row_max, row_sum, sigmoid,
)

cdef extern from "formulas.h" nogil:
    ctypedef enum Loss:
        SQUARED_ERROR
        HALF_SQUARED_ERROR
        ABSOLUTE_ERROR
        HUBER
        BINARY_CROSS_ENTROPY
        SIGMOID_CROSS_ENTROPY
        HALF_POISSON_DEVIANCE
        SOFTMAX_CROSS_ENTROPY
    float nn_probability_f32(float p)
    double nn_probability_f64(double p)
    float nn_loss_slope_f32(Loss kind, float p, float t)
    double nn_loss_slope_f64(Loss kind, double p, double t)


cdef inline real clipped_probability(real p) noexcept nogil:
    """p kept off 0 and 1 by the type's epsilon, so that logs and quotients are finite."""
    if real is float:
        return nn_probability_f32(p)
    else:
        return nn_probability_f64(p)


cdef inline double term(Loss kind, real p, real t) noexcept nogil:
    """The loss of one pair, in double."""
    cdef double d = <double>(p - t), q
    if kind == SQUARED_ERROR:
        return d * d
    elif kind == HALF_SQUARED_ERROR:
        return 0.5 * d * d
    elif kind == ABSOLUTE_ERROR:
        return fabs(d)
    elif kind == HUBER:
        return fabs(d) - 0.5 if fabs(d) > 1 else 0.5 * d * d
    elif kind == SIGMOID_CROSS_ENTROPY:
        d = <double>p
        return (0.0 if d < 0 else d) - d * <double>t + nn_softplus_minus(fabs(d))
    elif kind == HALF_POISSON_DEVIANCE:
        d, q = <double>p, <double>t
        return exp(d) - q * d + ((0.0 if q == 0 else q * log(q)) - q)
    q = <double>clipped_probability(p)
    return -(<double>t * log(q) + (1.0 - <double>t) * log(1.0 - q))


cdef inline real derivative(Loss kind, real p, real t) noexcept nogil:
    """The derivative of term() by p."""
    if real is float:
        return nn_loss_slope_f32(kind, p, t)
    else:
        return nn_loss_slope_f64(kind, p, t)


cdef inline double summed_loss(
    Loss kind, const real *p, const real *t, real *dp, Py_ssize_t n
) noexcept nogil:
    """The terms summed over 16 lanes, as in real.pxd; dp gets the derivatives."""
    cdef double lane[16]
    cdef Py_ssize_t i, j
    for i in range(n):
        dp[i] = derivative(kind, p[i], t[i])
    if n < 16:  # the lanes would take longer than the terms
        lane[0] = 0
        for i in range(n):
            lane[0] += term(kind, p[i], t[i])
        return lane[0]
    for j in range(16):
        lane[j] = 0
    for i in range(0, n - 15, 16):
        for j in range(16):
            lane[j] += term(kind, p[i + j], t[i + j])
    for i in range(n - n % 16, n):
        lane[i % 16] += term(kind, p[i], t[i])
    return folded_sum(lane)


cdef inline double elementwise_loss(
    Loss kind, const real *p, const real *t, real *dp, Py_ssize_t n
) noexcept nogil:
    """The loss summed over n pairs; dp gets its derivative by p."""
    # Constants, so that each loss gets loops of its own without a choice inside.
    if kind == SQUARED_ERROR:
        return summed_loss(SQUARED_ERROR, p, t, dp, n)
    elif kind == HALF_SQUARED_ERROR:
        return summed_loss(HALF_SQUARED_ERROR, p, t, dp, n)
    elif kind == ABSOLUTE_ERROR:
        return summed_loss(ABSOLUTE_ERROR, p, t, dp, n)
    elif kind == HUBER:
        return summed_loss(HUBER, p, t, dp, n)
    elif kind == SIGMOID_CROSS_ENTROPY:
        return summed_loss(SIGMOID_CROSS_ENTROPY, p, t, dp, n)
    elif kind == HALF_POISSON_DEVIANCE:
        return summed_loss(HALF_POISSON_DEVIANCE, p, t, dp, n)
    return summed_loss(BINARY_CROSS_ENTROPY, p, t, dp, n)


cdef inline double row_cross_entropy(const real *z, Py_ssize_t label, Py_ssize_t n) noexcept nogil:
    """-ln softmax(z)[label] without the gradient, for evaluation."""
    cdef real top = row_max(z, n)
    return log(<double>row_exp_sum(z, top, n)) - (<double>z[label] - <double>top)


cdef inline void exp_row(const real *z, real top, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = exp(z[j] - top)


cdef enum:
    BLOCK = 16  # rows that softmax_cross_entropy_block takes at once


cdef inline void softmax_cross_entropy_block(
    real *z, real *dz, const Py_ssize_t *labels, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t width,
    real scale, double *losses,
) noexcept nogil:
    """losses[i] = -ln softmax(z[i])[labels[i]] of up to BLOCK rows; dz = scale * (softmax(z) -
    one-hot), in place where dz is z.

    Each stage is done for all rows before the next: one row alone would wait at every stage for
    the one before. Rows are width >= n apart. The room after a row is used to spare the loops
    their tails, and comes out as 0 in dz.
    """
    cdef real top[BLOCK]
    cdef real total[BLOCK]
    cdef real x
    cdef real *row
    cdef Py_ssize_t i, j
    for i in range(rows):
        row = z + i * width
        for j in range(n, width):
            row[j] = row[0]  # never above the largest; its exp is not subnormal
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

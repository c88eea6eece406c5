# cython: cdivision=True
"""Losses and their gradients over raw pointers. Losses are summed in double."""
from libc.math cimport fabs
from nncore._core.activations cimport softmax_row
from nncore._core.real cimport exp, log, real, row_max, row_sum

cdef extern from "<float.h>" nogil:
    float FLT_EPSILON
    double DBL_EPSILON

cdef enum Loss:
    SQUARED_ERROR
    ABSOLUTE_ERROR
    HUBER
    BINARY_CROSS_ENTROPY


cdef inline real epsilon(real like) noexcept nogil:
    if real is float:
        return FLT_EPSILON
    else:
        return DBL_EPSILON


cdef inline real clipped_probability(real p) noexcept nogil:
    """p kept off 0 and 1 by the type's epsilon, so that logs and quotients are finite."""
    cdef real low = epsilon(p)
    p = low if p < low else p
    return <real>1 - low if p > <real>1 - low else p


cdef inline double squared_error(const real *p, const real *t, real *dp, Py_ssize_t n) noexcept nogil:
    cdef double loss = 0
    cdef real d
    cdef Py_ssize_t i
    for i in range(n):
        d = p[i] - t[i]
        dp[i] = <real>2 * d
        loss += <double>d * <double>d
    return loss


cdef inline double absolute_error(const real *p, const real *t, real *dp, Py_ssize_t n) noexcept nogil:
    cdef double loss = 0
    cdef real d
    cdef Py_ssize_t i
    for i in range(n):
        d = p[i] - t[i]
        dp[i] = <real>1 if d > 0 else (-<real>1 if d < 0 else d)  # 0 and NaN as they are
        loss += fabs(<double>d)
    return loss


cdef inline double huber(const real *p, const real *t, real *dp, Py_ssize_t n) noexcept nogil:
    """d^2/2 where |d| <= 1, |d| - 1/2 beyond (Huber 1964, delta = 1)."""
    cdef double loss = 0, size
    cdef real d
    cdef Py_ssize_t i
    for i in range(n):
        d = p[i] - t[i]
        dp[i] = <real>1 if d > 1 else (-<real>1 if d < -1 else d)
        size = fabs(<double>d)
        loss += size - 0.5 if size > 1 else 0.5 * size * size
    return loss


cdef inline double binary_cross_entropy(
    const real *p, const real *t, real *dp, Py_ssize_t n
) noexcept nogil:
    """-(t ln p + (1 - t) ln(1 - p)) with p clipped to [epsilon, 1 - epsilon]."""
    cdef double loss = 0
    cdef real q
    cdef Py_ssize_t i
    for i in range(n):
        q = clipped_probability(p[i])
        dp[i] = (q - t[i]) / (q * (<real>1 - q))
        loss -= <double>t[i] * log(<double>q) + (1.0 - <double>t[i]) * log(1.0 - <double>q)
    return loss


cdef inline double elementwise_loss(
    Loss kind, const real *p, const real *t, real *dp, Py_ssize_t n
) noexcept nogil:
    """The loss summed over n pairs; dp gets its derivative by p."""
    if kind == SQUARED_ERROR:
        return squared_error(p, t, dp, n)
    elif kind == ABSOLUTE_ERROR:
        return absolute_error(p, t, dp, n)
    elif kind == HUBER:
        return huber(p, t, dp, n)
    return binary_cross_entropy(p, t, dp, n)


cdef inline double row_cross_entropy(const real *z, Py_ssize_t label, Py_ssize_t n) noexcept nogil:
    """-ln softmax(z)[label] without the gradient, for evaluation."""
    cdef real top = row_max(z, n)
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n):
        total += exp(z[i] - top)
    return log(total) - (<double>z[label] - <double>top)


cdef inline double softmax_cross_entropy_row(
    const real *z, real *dz, Py_ssize_t label, Py_ssize_t n, real scale
) noexcept nogil:
    """-ln softmax(z)[label]; dz = scale * (softmax(z) - one-hot), in place where dz is z."""
    cdef real top = row_max(z, n), total
    cdef double chosen = <double>z[label] - <double>top
    cdef Py_ssize_t i
    for i in range(n):
        dz[i] = exp(z[i] - top)
    total = row_sum(dz, n)
    for i in range(n):
        dz[i] *= <real>1 / total
    dz[label] -= <real>1
    if scale != 1:
        for i in range(n):
            dz[i] *= scale
    return log(<double>total) - chosen

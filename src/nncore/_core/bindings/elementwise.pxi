"""Python functions of exp, log, activations and element-wise losses.

Each function tests its arguments for the common case, passes others to
`nncore.arguments.arrays`, and then runs one kernel. Docstrings come from `nncore.reference`. The
functions for each activation and loss are in registry.pxi, which the build writes.
"""
from nncore._core.ops.activations cimport (
    SLOPE_FROM_INPUT, SOFTMAX, Activation, activation_backward, activation_forward,
)
from nncore._core.ops.losses cimport Loss, elementwise_loss
from nncore._core.ops.real cimport exp as exp_real
from nncore._core.ops.real cimport log as log_real
from nncore._core.ops.real cimport real


cdef inline Py_ssize_t last_axis(object a):
    """Length of a row for softmax; 1 for a number and for empty rows."""
    cdef int ndim = cnp.PyArray_NDIM(a)
    return max(1, dim(a, ndim - 1)) if ndim > 0 else 1


cdef void forward_of(
    int kind, Activation f, void *z, void *y, Py_ssize_t n, Py_ssize_t cols
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        activation_forward(f, <const float *>z, <float *>y, n // cols, cols)
    else:
        activation_forward(f, <const double *>z, <double *>y, n // cols, cols)


cdef void backward_of(
    int kind, Activation f, void *dy, void *y, void *dz, Py_ssize_t n, Py_ssize_t cols
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        activation_backward(f, <const float *>dy, <const float *>y, <float *>dz, n // cols, cols)
    else:
        activation_backward(f, <const double *>dy, <const double *>y, <double *>dz, n // cols, cols)


cdef object elementwise_target(object out, object a, int kind):
    """As target_for, for an output of the shape of `a`, which may be `a` itself."""
    cdef object target = target_for(out, cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), kind)
    if target is out and data(target) != data(a) and overlap(target, a):
        return empty_like(a, kind)
    return target


cdef object forward(Activation f, object z, object out):
    cdef int kind = kind_of(z, -1)
    cdef Py_ssize_t n, cols
    cdef object target
    cdef Address zp, yp
    if not kind or f == SOFTMAX and cnp.PyArray_NDIM(z) == 0:
        z, = arguments.activation(f == SOFTMAX, z=z)
        kind = cnp.PyArray_TYPE(z)
    target = elementwise_target(out, z, kind)
    n, cols = cnp.PyArray_SIZE(z), last_axis(z)
    zp, yp = data(z), data(target)
    if n < RELEASE_AFTER:
        forward_of(kind, f, zp, yp, n, cols)
    else:
        with nogil:
            forward_of(kind, f, zp, yp, n, cols)
    return deliver(target, out)


cdef object backward(Activation f, object dy, object y, object out):
    """y is the output, or the input if the slope is computed from it."""
    cdef int kind = kind_of(dy, -1)
    cdef Py_ssize_t n, cols
    cdef object target
    cdef Address dyp, yp, dzp
    if not kind or not same_array_type(dy, y, kind) or f == SOFTMAX and cnp.PyArray_NDIM(y) == 0:
        if SLOPE_FROM_INPUT(f):
            dy, y = arguments.activation(False, dy=dy, z=y)
        else:
            dy, y = arguments.activation(f == SOFTMAX, dy=dy, y=y)
        kind = cnp.PyArray_TYPE(dy)
    target = elementwise_target(out, dy, kind)
    if target is out and data(target) != data(y) and overlap(target, y):
        target = empty_like(dy, kind)
    n, cols = cnp.PyArray_SIZE(dy), last_axis(dy)
    dyp, yp, dzp = data(dy), data(y), data(target)
    if n < RELEASE_AFTER:
        backward_of(kind, f, dyp, yp, dzp, n, cols)
    else:
        with nogil:
            backward_of(kind, f, dyp, yp, dzp, n, cols)
    return deliver(target, out)


cdef void exp_of(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = exp_real(x[i])


cdef void log_of(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = log_real(x[i])


cdef void function_of(int kind, bint is_exp, void *x, void *y, Py_ssize_t n) noexcept nogil:
    if kind == cnp.NPY_FLOAT and is_exp:
        exp_of(<const float *>x, <float *>y, n)
    elif kind == cnp.NPY_FLOAT:
        log_of(<const float *>x, <float *>y, n)
    elif is_exp:
        exp_of(<const double *>x, <double *>y, n)
    else:
        log_of(<const double *>x, <double *>y, n)


cdef object function(bint is_exp, object x, object out):
    cdef int kind = kind_of(x, -1)
    cdef object target
    cdef Address xp, yp
    cdef Py_ssize_t n
    if not kind:
        x, = arguments.activation(False, x=x)
        kind = cnp.PyArray_TYPE(x)
    target = elementwise_target(out, x, kind)
    xp, yp, n = data(x), data(target), cnp.PyArray_SIZE(x)
    with nogil:
        function_of(kind, is_exp, xp, yp, n)
    return deliver(target, out)


def exp(x, *, out=None):
    return function(True, x, out)


def log(x, *, out=None):
    return function(False, x, out)


cdef double loss_of(int kind, Loss f, void *p, void *t, void *dp, Py_ssize_t n) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        return elementwise_loss(f, <const float *>p, <const float *>t, <float *>dp, n)
    return elementwise_loss(f, <const double *>p, <const double *>t, <double *>dp, n)


cdef object loss(Loss f, object pred, object target):
    cdef int kind = kind_of(pred, -1)
    cdef object dpred
    cdef Address p, t, dp
    cdef Py_ssize_t n
    cdef double total
    if not kind or not same_array_type(pred, target, kind):
        pred, target = arguments.loss(pred, target)
        kind = cnp.PyArray_TYPE(pred)
    dpred = empty_like(pred, kind)
    p, t, dp, n = data(pred), data(target), data(dpred), cnp.PyArray_SIZE(pred)
    if n < RELEASE_AFTER // 10:
        total = loss_of(kind, f, p, t, dp, n)
    else:
        with nogil:
            total = loss_of(kind, f, p, t, dp, n)
    return total, dpred

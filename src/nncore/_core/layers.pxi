"""Activations, the linear layer, losses and the recurrent step, as Python calls them.

Each function tests its arguments for the common case, hands the rest to
`nncore.arguments`, and then runs one kernel. Docstrings come from `reference.py`.
"""
from nncore._core.activations cimport (
    IDENTITY, LEAKY_RELU, RELU, SIGMOID, SOFTMAX, TANH, Activation,
    activation_backward, activation_forward,
)
from nncore._core.linear cimport linear_backward as run_linear_backward
from nncore._core.linear cimport linear_forward as run_linear_forward
from nncore._core.losses cimport (
    ABSOLUTE_ERROR, BINARY_CROSS_ENTROPY, HUBER, SQUARED_ERROR, Loss, elementwise_loss,
    softmax_cross_entropy_row,
)
from nncore._core.real cimport exp as exp_real
from nncore._core.real cimport log as log_real
from nncore._core.real cimport real, transpose
from nncore._core.rnn cimport rnn_step_backward as run_rnn_step_backward
from nncore._core.rnn cimport rnn_step_forward as run_rnn_step_forward


cdef inline Py_ssize_t last_axis(object a):
    """Length of a row for softmax, 1 for a number and where there is nothing to do."""
    cdef int ndim = cnp.PyArray_NDIM(a)
    return max(1, dim(a, ndim - 1)) if ndim > 0 else 1


cdef void forward_of(int kind, Activation f, void *z, void *y, Py_ssize_t n, Py_ssize_t cols) noexcept nogil:
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
    """Like target_for, for an output of the shape of `a` that may be `a` itself."""
    cdef object target = target_for(out, cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), kind)
    if target is out and data(target) != data(a) and overlap(target, a):
        return empty_like(a, kind)
    return target


cdef object forward(Activation f, object z, object out):
    cdef int kind = kind_of(z, -1)
    cdef Py_ssize_t n, cols
    cdef object target
    cdef void *zp
    cdef void *yp
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
    cdef int kind = kind_of(dy, -1)
    cdef Py_ssize_t n, cols
    cdef object target
    cdef void *dyp
    cdef void *yp
    cdef void *dzp
    if not kind or not same_array_type(dy, y, kind) or f == SOFTMAX and cnp.PyArray_NDIM(y) == 0:
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


def identity_forward(z, *, out=None):
    return forward(IDENTITY, z, out)


def sigmoid_forward(z, *, out=None):
    return forward(SIGMOID, z, out)


def tanh_forward(z, *, out=None):
    return forward(TANH, z, out)


def relu_forward(z, *, out=None):
    return forward(RELU, z, out)


def leaky_relu_forward(z, *, out=None):
    return forward(LEAKY_RELU, z, out)


def softmax_forward(z, *, out=None):
    return forward(SOFTMAX, z, out)


def identity_backward(dy, y, *, out=None):
    return backward(IDENTITY, dy, y, out)


def sigmoid_backward(dy, y, *, out=None):
    return backward(SIGMOID, dy, y, out)


def tanh_backward(dy, y, *, out=None):
    return backward(TANH, dy, y, out)


def relu_backward(dy, y, *, out=None):
    return backward(RELU, dy, y, out)


def leaky_relu_backward(dy, y, *, out=None):
    return backward(LEAKY_RELU, dy, y, out)


def softmax_backward(dy, y, *, out=None):
    return backward(SOFTMAX, dy, y, out)


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
    cdef void *xp
    cdef void *yp
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


cdef void linear_of(
    int kind, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, void *x, void *w, void *b, void *y
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        run_linear_forward(rows, inputs, outputs, <const float *>x, <const float *>w, <const float *>b, <float *>y)
    else:
        run_linear_forward(rows, inputs, outputs, <const double *>x, <const double *>w, <const double *>b, <double *>y)


def linear_forward(x, w, b=None, *, out=None):
    cdef int kind = kind_of(x, 2)
    cdef Py_ssize_t rows, inputs, outputs
    cdef cnp.npy_intp[2] dims
    cdef object target
    cdef void *xp
    cdef void *wp
    cdef void *bp
    cdef void *yp
    if (not kind or kind_of(w, 2) != kind or dim(x, 1) != dim(w, 0)
            or b is not None and (kind_of(b, 1) != kind or dim(b, 0) != dim(w, 1))):
        x, w, b = arguments.linear_forward(x, w, b)
        kind = cnp.PyArray_TYPE(x)
    rows, inputs, outputs = dim(x, 0), dim(x, 1), dim(w, 1)
    dims[0], dims[1] = rows, outputs
    target = target_for(out, 2, dims, kind)
    if target is out and (overlap(out, x) or overlap(out, w) or b is not None and overlap(out, b)):
        target = empty(2, dims, kind)
    xp, wp, yp = data(x), data(w), data(target)
    bp = NULL if b is None else data(b)
    if rows * inputs * outputs < 20 * RELEASE_AFTER:
        linear_of(kind, rows, inputs, outputs, xp, wp, bp, yp)
    else:
        with nogil:
            linear_of(kind, rows, inputs, outputs, xp, wp, bp, yp)
    return deliver(target, out)


cdef void linear_backward_of(
    int kind, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs,
    void *dy, void *x, void *w, void *dx, void *dw, void *db, void *scratch,
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        run_linear_backward(
            rows, inputs, outputs, <const float *>dy, <const float *>x, <const float *>w,
            <float *>dx, <float *>dw, <float *>db, <float *>scratch)
    else:
        run_linear_backward(
            rows, inputs, outputs, <const double *>dy, <const double *>x, <const double *>w,
            <double *>dx, <double *>dw, <double *>db, <double *>scratch)


def linear_backward(dy, x, w):
    cdef int kind = kind_of(x, 2)
    cdef Py_ssize_t rows, inputs, outputs
    cdef object dx, dw, db, scratch
    cdef void *dyp
    cdef void *xp
    cdef void *wp
    cdef void *dxp
    cdef void *dwp
    cdef void *dbp
    cdef void *sp
    if (not kind or kind_of(w, 2) != kind or kind_of(dy, 2) != kind
            or dim(x, 1) != dim(w, 0) or dim(dy, 0) != dim(x, 0) or dim(dy, 1) != dim(w, 1)):
        dy, x, w = arguments.linear_backward(dy, x, w)
        kind = cnp.PyArray_TYPE(x)
    rows, inputs, outputs = dim(x, 0), dim(x, 1), dim(w, 1)
    dx, dw, scratch = empty_like(x, kind), empty_like(w, kind), empty_like(w, kind)
    db = empty(1, cnp.PyArray_DIMS(w) + 1, kind)
    dyp, xp, wp, dxp, dwp, dbp, sp = data(dy), data(x), data(w), data(dx), data(dw), data(db), data(scratch)
    if rows * inputs * outputs < 10 * RELEASE_AFTER:
        linear_backward_of(kind, rows, inputs, outputs, dyp, xp, wp, dxp, dwp, dbp, sp)
    else:
        with nogil:
            linear_backward_of(kind, rows, inputs, outputs, dyp, xp, wp, dxp, dwp, dbp, sp)
    return dx, dw, db


cdef double loss_of(int kind, Loss f, void *p, void *t, void *dp, Py_ssize_t n) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        return elementwise_loss(f, <const float *>p, <const float *>t, <float *>dp, n)
    return elementwise_loss(f, <const double *>p, <const double *>t, <double *>dp, n)


cdef object loss(Loss f, object pred, object target):
    cdef int kind = kind_of(pred, -1)
    cdef object dpred
    cdef void *p
    cdef void *t
    cdef void *dp
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


def squared_error(pred, target):
    return loss(SQUARED_ERROR, pred, target)


def absolute_error(pred, target):
    return loss(ABSOLUTE_ERROR, pred, target)


def huber(pred, target):
    return loss(HUBER, pred, target)


def binary_cross_entropy(pred, target):
    return loss(BINARY_CROSS_ENTROPY, pred, target)


cdef double cross_entropy_of(
    const real *z, const Py_ssize_t *labels, real *dz, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(rows):
        total += softmax_cross_entropy_row(
            <real *>z + i * cols, dz + i * cols, labels[i], cols, cols, <real>1)
    return total


cdef bint labels_fit(object labels, Py_ssize_t rows, Py_ssize_t limit):
    """Are these `rows` labels of the native index type, all in 0..limit-1?"""
    cdef const Py_ssize_t *p
    cdef Py_ssize_t i
    if (not cnp.PyArray_CheckExact(labels) or not PyArray_ISCARRAY_RO(<cnp.ndarray>labels)
            or cnp.PyArray_TYPE(labels) != cnp.NPY_INTP or cnp.PyArray_NDIM(labels) != 1
            or dim(labels, 0) != rows):
        return False
    p = <const Py_ssize_t *>data(labels)
    for i in range(rows):
        if p[i] < 0 or p[i] >= limit:
            return False
    return True


def softmax_cross_entropy(logits, labels):
    cdef int kind = kind_of(logits, 2)
    cdef Py_ssize_t rows, cols
    cdef void *z
    cdef void *dz
    cdef const Py_ssize_t *chosen
    cdef double total
    if not kind or not labels_fit(labels, dim(logits, 0), dim(logits, 1)):
        # Copied in any case: no other thread may change a label that was found good.
        logits, labels = arguments.softmax_cross_entropy(logits, labels)
        kind = cnp.PyArray_TYPE(logits)
    rows, cols = dim(logits, 0), dim(logits, 1)
    dlogits = empty_like(logits, kind)
    z, dz, chosen = data(logits), data(dlogits), <const Py_ssize_t *>data(labels)
    if rows * cols < RELEASE_AFTER:
        total = (cross_entropy_of(<const float *>z, chosen, <float *>dz, rows, cols) if kind == cnp.NPY_FLOAT
                 else cross_entropy_of(<const double *>z, chosen, <double *>dz, rows, cols))
    else:
        labels = labels.copy()
        chosen = <const Py_ssize_t *>data(labels)
        if not labels_fit(labels, rows, cols):
            arguments.softmax_cross_entropy(logits, labels)
            raise IndexError("labels changed during the call")
        with nogil:
            total = (cross_entropy_of(<const float *>z, chosen, <float *>dz, rows, cols) if kind == cnp.NPY_FLOAT
                     else cross_entropy_of(<const double *>z, chosen, <double *>dz, rows, cols))
    return total, dlogits


cdef void step_forward_of(
    const real *xw, const real *h_prev, const real *whh, const real *bh, real *h,
    Py_ssize_t rows, Py_ssize_t hidden,
) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(rows):
        for j in range(hidden):
            h[i * hidden + j] = xw[i * hidden + j] + bh[j]
    run_rnn_step_forward(rows, hidden, hidden, h_prev, whh, hidden, h)


def rnn_step_forward(xw, h_prev, whh, bh):
    cdef int kind = kind_of(xw, 2)
    cdef Py_ssize_t rows, hidden
    cdef void *x
    cdef void *hp
    cdef void *w
    cdef void *b
    cdef void *y
    if (not kind or not same_array_type(xw, h_prev, kind) or kind_of(whh, 2) != kind
            or kind_of(bh, 1) != kind or dim(whh, 0) != dim(xw, 1)
            or dim(whh, 1) != dim(xw, 1) or dim(bh, 0) != dim(xw, 1)):
        xw, h_prev, whh, bh = arguments.rnn_step_forward(xw, h_prev, whh, bh)
        kind = cnp.PyArray_TYPE(xw)
    rows, hidden = dim(xw, 0), dim(xw, 1)
    h = empty_like(xw, kind)
    x, hp, w, b, y = data(xw), data(h_prev), data(whh), data(bh), data(h)
    with nogil:
        if kind == cnp.NPY_FLOAT:
            step_forward_of(<const float *>x, <const float *>hp, <const float *>w,
                            <const float *>b, <float *>y, rows, hidden)
        else:
            step_forward_of(<const double *>x, <const double *>hp, <const double *>w,
                            <const double *>b, <double *>y, rows, hidden)
    return h


cdef void step_backward_of(
    const real *dh, const real *h, const real *whh, real *dz, real *dh_prev, real *scratch,
    Py_ssize_t rows, Py_ssize_t hidden,
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows * hidden):
        dz[i] = dh[i]
    transpose(hidden, hidden, whh, hidden, scratch, hidden)
    run_rnn_step_backward(rows, hidden, hidden, dz, h, scratch, hidden, dh_prev, False)


def rnn_step_backward(dh, h, h_prev, whh):
    cdef int kind = kind_of(dh, 2)
    cdef Py_ssize_t rows, hidden
    cdef void *dhp
    cdef void *hp
    cdef void *w
    cdef void *dzp
    cdef void *dhpp
    cdef void *s
    if (not kind or not same_array_type(dh, h, kind) or not same_array_type(dh, h_prev, kind)
            or kind_of(whh, 2) != kind or dim(whh, 0) != dim(dh, 1) or dim(whh, 1) != dim(dh, 1)):
        dh, h, h_prev, whh = arguments.rnn_step_backward(dh, h, h_prev, whh)
        kind = cnp.PyArray_TYPE(dh)
    rows, hidden = dim(dh, 0), dim(dh, 1)
    dz, dh_prev, scratch = empty_like(dh, kind), empty_like(dh, kind), empty_like(whh, kind)
    dhp, hp, w, dzp, dhpp, s = data(dh), data(h), data(whh), data(dz), data(dh_prev), data(scratch)
    with nogil:
        if kind == cnp.NPY_FLOAT:
            step_backward_of(<const float *>dhp, <const float *>hp, <const float *>w,
                             <float *>dzp, <float *>dhpp, <float *>s, rows, hidden)
        else:
            step_backward_of(<const double *>dhp, <const double *>hp, <const double *>w,
                             <double *>dzp, <double *>dhpp, <double *>s, rows, hidden)
    return dz, dh_prev

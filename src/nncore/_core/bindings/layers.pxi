"""Python functions of the linear layer and of softmax cross-entropy."""
from nncore._core.ops.linear cimport linear_backward as run_linear_backward
from nncore._core.ops.linear cimport linear_forward as run_linear_forward
from nncore._core.ops.losses cimport BLOCK, softmax_cross_entropy_block
from nncore._core.ops.once cimport nn_once_size
from nncore._core.ops.real cimport real


cdef void linear_of(
    int kind, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs,
    void *x, void *w, void *b, void *y,
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        run_linear_forward(rows, inputs, outputs, <const float *>x, <const float *>w,
                           <const float *>b, <float *>y)
    else:
        run_linear_forward(rows, inputs, outputs, <const double *>x, <const double *>w,
                           <const double *>b, <double *>y)


def linear_forward(x, w, b=None, *, out=None):
    cdef int kind = kind_of(x, 2)
    cdef Py_ssize_t rows, inputs, outputs
    cdef cnp.npy_intp[2] dims
    cdef object target
    cdef Address xp, wp, bp, yp
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
    if rows * outputs * (inputs + 4) < 32 * RELEASE_AFTER:
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
    cdef Address dyp, xp, wp, dxp, dwp, dbp, sp
    if (not kind or kind_of(w, 2) != kind or kind_of(dy, 2) != kind
            or dim(x, 1) != dim(w, 0) or dim(dy, 0) != dim(x, 0) or dim(dy, 1) != dim(w, 1)):
        dy, x, w = arguments.linear_backward(dy, x, w)
        kind = cnp.PyArray_TYPE(x)
    rows, inputs, outputs = dim(x, 0), dim(x, 1), dim(w, 1)
    dx, dw, scratch = empty_like(x, kind), empty_like(w, kind), empty_like(w, kind)
    db = empty(1, cnp.PyArray_DIMS(w) + 1, kind)
    dyp, xp, wp = data(dy), data(x), data(w)
    dxp, dwp, dbp, sp = data(dx), data(dw), data(db), data(scratch)
    if (rows + 1) * (inputs + 1) * (outputs + 1) < 10 * RELEASE_AFTER:
        linear_backward_of(kind, rows, inputs, outputs, dyp, xp, wp, dxp, dwp, dbp, sp)
    else:
        with nogil:
            linear_backward_of(kind, rows, inputs, outputs, dyp, xp, wp, dxp, dwp, dbp, sp)
    return dx, dw, db


cdef double cross_entropy_of(
    const real *z, const Py_ssize_t *labels, real *dz, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    cdef double total = 0
    cdef double loss[BLOCK]
    cdef Py_ssize_t i = 0, j, n
    while i < rows:
        n = min(<Py_ssize_t>BLOCK, rows - i)
        softmax_cross_entropy_block(
            <real *>z + i * cols, dz + i * cols, labels + i, n, cols, cols, <real>1, loss)
        for j in range(n):
            total += loss[j]
        i += n
    return total


cdef double cross_entropy_of_kind(
    int kind, void *z, const Py_ssize_t *labels, void *dz, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        return cross_entropy_of(<const float *>z, labels, <float *>dz, rows, cols)
    return cross_entropy_of(<const double *>z, labels, <double *>dz, rows, cols)


cdef bint labels_fit(object labels, Py_ssize_t rows):
    """Whether these are `rows` labels of the native index type."""
    return (cnp.PyArray_CheckExact(labels) and PyArray_ISCARRAY_RO(<cnp.ndarray>labels)
            and cnp.PyArray_TYPE(labels) == cnp.NPY_INTP and cnp.PyArray_NDIM(labels) == 1
            and dim(labels, 0) == rows)


cdef bint copy_labels(
    const Py_ssize_t *labels, Py_ssize_t rows, Py_ssize_t limit, Py_ssize_t *out
) noexcept:
    """Copy labels, which other threads may change; return whether all are in 0 to limit - 1."""
    cdef Py_ssize_t i, label
    for i in range(rows):
        label = nn_once_size(labels + i)
        if label < 0 or label >= limit:
            return False
        out[i] = label
    return True


def softmax_cross_entropy(logits, labels):
    cdef int kind = kind_of(logits, 2)
    cdef Py_ssize_t rows, cols
    cdef Py_ssize_t[RELEASE_AFTER] few
    cdef Py_ssize_t *chosen = few
    cdef Address z, dz
    cdef const Py_ssize_t *given
    cdef double total
    if not kind or not labels_fit(labels, dim(logits, 0)):
        logits, labels = arguments.softmax_cross_entropy(logits, labels)
        kind = cnp.PyArray_TYPE(logits)
    rows, cols, z, given = dim(logits, 0), dim(logits, 1), data(logits), <Py_ssize_t *>data(labels)
    dlogits = empty_like(logits, kind)
    dz = data(dlogits)
    room = None
    if rows > RELEASE_AFTER:
        room = aligned_zeros(rows, "i8")
        chosen = <Py_ssize_t *>data(room)
    if not copy_labels(given, rows, cols, chosen):
        arguments.softmax_cross_entropy(logits, labels)
        raise IndexError("labels changed during the call")
    if rows * cols < RELEASE_AFTER:
        total = cross_entropy_of_kind(kind, z, chosen, dz, rows, cols)
    else:
        with nogil:
            total = cross_entropy_of_kind(kind, z, chosen, dz, rows, cols)
    return total, dlogits

# cython: cdivision=True
"""Rows of one vector each: narrow.h for both element types."""
from nncore._core.ops.activations cimport Activation
from nncore._core.ops.losses cimport Loss
from nncore._core.ops.real cimport real

cdef extern from "narrow.h" nogil:
    int NARROW_f32
    int NARROW_f64
    void pad_rows_f32(Py_ssize_t rows, Py_ssize_t n, const float *a, float *out)
    void pad_rows_f64(Py_ssize_t rows, Py_ssize_t n, const double *a, double *out)
    void sum_of_rows_f32(
        Py_ssize_t k, const float *x, Py_ssize_t x_step, const float *rows, float *out)
    void sum_of_rows_f64(
        Py_ssize_t k, const double *x, Py_ssize_t x_step, const double *rows,
        double *out)
    void forward_row_f32(
        Activation f, Py_ssize_t inputs, const float *x, const float *w, float *a)
    void forward_row_f64(
        Activation f, Py_ssize_t inputs, const double *x, const double *w, double *a)
    void trim_rows_f32(Py_ssize_t rows, Py_ssize_t n, const float *a, float *out)
    void trim_rows_f64(Py_ssize_t rows, Py_ssize_t n, const double *a, double *out)
    void slope_row_f32(Activation f, const float *a, float *d)
    void slope_row_f64(Activation f, const double *a, double *d)
    double loss_rows_f32(
        Loss loss, Activation f, Py_ssize_t rows, int n, const float *p, const float *t,
        float scale, float *d)
    double loss_rows_f64(
        Loss loss, Activation f, Py_ssize_t rows, int n, const double *p, const double *t,
        double scale, double *d)
    void backward_row_f32(
        Activation f, Py_ssize_t outputs, const float *d, const float *transposed, const float *a,
        float *d_before)
    void backward_row_f64(
        Activation f, Py_ssize_t outputs, const double *d, const double *transposed,
        const double *a, double *d_before)
    void scaled_row_f32(float x, const float *v, float *out)
    void scaled_row_f64(double x, const double *v, double *out)
    void take_from_row_f32(float x, const float *v, float *out)
    void take_from_row_f64(double x, const double *v, double *out)
    void add_to_rows_f32(Py_ssize_t k, const float *x, const float *v, float *rows)
    void add_to_rows_f64(Py_ssize_t k, const double *x, const double *v, double *rows)


cdef inline Py_ssize_t lanes_of(const real *like) noexcept nogil:
    """The number of lanes of a vector."""
    if real is float:
        return NARROW_f32
    else:
        return NARROW_f64


cdef inline void pad_rows(Py_ssize_t rows, Py_ssize_t n, const real *a, real *out) noexcept nogil:
    """Copy rows of n numbers to rows of one vector each, with 0 in the other lanes."""
    if real is float:
        pad_rows_f32(rows, n, a, out)
    else:
        pad_rows_f64(rows, n, a, out)


cdef inline void sum_of_rows(
    Py_ssize_t k, const real *x, Py_ssize_t x_step, const real *rows, real *out
) noexcept nogil:
    """out = x[0] rows[0] + ... of k rows, a vector each; x[i] x_step apart."""
    if real is float:
        sum_of_rows_f32(k, x, x_step, rows, out)
    else:
        sum_of_rows_f64(k, x, x_step, rows, out)


cdef inline void add_to_rows(
    Py_ssize_t k, const real *x, const real *v, real *rows
) noexcept nogil:
    """rows[i] += x[i] v: k rows and v of a vector each."""
    if real is float:
        add_to_rows_f32(k, x, v, rows)
    else:
        add_to_rows_f64(k, x, v, rows)


cdef inline void forward_row(
    Activation f, Py_ssize_t inputs, const real *x, const real *w, real *a
) noexcept nogil:
    """a = f(x @ w + b); b is the row after the rows of w."""
    if real is float:
        forward_row_f32(f, inputs, x, w, a)
    else:
        forward_row_f64(f, inputs, x, w, a)


cdef inline void trim_rows(Py_ssize_t rows, Py_ssize_t n, const real *a, real *out) noexcept nogil:
    """Copy rows of one vector each to rows of n numbers."""
    if real is float:
        trim_rows_f32(rows, n, a, out)
    else:
        trim_rows_f64(rows, n, a, out)


cdef inline void slope_row(Activation f, const real *a, real *d) noexcept nogil:
    """d = d * f'(a)."""
    if real is float:
        slope_row_f32(f, a, d)
    else:
        slope_row_f64(f, a, d)


cdef inline double loss_rows(
    Loss loss, Activation f, Py_ssize_t rows, Py_ssize_t n, const real *p, const real *t, real *d
) noexcept nogil:
    """The loss summed over rows of n pairs; d = the gradient of its mean over rows."""
    if real is float:
        return loss_rows_f32(loss, f, rows, <int>n, p, t, <float>1 / <float>rows, d)
    else:
        return loss_rows_f64(loss, f, rows, <int>n, p, t, <double>1 / <double>rows, d)


cdef inline void backward_row(
    Activation f, Py_ssize_t outputs, const real *d, const real *transposed, const real *a,
    real *d_before,
) noexcept nogil:
    """d_before = d @ w.T * f'(a); columns of w are the rows of `transposed`."""
    if real is float:
        backward_row_f32(f, outputs, d, transposed, a, d_before)
    else:
        backward_row_f64(f, outputs, d, transposed, a, d_before)


cdef inline void scaled_row(real x, const real *v, real *out) noexcept nogil:
    """out = x v."""
    if real is float:
        scaled_row_f32(x, v, out)
    else:
        scaled_row_f64(x, v, out)


cdef inline void take_from_row(real x, const real *v, real *out) noexcept nogil:
    """out -= x v."""
    if real is float:
        take_from_row_f32(x, v, out)
    else:
        take_from_row_f64(x, v, out)

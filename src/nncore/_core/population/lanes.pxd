# cython: cdivision=True
"""Networks side by side, one in every lane: lanes.h for both element types."""
from libc.stdint cimport uint32_t

from nncore._core.ops.losses cimport Loss
from nncore._core.ops.real cimport real

cdef extern from "lanes.h" nogil:
    int FEW_LANES
    int MANY_LANES
    void lanes_take_f32(
        int lanes, Py_ssize_t width, const float *x, const Py_ssize_t *at, float *into)
    void lanes_take_f64(
        int lanes, Py_ssize_t width, const double *x, const Py_ssize_t *at, double *into)
    void lanes_take_packed_f32(
        int lanes, Py_ssize_t inputs, Py_ssize_t outputs, const float *rows, Py_ssize_t row,
        const uint32_t *order, Py_ssize_t apart, float *x, float *y)
    void lanes_take_packed_f64(
        int lanes, Py_ssize_t inputs, Py_ssize_t outputs, const double *rows, Py_ssize_t row,
        const uint32_t *order, Py_ssize_t apart, double *x, double *y)
    void lanes_forward_f32(
        int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const float *x,
        bint shared, const float *w, const float *b, float *z)
    void lanes_forward_f64(
        int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const double *x,
        bint shared, const double *w, const double *b, double *z)
    void lanes_weights_f32(
        int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const float *x,
        bint shared, const float *d, float *dw, float *db)
    void lanes_weights_f64(
        int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const double *x,
        bint shared, const double *d, double *dw, double *db)
    void lanes_inputs_f32(
        int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const float *d,
        const float *w, float *d_before)
    void lanes_inputs_f64(
        int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const double *d,
        const double *w, double *d_before)
    void lanes_online_f32(
        int lanes, Py_ssize_t inputs, Py_ssize_t outputs, int few, const float *x, bint shared,
        const float *d, const float *rate, float *w, float *b, float *d_before)
    void lanes_online_f64(
        int lanes, Py_ssize_t inputs, Py_ssize_t outputs, int few, const double *x, bint shared,
        const double *d, const double *rate, double *w, double *b, double *d_before)
    void lanes_loss_f32(
        int lanes, Loss loss, Py_ssize_t n, const float *p, const float *t, bint shared,
        bint scaled, float scale, float *dp, double *total)
    void lanes_loss_f64(
        int lanes, Loss loss, Py_ssize_t n, const double *p, const double *t, bint shared,
        bint scaled, double scale, double *dp, double *total)
    void lanes_squares_f32(int lanes, Py_ssize_t n, const float *x, double *sums)
    void lanes_squares_f64(int lanes, Py_ssize_t n, const double *x, double *sums)
    void lanes_fold_squares(int lanes, double *sums, double *total)
    void lanes_sizes_f32(int lanes, Py_ssize_t n, const float *w, double *total)
    void lanes_sizes_f64(int lanes, Py_ssize_t n, const double *w, double *total)
    void lanes_penalty_f32(
        int lanes, Py_ssize_t n, const float *w, const float *square, const float *l1, float *g)
    void lanes_penalty_f64(
        int lanes, Py_ssize_t n, const double *w, const double *square, const double *l1, double *g)
    void lanes_scale_f32(int lanes, Py_ssize_t n, const float *factor, float *x)
    void lanes_scale_f64(int lanes, Py_ssize_t n, const double *factor, double *x)


cdef inline void lanes_take(
    int lanes, Py_ssize_t width, const real *x, const Py_ssize_t *at, real *into
) noexcept nogil:
    """into (width, lanes) = row at[l] of x for each lane l."""
    if real is float:
        lanes_take_f32(lanes, width, x, at, into)
    else:
        lanes_take_f64(lanes, width, x, at, into)


cdef inline void lanes_take_packed(
    int lanes, Py_ssize_t inputs, Py_ssize_t outputs, const real *rows, Py_ssize_t row,
    const uint32_t *order, Py_ssize_t apart, real *x, real *y,
) noexcept nogil:
    """x (inputs, lanes) and y (outputs, lanes) = packed row order[l * apart] for each lane l."""
    if real is float:
        lanes_take_packed_f32(lanes, inputs, outputs, rows, row, order, apart, x, y)
    else:
        lanes_take_packed_f64(lanes, inputs, outputs, rows, row, order, apart, x, y)


cdef inline void lanes_forward(
    int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *x, bint shared,
    const real *w, const real *b, real *z,
) noexcept nogil:
    """z = x @ w + b."""
    if real is float:
        lanes_forward_f32(lanes, rows, inputs, outputs, x, shared, w, b, z)
    else:
        lanes_forward_f64(lanes, rows, inputs, outputs, x, shared, w, b, z)


cdef inline void lanes_weights(
    int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *x, bint shared,
    const real *d, real *dw, real *db,
) noexcept nogil:
    """dw = x.T @ d, db = the sums of the rows of d."""
    if real is float:
        lanes_weights_f32(lanes, rows, inputs, outputs, x, shared, d, dw, db)
    else:
        lanes_weights_f64(lanes, rows, inputs, outputs, x, shared, d, dw, db)


cdef inline void lanes_inputs(
    int lanes, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, const real *d,
    const real *w, real *d_before,
) noexcept nogil:
    """d_before = d @ w.T."""
    if real is float:
        lanes_inputs_f32(lanes, rows, inputs, outputs, d, w, d_before)
    else:
        lanes_inputs_f64(lanes, rows, inputs, outputs, d, w, d_before)


cdef inline void lanes_online(
    int lanes, Py_ssize_t inputs, Py_ssize_t outputs, int few, const real *x, bint shared,
    const real *d, const real *rate, real *w, real *b, real *d_before,
) noexcept nogil:
    """w -= rate x.T @ d, b -= rate d; d_before = d @ w.T with the old w, unless it is NULL."""
    if real is float:
        lanes_online_f32(lanes, inputs, outputs, few, x, shared, d, rate, w, b, d_before)
    else:
        lanes_online_f64(lanes, inputs, outputs, few, x, shared, d, rate, w, b, d_before)


cdef inline void lanes_loss(
    int lanes, Loss loss, Py_ssize_t n, const real *p, const real *t, bint shared, bint scaled,
    real scale, real *dp, double *total,
) noexcept nogil:
    """The losses of n pairs summed for each lane; dp = their derivatives, times scale if scaled."""
    if real is float:
        lanes_loss_f32(lanes, loss, n, p, t, shared, scaled, scale, dp, total)
    else:
        lanes_loss_f64(lanes, loss, n, p, t, shared, scaled, scale, dp, total)


cdef inline void lanes_squares(
    int lanes, Py_ssize_t n, const real *x, double *sums
) noexcept nogil:
    """sums (16, lanes) += the squares of n numbers."""
    if real is float:
        lanes_squares_f32(lanes, n, x, sums)
    else:
        lanes_squares_f64(lanes, n, x, sums)


cdef inline void lanes_sizes(int lanes, Py_ssize_t n, const real *w, double *total) noexcept nogil:
    """total (lanes,) += the sizes of n numbers."""
    if real is float:
        lanes_sizes_f32(lanes, n, w, total)
    else:
        lanes_sizes_f64(lanes, n, w, total)


cdef inline void lanes_penalty(
    int lanes, Py_ssize_t n, const real *w, const real *square, const real *l1, real *g
) noexcept nogil:
    """g += the gradient of l1 |w| + square w^2 / 2."""
    if real is float:
        lanes_penalty_f32(lanes, n, w, square, l1, g)
    else:
        lanes_penalty_f64(lanes, n, w, square, l1, g)


cdef inline void lanes_scale(
    int lanes, Py_ssize_t n, const real *factor, real *x
) noexcept nogil:
    """x (n, lanes) *= factor (lanes,)."""
    if real is float:
        lanes_scale_f32(lanes, n, factor, x)
    else:
        lanes_scale_f64(lanes, n, factor, x)

# cython: cdivision=True
"""Losses and their gradients over raw pointers. Losses are summed in double.

The formulas of element-wise losses are in formulas_template.h, their names in `nncore.registry`.
"""
from nncore._core.ops.real cimport exp, log, real, row_exp_sum, row_max, row_sum, transpose

cdef extern from "formulas.h" nogil:
    ctypedef enum Loss:
        SOFTMAX_CROSS_ENTROPY
    double elementwise_loss_f32(
        Loss kind, const float *p, const float *t, float *dp, Py_ssize_t n)
    double elementwise_loss_f64(
        Loss kind, const double *p, const double *t, double *dp, Py_ssize_t n)

cdef extern from "lanes.h" nogil:
    int FEW_LANES
    void lanes_cross_entropy_f32(
        int lanes, Py_ssize_t n, const float *z, float *dz, const Py_ssize_t *label, float scale,
        double *loss)
    void lanes_cross_entropy_f64(
        int lanes, Py_ssize_t n, const double *z, double *dz, const Py_ssize_t *label,
        double scale, double *loss)


cdef inline void lanes_cross_entropy(
    int lanes, Py_ssize_t n, const real *z, real *dz, const Py_ssize_t *label, real scale,
    double *loss,
) noexcept nogil:
    """loss (lanes,) of a row of n logits for each lane; dz = scale * (softmax(z) - one-hot)."""
    if real is float:
        lanes_cross_entropy_f32(lanes, n, z, dz, label, scale, loss)
    else:
        lanes_cross_entropy_f64(lanes, n, z, dz, label, scale, loss)


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
    BLOCK = 16      # the most rows for softmax_cross_entropy_block; must equal FEW_LANES
    LEAST_ROWS = 9  # from so many rows on, lanes are faster if rows have
    FEW = 32        # fewer logits than this, and not exactly 16


cdef inline void rows_in_lanes(
    const real *z, real *dz, const Py_ssize_t *labels, Py_ssize_t rows, Py_ssize_t n, real scale,
    double *losses,
) noexcept nogil:
    """As softmax_cross_entropy_block with a row in each lane, for n < FEW without padding."""
    cdef real logits[FEW * BLOCK]
    cdef real slopes[FEW * BLOCK]
    cdef Py_ssize_t label[BLOCK]
    cdef double loss[BLOCK]
    cdef Py_ssize_t i, j
    transpose(rows, n, z, n, logits, BLOCK)
    for i in range(BLOCK):
        label[i] = labels[i if i < rows else 0]
    for j in range(n):
        for i in range(rows, BLOCK):
            logits[j * BLOCK + i] = logits[j * BLOCK]
    lanes_cross_entropy(FEW_LANES, n, logits, slopes, label, scale, loss)
    transpose(n, rows, slopes, BLOCK, dz, n)
    for i in range(rows):
        losses[i] = loss[i]


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
    if width == n < FEW and n % 16 != 0 and rows >= LEAST_ROWS:
        rows_in_lanes(z, dz, labels, rows, n, scale, losses)
        return
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

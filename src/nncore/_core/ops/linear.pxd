# cython: cdivision=True
"""The linear layer y = x @ w + b over raw pointers; all matrices row-major."""
from nncore._core.ops.real cimport START_BIAS, START_C, START_ZERO, product, real, transpose
from nncore._core.ops.signals cimport POLL_FLOPS, poll_signals

cdef enum:
    PART_ROWS = 12    # a whole number of tiles on every level
    PART_DEPTH = 256  # K_BLOCK of tile.h, so that parts are as fast as the whole product
    PART_FLOPS = 4 * POLL_FLOPS  # smaller parts would copy b too often, see packed_template.h
    MEMORY_DEPTH = 64  # writing to new memory takes as long as a product of this depth


cdef inline int polled_product(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const real *a, Py_ssize_t a_row, Py_ssize_t a_col, const real *b, Py_ssize_t b_row,
    real *c, Py_ssize_t c_row, int start, const real *bias,
) except -1 nogil:
    """As product(), with the same bits, but checks for signals between the parts of a large one."""
    cdef Py_ssize_t i, p = 0, rows, depth
    if k == 0 or 2 * <double>m * <double>n * <double>max(k, <Py_ssize_t>MEMORY_DEPTH) <= POLL_FLOPS:
        product(m, n, k, a, a_row, a_col, b, b_row, c, c_row, start, bias)
        return 0
    while p < k:
        depth = min(<Py_ssize_t>PART_DEPTH, k - p)
        rows = PART_FLOPS // (2 * n * max(depth, <Py_ssize_t>MEMORY_DEPTH)) + 1
        if rows > PART_ROWS:
            rows -= rows % PART_ROWS
        i = 0
        while i < m:
            product(min(rows, m - i), n, depth, a + i * a_row + p * a_col, a_row, a_col,
                    b + p * b_row, b_row, c + i * c_row, c_row,
                    <int>START_C if p > 0 else start, bias)
            poll_signals()
            i += rows
        p += depth
    return 0


cdef inline void linear_forward(
    Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs,
    const real *x, const real *w, const real *b, real *y,
) noexcept nogil:
    """y (rows, outputs) = x (rows, inputs) @ w (inputs, outputs) + b, NULL for no b."""
    product(rows, outputs, inputs, x, inputs, 1, w, outputs, y, outputs,
            START_ZERO if b == NULL else START_BIAS, b)


cdef inline void column_sums(
    Py_ssize_t rows, Py_ssize_t cols, const real *x, Py_ssize_t x_row, real *out
) noexcept nogil:
    """out (cols,) = the rows of x summed from the first to the last: ones @ x."""
    cdef real one = 1, total
    cdef Py_ssize_t i, j
    if cols > 4:
        product(1, cols, rows, &one, 0, 0, x, x_row, out, cols, START_ZERO, <const real *>NULL)
        return
    for j in range(cols):  # faster than the call of product for so few columns
        total = 0
        for i in range(rows):
            total += x[i * x_row + j]
        out[j] = total


cdef inline void linear_backward(
    Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs,
    const real *dy, const real *x, const real *w,
    real *dx, real *dw, real *db, real *w_transposed,
) noexcept nogil:
    """dx = dy @ w.T, dw = x.T @ dy, db = sum of dy's rows.

    w_transposed is scratch for outputs x inputs numbers.
    """
    transpose(inputs, outputs, w, outputs, w_transposed, inputs)
    product(rows, inputs, outputs, dy, outputs, 1, w_transposed, inputs, dx, inputs,
            START_ZERO, <const real *>NULL)
    product(inputs, outputs, rows, x, 1, inputs, dy, outputs, dw, outputs,
            START_ZERO, <const real *>NULL)
    column_sums(rows, outputs, dy, outputs, db)

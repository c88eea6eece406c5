# cython: cdivision=True
"""The first layer of a perceptron for sparse inputs: products with zeros are skipped.

The bits are those of the same inputs in a dense array.
"""
from libc.string cimport memset

from nncore._core.mlp.entries cimport Entries, extra_memory
from nncore._core.mlp.plan cimport Layer
from nncore._core.ops.real cimport muladd, real
from nncore._core.ops.signals cimport POLL_FLOPS, poll_signals

cdef enum:
    BLOCK_BYTES = 1 << 20  # of weights, which stay in the cache while many rows are summed
    LEAST_SHARED = 2       # entries per column, and per piece of a row, for which blocks are faster

cdef extern from "sparse.h" nogil:
    void sum_lists_f32(
        Py_ssize_t lists, const Py_ssize_t *begin, Py_ssize_t readable, const Py_ssize_t *row,
        const float *value, Py_ssize_t n, const float *b, float *c, const float *bias)
    void sum_lists_f64(
        Py_ssize_t lists, const Py_ssize_t *begin, Py_ssize_t readable, const Py_ssize_t *row,
        const double *value, Py_ssize_t n, const double *b, double *c, const double *bias)
    Py_ssize_t blocks_size_f32(
        Py_ssize_t rows, Py_ssize_t entries, Py_ssize_t columns, Py_ssize_t n, int shift)
    void sum_blocks_f32(
        Py_ssize_t rows, const Py_ssize_t *start, const Py_ssize_t *column, const float *value,
        Py_ssize_t columns, Py_ssize_t n, const float *b, const float *bias, float *c, int shift,
        char *memory)
    Py_ssize_t blocks_size_f64(
        Py_ssize_t rows, Py_ssize_t entries, Py_ssize_t columns, Py_ssize_t n, int shift)
    void sum_blocks_f64(
        Py_ssize_t rows, const Py_ssize_t *start, const Py_ssize_t *column, const double *value,
        Py_ssize_t columns, Py_ssize_t n, const double *b, const double *bias, double *c, int shift,
        char *memory)


cdef inline void sum_lists(
    Py_ssize_t lists, const Py_ssize_t *begin, Py_ssize_t readable, const Py_ssize_t *row,
    const real *value, Py_ssize_t n, const real *b, real *c, const real *bias,
) noexcept nogil:
    """c (lists, n) = bias, or 0 for NULL, + the sum of value[k] * b[row[k]] over each list."""
    if real is float:
        sum_lists_f32(lists, begin, readable, row, value, n, b, c, bias)
    else:
        sum_lists_f64(lists, begin, readable, row, value, n, b, c, bias)


cdef inline int sparse_forward(
    Entries *e, Py_ssize_t outputs, const real *w, const real *b, real *a
) except -1 nogil:
    """a (rows, outputs) = x @ w + b for the batch's rows x."""
    cdef Py_ssize_t i = 0, rows
    cdef int shift = block_shift(outputs * <Py_ssize_t>sizeof(real))
    if e.ascending and blocks_pay(e, shift) and forward_by_blocks(e, outputs, shift, w, b, a):
        return 0
    while i < e.rows:
        rows = rows_until_poll(e, i, outputs)
        sum_lists(rows, e.start + i, e.count, e.column, <const real *>e.value, outputs, w,
                  a + i * outputs, b)
        i += rows
    return 0


cdef inline Py_ssize_t rows_until_poll(
    const Entries *e, Py_ssize_t first, Py_ssize_t outputs
) except -1 nogil:
    """The number of rows to process next; checks for signals if it is not all of them."""
    cdef Py_ssize_t most = POLL_FLOPS // (2 * outputs) + 1, i = e.rows
    if e.start[e.rows] - e.start[first] > most:
        poll_signals()
        i = first + 1
        while i < e.rows and e.start[i + 1] - e.start[first] <= most:
            i += 1
    return i - first


cdef inline int block_shift(Py_ssize_t row_bytes) noexcept nogil:
    """The binary logarithm of the number of rows of weights in a block."""
    cdef int shift = 0
    while (row_bytes << (shift + 1)) <= BLOCK_BYTES:
        shift += 1
    return shift


cdef inline bint blocks_pay(const Entries *e, int shift) noexcept nogil:
    """Whether there are several blocks, and many entries of every row in each."""
    cdef Py_ssize_t blocks = ((e.columns - 1) >> shift) + 1
    return blocks > 1 and e.count > LEAST_SHARED * max(e.columns, blocks * e.rows)


cdef inline bint forward_by_blocks(
    Entries *e, Py_ssize_t outputs, int shift, const real *w, const real *b, real *a
) except -1 nogil:
    """As `sparse_forward`, for enough entries that every row of w is needed several times.

    Does nothing and returns False if there is no memory to sort them.
    """
    cdef const real *value = <const real *>e.value
    cdef char *memory
    if real is float:
        memory = extra_memory(e, blocks_size_f32(e.rows, e.count, e.columns, outputs, shift))
        if memory == NULL:
            return False
        sum_blocks_f32(e.rows, e.start, e.column, value, e.columns, outputs, w, b, a, shift,
                       memory)
    else:
        memory = extra_memory(e, blocks_size_f64(e.rows, e.count, e.columns, outputs, shift))
        if memory == NULL:
            return False
        sum_blocks_f64(e.rows, e.start, e.column, value, e.columns, outputs, w, b, a, shift,
                       memory)
    poll_signals()
    return True


cdef inline void column_gradient(
    const Entries *e, Py_ssize_t k, Py_ssize_t outputs, const real *d, real *out
) noexcept nogil:
    """One row of x.T @ d, of the k-th of the touched columns."""
    sum_lists(1, e.begin + k, e.count, e.row, <const real *>e.sorted_value, outputs, d, out,
              <const real *>NULL)


cdef inline void columns_gradient(
    const Entries *e, Py_ssize_t first, Py_ssize_t columns, Py_ssize_t outputs, const real *d,
    real *out,
) noexcept nogil:
    """Rows of x.T @ d, of these columns."""
    cdef Py_ssize_t k
    if e.by_columns:
        sum_lists(columns, e.begin + first, e.count, e.row, <const real *>e.sorted_value, outputs,
                  d, out, <const real *>NULL)
        return
    memset(out, 0, columns * outputs * sizeof(real))
    for k in range(first, first + columns):
        if e.slot[k] > 0:
            column_gradient(e, e.slot[k] - 1, outputs, d, out + (k - first) * outputs)


cdef inline int sparse_weights_gradient(
    const Entries *e, const Layer *layer, const real *d, real *out
) except -1 nogil:
    """out (inputs, outputs) = x.T @ d for the batch's rows x."""
    cdef Py_ssize_t k, n = layer.outputs
    cdef double since_poll = 0
    if e.by_columns:
        return all_columns_gradient(e, n, d, out)
    memset(out, 0, layer.inputs * n * sizeof(real))
    for k in range(e.touched):
        column_gradient(e, k, n, d, out + e.touched_column[k] * n)
        since_poll += 2.0 * <double>(e.begin[k + 1] - e.begin[k]) * <double>n
        if since_poll > POLL_FLOPS:
            since_poll = 0
            poll_signals()
    return 0


cdef inline int all_columns_gradient(
    const Entries *e, Py_ssize_t outputs, const real *d, real *out
) except -1 nogil:
    """As `sparse_weights_gradient`, if every column has entries, in order."""
    cdef Py_ssize_t i = 0, columns
    cdef double work = 2.0 * <double>max(<Py_ssize_t>1, e.count) * <double>outputs
    cdef Py_ssize_t most = 1 + <Py_ssize_t>(<double>e.touched * POLL_FLOPS / work)
    while i < e.touched:
        columns = min(most, e.touched - i)
        columns_gradient(e, i, columns, outputs, d, out + i * outputs)
        i += columns
        if i < e.touched:
            poll_signals()
    return 0


cdef inline void sparse_online_backward(
    const Entries *e, const Layer *layer, const real *d, real rate, real *w, real *b
) noexcept nogil:
    """As `online.online_backward`, for the first layer and a single row."""
    cdef const real *value = <const real *>e.value
    cdef real *to
    cdef real step
    cdef Py_ssize_t k, j, n = layer.outputs
    for k in range(e.count):
        step = -rate * value[k]
        to = w + e.column[k] * n
        for j in range(n):
            to[j] = muladd(step, d[j], to[j])
    for j in range(n):
        b[j] -= rate * d[j]

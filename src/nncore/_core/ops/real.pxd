# cython: cdivision=True
"""The two element types, and the C routines of vmath.h and tile.h for both."""

ctypedef fused real:
    float
    double

cdef enum:
    ALIGN = 16  # numbers; each parameter and each matrix starts on a 64-byte line

cdef extern from "vmath.h" nogil:
    float nn_exp_f32(float x)
    double nn_exp_f64(double x)
    float nn_log_f32(float x)
    double nn_log_f64(double x)
    float nn_rsqrt_f32(float x)
    double nn_rsqrt_f64(double x)
    float nn_approx_sqrt_f32(float x)
    double nn_approx_sqrt_f64(double x)
    float nn_muladd_f32(float a, float b, float c)
    double nn_muladd_f64(double a, double b, double c)

cdef extern from "tile.h" nogil:
    int START_ZERO
    int START_BIAS
    int START_C
    void product_f32(
        Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
        const float *a, Py_ssize_t a_row, Py_ssize_t a_col, const float *b, Py_ssize_t b_row,
        float *c, Py_ssize_t c_row, int start, const float *bias)
    void product_f64(
        Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
        const double *a, Py_ssize_t a_row, Py_ssize_t a_col, const double *b, Py_ssize_t b_row,
        double *c, Py_ssize_t c_row, int start, const double *bias)
    float fold_sum_f32(const float *lane)
    double fold_sum_f64(const double *lane)
    float row_max_f32(const float *x, Py_ssize_t n)
    double row_max_f64(const double *x, Py_ssize_t n)
    void copy_rows_f32(
        Py_ssize_t rows, Py_ssize_t cols, const float *a, Py_ssize_t a_row,
        float *out, Py_ssize_t out_row)
    void copy_rows_f64(
        Py_ssize_t rows, Py_ssize_t cols, const double *a, Py_ssize_t a_row,
        double *out, Py_ssize_t out_row)
    void transpose_f32(
        Py_ssize_t rows, Py_ssize_t cols, const float *a, Py_ssize_t a_row,
        float *out, Py_ssize_t out_row)
    void transpose_f64(
        Py_ssize_t rows, Py_ssize_t cols, const double *a, Py_ssize_t a_row,
        double *out, Py_ssize_t out_row)


cdef inline Py_ssize_t aligned(Py_ssize_t n) noexcept nogil:
    return (n + ALIGN - 1) // ALIGN * ALIGN


cdef inline Py_ssize_t reserve(Py_ssize_t *end, Py_ssize_t n) noexcept nogil:
    """Reserve aligned room for n numbers in a flat vector or in scratch; return its offset."""
    cdef Py_ssize_t start = end[0]
    end[0] = start + aligned(n)
    return start


cdef inline real exp(real x) noexcept nogil:
    if real is float:
        return nn_exp_f32(x)
    else:
        return nn_exp_f64(x)


cdef inline real log(real x) noexcept nogil:
    if real is float:
        return nn_log_f32(x)
    else:
        return nn_log_f64(x)


cdef inline real rsqrt(real x) noexcept nogil:
    """1/sqrt(x) for x from the smallest normal number to infinity."""
    if real is float:
        return nn_rsqrt_f32(x)
    else:
        return nn_rsqrt_f64(x)


cdef inline real approx_sqrt(real x) noexcept nogil:
    """The square root of x if it is normal, 0 or infinity; otherwise less, but not below 0."""
    if real is float:
        return nn_approx_sqrt_f32(x)
    else:
        return nn_approx_sqrt_f64(x)


cdef inline real muladd(real a, real b, real c) noexcept nogil:
    """a * b + c, rounded once where the level has FMA, else twice."""
    if real is float:
        return nn_muladd_f32(a, b, c)
    else:
        return nn_muladd_f64(a, b, c)


cdef inline void product(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const real *a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real *b, Py_ssize_t b_row,
    real *c, Py_ssize_t c_row, int start, const real *bias,
) noexcept nogil:
    """c (m, n) = start + a (m, k) @ b (k, n); the order of accumulation is tile.h's."""
    if real is float:
        product_f32(m, n, k, a, a_row, a_col, b, b_row, c, c_row, start, bias)
    else:
        product_f64(m, n, k, a, a_row, a_col, b, b_row, c, c_row, start, bias)


cdef inline void copy_rows(
    Py_ssize_t rows, Py_ssize_t cols, const real *a, Py_ssize_t a_row,
    real *out, Py_ssize_t out_row,
) noexcept nogil:
    """out (rows, cols) = a (rows, cols), each with its row stride."""
    if real is float:
        copy_rows_f32(rows, cols, a, a_row, out, out_row)
    else:
        copy_rows_f64(rows, cols, a, a_row, out, out_row)


cdef inline void transpose(
    Py_ssize_t rows, Py_ssize_t cols, const real *a, Py_ssize_t a_row,
    real *out, Py_ssize_t out_row,
) noexcept nogil:
    """out (cols, rows) = a (rows, cols) transposed."""
    if real is float:
        transpose_f32(rows, cols, a, a_row, out, out_row)
    else:
        transpose_f64(rows, cols, a, a_row, out, out_row)


# Sums and maxima use 16 lanes folded by a fixed tree for every vector width, so
# that they vectorise and still give the same bits on every level.

cdef inline real folded_sum(const real *lane) noexcept nogil:
    if real is float:
        return fold_sum_f32(lane)
    else:
        return fold_sum_f64(lane)


cdef inline real row_sum(const real *x, Py_ssize_t n) noexcept nogil:
    cdef real lane[16]
    cdef Py_ssize_t i, j
    for j in range(16):
        lane[j] = 0
    for i in range(0, n - 15, 16):
        for j in range(16):
            lane[j] += x[i + j]
    for i in range(n - n % 16, n):
        lane[i % 16] += x[i]
    return folded_sum(lane)


cdef inline real row_exp_sum(const real *x, real top, Py_ssize_t n) noexcept nogil:
    """The sum of exp(x - top), as `row_sum` computes it."""
    cdef real lane[16]
    cdef Py_ssize_t i, j
    for j in range(16):
        lane[j] = 0
    for i in range(0, n - 15, 16):
        for j in range(16):
            lane[j] += exp(x[i + j] - top)
    for i in range(n - n % 16, n):
        lane[i % 16] += exp(x[i] - top)
    return folded_sum(lane)


cdef inline real row_dot(const real *x, const real *y, Py_ssize_t n) noexcept nogil:
    cdef real lane[16]
    cdef Py_ssize_t i, j
    for j in range(16):
        lane[j] = 0
    for i in range(0, n - 15, 16):
        for j in range(16):
            lane[j] += x[i + j] * y[i + j]
    for i in range(n - n % 16, n):
        lane[i % 16] += x[i] * y[i]
    return folded_sum(lane)


cdef inline double sum_of_squares(const real *x, Py_ssize_t n) noexcept nogil:
    cdef double lane[16]
    cdef Py_ssize_t i, j
    for j in range(16):
        lane[j] = 0
    for i in range(0, n - 15, 16):
        for j in range(16):
            lane[j] += <double>x[i + j] * <double>x[i + j]
    for i in range(n - n % 16, n):
        lane[i % 16] += <double>x[i] * <double>x[i]
    return folded_sum(lane)


cdef inline real row_max(const real *x, Py_ssize_t n) noexcept nogil:
    """Largest of n >= 1 numbers; NaN are ignored unless x[0] is one."""
    if real is float:
        return row_max_f32(x, n)
    else:
        return row_max_f64(x, n)

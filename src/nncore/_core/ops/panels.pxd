"""Products by the same matrix, one after the other, from a copy of it in panels of columns."""
from nncore._core.ops.real cimport product, real

cdef extern from "tile.h" nogil:
    bint panels_are_faster(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k)
    Py_ssize_t panels_size_f32(Py_ssize_t n, Py_ssize_t k)
    Py_ssize_t panels_size_f64(Py_ssize_t n, Py_ssize_t k)
    void pack_matrix_f32(
        Py_ssize_t n, Py_ssize_t k, const float *b, Py_ssize_t b_row, float *panels)
    void pack_matrix_f64(
        Py_ssize_t n, Py_ssize_t k, const double *b, Py_ssize_t b_row, double *panels)
    void product_of_panels_f32(
        Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
        const float *a, Py_ssize_t a_row, Py_ssize_t a_col, const float *panels,
        float *c, Py_ssize_t c_row, int start, const float *bias)
    void product_of_panels_f64(
        Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
        const double *a, Py_ssize_t a_row, Py_ssize_t a_col, const double *panels,
        double *c, Py_ssize_t c_row, int start, const double *bias)


cdef inline Py_ssize_t most_panel_numbers(Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """The size of the panels of a matrix (k, n) in the type whose panels are the wider ones."""
    return max(panels_size_f32(n, k), panels_size_f64(n, k))


cdef inline real *pack_matrix(
    Py_ssize_t n, Py_ssize_t k, const real *b, Py_ssize_t b_row, real *panels
) noexcept nogil:
    """panels = b (k, n); return where they end."""
    if real is float:
        pack_matrix_f32(n, k, b, b_row, panels)
        return panels + panels_size_f32(n, k)
    else:
        pack_matrix_f64(n, k, b, b_row, panels)
        return panels + panels_size_f64(n, k)


cdef inline const real *product_of_either(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const real *a, Py_ssize_t a_row,
    const real *b, Py_ssize_t b_row, const real *panels,
    real *c, Py_ssize_t c_row, int start, const real *bias,
) noexcept nogil:
    """c = start + a @ b, with the same bits from b's panels or, if they are NULL, from b itself.

    Return where the panels end, NULL if there are none.
    """
    if panels == NULL:
        product(m, n, k, a, a_row, 1, b, b_row, c, c_row, start, bias)
        return NULL
    if real is float:
        product_of_panels_f32(m, n, k, a, a_row, 1, panels, c, c_row, start, bias)
        return panels + panels_size_f32(n, k)
    else:
        product_of_panels_f64(m, n, k, a, a_row, 1, panels, c, c_row, start, bias)
        return panels + panels_size_f64(n, k)

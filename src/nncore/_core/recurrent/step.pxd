# cython: cdivision=True
"""One time step of a recurrent layer, forward and backward, over raw pointers.

    gates = x @ wxh + bh + h_before @ whh        h, c = cell(gates, c_before)

The cells are in cells_template.h. Rows of h, c and `extra` are `row` numbers apart, those of the
gates and of whh `gates_row`; the gaps hold zeros on entry and on return, so that products run over
whole vectors.
"""
from nncore._core.ops.panels cimport (
    most_panel_numbers, pack_matrix, panels_are_faster, product_of_either,
)
from nncore._core.ops.real cimport START_BIAS, START_C, real

cdef extern from "cells.h" nogil:
    ctypedef enum Cell:
        TANH_CELL
        LSTM_CELL
        GRU_CELL
    const int CELL_GATES[]
    const int CELL_STATES[]
    const int CELL_RECURRENT_BIAS[]
    void cell_forward_f32(
        Cell cell, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t row, Py_ssize_t gates_row,
        float *gates, float *extra, const float *h_before, const float *c_before,
        float *h, float *c)
    void cell_forward_f64(
        Cell cell, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t row, Py_ssize_t gates_row,
        double *gates, double *extra, const double *h_before, const double *c_before,
        double *h, double *c)
    void cell_backward_f32(
        Cell cell, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t row, Py_ssize_t gates_row,
        float *gates, float *extra, const float *h_before, const float *c_before,
        const float *h, const float *dh, float *dc, float *dh_before)
    void cell_backward_f64(
        Cell cell, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t row, Py_ssize_t gates_row,
        double *gates, double *extra, const double *h_before, const double *c_before,
        const double *h, const double *dh, double *dc, double *dh_before)


cdef struct CellShape:
    Cell kind
    Py_ssize_t hidden
    Py_ssize_t row, gates_row
    Py_ssize_t width            # of rows of gates in products: without their padding or with some
    Py_ssize_t gates            # columns of gates that the product with whh is added to


cdef inline CellShape cell_shape(
    Cell kind, Py_ssize_t hidden, Py_ssize_t row, Py_ssize_t gates_row, Py_ssize_t width
) noexcept nogil:
    """gates_row: at least the number of gates times hidden, and for a single gate `row`."""
    cdef CellShape s
    s.kind, s.hidden, s.row, s.gates_row, s.width = kind, hidden, row, gates_row, width
    s.gates = (CELL_GATES[<int>kind] - CELL_RECURRENT_BIAS[<int>kind]) * hidden
    return s


cdef inline Py_ssize_t step_panels(const CellShape *s, Py_ssize_t rows) noexcept nogil:
    """How many numbers the panels of whh, or of whh transposed, have; 0 if no step is faster."""
    cdef Py_ssize_t n = s.hidden, size = 0, apart = CELL_RECURRENT_BIAS[<int>s.kind] * n
    if panels_are_faster(rows, s.width, n):
        size = most_panel_numbers(s.width - apart, n) + most_panel_numbers(apart, n)
    if panels_are_faster(rows, s.row, s.gates + apart):
        size = max(size, most_panel_numbers(s.row, s.gates) + most_panel_numbers(s.row, apart))
    return size


cdef inline void forward_panels(const CellShape *s, const real *whh, real *panels) noexcept nogil:
    """whh in the order in which `step_forward` uses it."""
    cdef Py_ssize_t columns = s.width
    if CELL_RECURRENT_BIAS[<int>s.kind]:
        columns = s.gates
        panels = pack_matrix(s.hidden, s.hidden, whh + columns, s.gates_row, panels)
    pack_matrix(columns, s.hidden, whh, s.gates_row, panels)


cdef inline void step_forward(
    const CellShape *s, Py_ssize_t rows, const real *whh, const real *panels, const real *bn,
    const real *h_before, const real *c_before, real *gates, real *extra, real *h, real *c,
) noexcept nogil:
    """h, c = the states after a step, whose gates initially hold x @ wxh + bh.

    panels: those of `forward_panels`, or NULL.
    """
    cdef Py_ssize_t columns = s.width
    if CELL_RECURRENT_BIAS[<int>s.kind]:
        columns = s.gates
        panels = product_of_either(
            rows, s.hidden, s.hidden, h_before, s.row, whh + columns, s.gates_row, panels,
            extra, s.row, START_BIAS, bn)
    product_of_either(rows, columns, s.hidden, h_before, s.row, whh, s.gates_row, panels,
                      gates, s.gates_row, START_C, <const real *>NULL)
    if real is float:
        cell_forward_f32(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                         h_before, c_before, h, c)
    else:
        cell_forward_f64(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                         h_before, c_before, h, c)


cdef inline void backward_panels(
    const CellShape *s, const real *transposed, Py_ssize_t transposed_row, real *panels
) noexcept nogil:
    """whh transposed in the order in which `step_backward` uses it."""
    panels = pack_matrix(s.row, s.gates, transposed, transposed_row, panels)
    if CELL_RECURRENT_BIAS[<int>s.kind]:
        pack_matrix(s.row, s.hidden, transposed + s.gates * transposed_row, transposed_row, panels)


cdef inline void step_backward(
    const CellShape *s, Py_ssize_t rows, const real *transposed, Py_ssize_t transposed_row,
    const real *panels, const real *h_before, const real *c_before, const real *h, const real *dh,
    real *gates, real *extra, real *dc, real *dh_before,
) noexcept nogil:
    """gates = the derivatives of their sums, dc = that of c_before; dh_before += its derivative.

    transposed: whh transposed, or NULL: what reaches h_before through it is then left out.
    panels: those of `backward_panels`, or NULL.
    """
    if real is float:
        cell_backward_f32(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                          h_before, c_before, h, dh, dc, dh_before)
    else:
        cell_backward_f64(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                          h_before, c_before, h, dh, dc, dh_before)
    if transposed == NULL:
        return
    panels = product_of_either(rows, s.row, s.gates, gates, s.gates_row, transposed, transposed_row,
                               panels, dh_before, s.row, START_C, <const real *>NULL)
    if CELL_RECURRENT_BIAS[<int>s.kind]:
        product_of_either(rows, s.row, s.hidden, extra, s.row,
                          transposed + s.gates * transposed_row, transposed_row, panels,
                          dh_before, s.row, START_C, <const real *>NULL)

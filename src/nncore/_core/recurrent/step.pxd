# cython: cdivision=True
"""One time step of a recurrent layer, forward and backward, over raw pointers.

    gates = x @ wxh + bh + h_before @ whh        h, c = cell(gates, c_before)

The cells are in cells_template.h. Rows of h, c and `extra` are `row` numbers apart, those of the
gates and of whh `gates_row`; the gaps hold zeros on entry and on return, so that products run over
whole vectors.
"""
from nncore._core.ops.real cimport START_BIAS, START_C, product, real

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


cdef inline void step_forward(
    const CellShape *s, Py_ssize_t rows, const real *whh, const real *bn,
    const real *h_before, const real *c_before, real *gates, real *extra, real *h, real *c,
) noexcept nogil:
    """h, c = the states after a step, whose gates initially hold x @ wxh + bh."""
    cdef Py_ssize_t columns = s.width
    if CELL_RECURRENT_BIAS[<int>s.kind]:
        columns = s.gates
        product(rows, s.hidden, s.hidden, h_before, s.row, 1, whh + columns, s.gates_row,
                extra, s.row, START_BIAS, bn)
    product(rows, columns, s.hidden, h_before, s.row, 1, whh, s.gates_row,
            gates, s.gates_row, START_C, <const real *>NULL)
    if real is float:
        cell_forward_f32(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                         h_before, c_before, h, c)
    else:
        cell_forward_f64(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                         h_before, c_before, h, c)


cdef inline void step_backward(
    const CellShape *s, Py_ssize_t rows, const real *transposed, Py_ssize_t transposed_row,
    const real *h_before, const real *c_before, const real *h, const real *dh,
    real *gates, real *extra, real *dc, real *dh_before,
) noexcept nogil:
    """gates = the derivatives of their sums, dc = that of c_before; dh_before += its derivative.

    transposed: whh transposed, or NULL: what reaches h_before through it is then left out.
    """
    if real is float:
        cell_backward_f32(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                          h_before, c_before, h, dh, dc, dh_before)
    else:
        cell_backward_f64(s.kind, rows, s.hidden, s.row, s.gates_row, gates, extra,
                          h_before, c_before, h, dh, dc, dh_before)
    if transposed == NULL:
        return
    product(rows, s.row, s.gates, gates, s.gates_row, 1, transposed, transposed_row,
            dh_before, s.row, START_C, <const real *>NULL)
    if CELL_RECURRENT_BIAS[<int>s.kind]:
        product(rows, s.row, s.hidden, extra, s.row, 1,
                transposed + s.gates * transposed_row, transposed_row,
                dh_before, s.row, START_C, <const real *>NULL)

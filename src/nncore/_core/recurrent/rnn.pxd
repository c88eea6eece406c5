# cython: cdivision=True
"""One time step of a tanh recurrent layer, forward and backward, over raw pointers.

Rows of states are `row` numbers apart, row >= H; the gap holds zeros on entry and on
return, so that all loops run over whole blocks. Rows of the recurrent matrix (or of
its transpose) are `whh_row` >= `row` apart, with zeros in their gap up to `row`.
"""
from nncore._core.ops.activations cimport TANH, activation_backward, activation_forward
from nncore._core.ops.real cimport START_C, START_ZERO, product, real


cdef inline void rnn_step_forward(
    Py_ssize_t rows, Py_ssize_t hidden, Py_ssize_t row,
    const real *h_prev, const real *whh, Py_ssize_t whh_row, real *h,
) noexcept nogil:
    """h = tanh(h + h_prev @ whh), where h initially holds the step's input and bias."""
    product(rows, row, hidden, h_prev, row, 1, whh, whh_row, h, row, START_C, <const real *>NULL)
    activation_forward(TANH, h, h, rows, row)


cdef inline void rnn_step_backward(
    Py_ssize_t rows, Py_ssize_t hidden, Py_ssize_t row,
    real *dz, const real *h, const real *whh_transposed, Py_ssize_t whh_row,
    real *dh_prev, bint add,
) noexcept nogil:
    """dz = dh * (1 - h^2) in place of dh; dh_prev = (or +=, with add) dz @ whh.T.

    If dh_prev is NULL, it is not computed.
    """
    activation_backward(TANH, dz, h, dz, rows, row)
    if dh_prev != NULL:
        product(rows, row, hidden, dz, row, 1, whh_transposed, whh_row, dh_prev, row,
                START_C if add else START_ZERO, <const real *>NULL)

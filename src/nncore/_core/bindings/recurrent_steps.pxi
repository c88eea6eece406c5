"""Python functions of single steps of the recurrent cells."""
from libc.string cimport memcpy, memset

from nncore._core.ops.activations cimport TANH, activation_forward
from nncore._core.ops.real cimport copy_rows, real, transpose
from nncore._core.recurrent.step cimport (
    CELL_GATES, GRU_CELL, LSTM_CELL, TANH_CELL, Cell, CellShape, cell_shape, step_backward,
    step_forward,
)


cdef struct Step:
    # The arrays of one step, of numbers of one type, without padding. Those that the cell does not
    # have are NULL; a single gate is h and, as a derivative, dh.
    Cell cell
    Py_ssize_t rows, hidden
    const void *xw
    const void *whh
    const void *bh
    const void *bn
    const void *h_before
    const void *c_before
    void *gates
    void *extra
    void *h
    void *c
    void *dh
    void *dc
    void *dh_before
    void *transposed


cdef void forward_step(const Step *s, const real *like) noexcept nogil:
    """The states after a step; gates and extra as backward needs them."""
    cdef Py_ssize_t columns = CELL_GATES[<int>s.cell] * s.hidden, i, j
    cdef CellShape shape = cell_shape(s.cell, s.hidden, s.hidden, columns)
    cdef real *gates = <real *>s.gates
    if s.hidden == 0:  # a loop over the rows could have 2^59 iterations
        return
    for i in range(s.rows):
        for j in range(columns):
            gates[i * columns + j] = (<const real *>s.xw)[i * columns + j] + (<const real *>s.bh)[j]
    step_forward(&shape, s.rows, <const real *>s.whh, <const real *>s.bn,
                 <const real *>s.h_before, <const real *>s.c_before, gates, <real *>s.extra,
                 <real *>s.h, <real *>s.c)


cdef void backward_step(const Step *s, const real *like) noexcept nogil:
    """The derivatives of the gates' sums and of the states before a step."""
    cdef Py_ssize_t columns = CELL_GATES[<int>s.cell] * s.hidden
    cdef CellShape shape = cell_shape(s.cell, s.hidden, s.hidden, columns)
    cdef real *transposed = <real *>s.transposed
    if s.hidden == 0:  # as above
        return
    transpose(s.hidden, columns, <const real *>s.whh, columns, transposed, s.hidden)
    step_backward(&shape, s.rows, <const real *>transposed, s.hidden, <const real *>s.h_before,
                  <const real *>s.c_before, <const real *>s.h, <const real *>s.dh,
                  <real *>s.gates, <real *>s.extra, <real *>s.dc, <real *>s.dh_before)


cdef void run_forward_step(const Step *s, int kind):
    with nogil:
        if kind == cnp.NPY_FLOAT:
            forward_step(s, <const float *>NULL)
        else:
            forward_step(s, <const double *>NULL)


cdef void run_backward_step(const Step *s, int kind):
    with nogil:
        if kind == cnp.NPY_FLOAT:
            backward_step(s, <const float *>NULL)
        else:
            backward_step(s, <const double *>NULL)


cdef Step cell_step(Cell cell, object states, object whh):
    """A step of rows of states (N, H), without its other arrays."""
    cdef Step s
    memset(&s, 0, sizeof(Step))
    s.cell, s.rows, s.hidden, s.whh = cell, dim(states, 0), dim(states, 1), data(whh)
    return s


cdef object copied(object a, int kind):
    """A copy of an array that another thread may write to."""
    cdef object result = empty_like(a, kind)
    memcpy(data(result), data(a), cnp.PyArray_NBYTES(a))
    return result


def rnn_step_forward(xw, h_prev, whh, bh):
    cdef int kind = kind_of(xw, 2)
    if (not kind or not same_array_type(xw, h_prev, kind) or kind_of(whh, 2) != kind
            or kind_of(bh, 1) != kind or dim(whh, 0) != dim(xw, 1)
            or dim(whh, 1) != dim(xw, 1) or dim(bh, 0) != dim(xw, 1)):
        xw, h_prev, whh, bh = arguments.rnn_step_forward(xw, h_prev, whh, bh)
        kind = cnp.PyArray_TYPE(xw)
    cdef Step s = cell_step(TANH_CELL, h_prev, whh)
    h = empty_like(h_prev, kind)
    s.xw, s.bh, s.h_before, s.h = data(xw), data(bh), data(h_prev), data(h)
    s.gates = s.h
    run_forward_step(&s, kind)
    return h


def rnn_step_backward(dh, h, h_prev, whh):
    cdef int kind = kind_of(dh, 2)
    if (not kind or not same_array_type(dh, h, kind) or not same_array_type(dh, h_prev, kind)
            or kind_of(whh, 2) != kind or dim(whh, 0) != dim(dh, 1) or dim(whh, 1) != dim(dh, 1)):
        dh, h, h_prev, whh = arguments.rnn_step_backward(dh, h, h_prev, whh)
        kind = cnp.PyArray_TYPE(dh)
    cdef Step s = cell_step(TANH_CELL, dh, whh)
    dz, dh_prev, room = copied(dh, kind), zeros_like(dh, kind), empty_like(whh, kind)
    s.h, s.dh_before, s.transposed = data(h), data(dh_prev), data(room)
    s.gates = s.dh = data(dz)
    run_backward_step(&s, kind)
    return dz, dh_prev

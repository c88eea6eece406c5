"""Python functions of single steps of the recurrent cells."""
from libc.string cimport memcpy, memset

from nncore._core.ops.activations cimport TANH, activation_forward
from nncore._core.ops.real cimport real, transpose
from nncore._core.recurrent.step cimport (
    CELL_GATES, GRU_CELL, LSTM_CELL, TANH_CELL, Cell, CellShape, cell_shape, step_backward,
    step_forward,
)

from nncore.arguments import recurrent as recurrent_arguments


cdef struct Step:
    # The arrays of one step, of numbers of one type, without padding. Those that the cell does not
    # have are other ones; a single gate is h and, as a derivative, dh.
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
    cdef CellShape shape = cell_shape(s.cell, s.hidden, s.hidden, columns, columns)
    cdef real *gates = <real *>s.gates
    if s.hidden == 0:  # a loop over the rows could have 2^59 iterations
        return
    for i in range(s.rows):
        for j in range(columns):
            gates[i * columns + j] = (<const real *>s.xw)[i * columns + j] + (<const real *>s.bh)[j]
    step_forward(&shape, s.rows, <const real *>s.whh, <const real *>NULL, <const real *>s.bn,
                 <const real *>s.h_before, <const real *>s.c_before, gates, <real *>s.extra,
                 <real *>s.h, <real *>s.c)


cdef void backward_step(const Step *s, const real *like) noexcept nogil:
    """The derivatives of the gates' sums and of the states before a step."""
    cdef Py_ssize_t columns = CELL_GATES[<int>s.cell] * s.hidden
    cdef CellShape shape = cell_shape(s.cell, s.hidden, s.hidden, columns, columns)
    cdef real *transposed = <real *>s.transposed
    if s.hidden == 0:  # as above
        return
    transpose(s.hidden, columns, <const real *>s.whh, columns, transposed, s.hidden)
    step_backward(&shape, s.rows, <const real *>transposed, s.hidden, <const real *>NULL,
                  <const real *>s.h_before, <const real *>s.c_before, <const real *>s.h,
                  <const real *>s.dh, <real *>s.gates, <real *>s.extra, <real *>s.dc,
                  <real *>s.dh_before)


cdef inline void run_forward_step(const Step *s, int kind):
    with nogil:
        if kind == cnp.NPY_FLOAT:
            forward_step(s, <const float *>NULL)
        else:
            forward_step(s, <const double *>NULL)


cdef inline void run_backward_step(const Step *s, int kind):
    with nogil:
        if kind == cnp.NPY_FLOAT:
            backward_step(s, <const float *>NULL)
        else:
            backward_step(s, <const double *>NULL)


cdef inline Step cell_step(Cell cell, object states, object whh):
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
    s.gates = s.extra = s.c = s.h
    s.c_before = s.h_before
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
    s.gates = s.dh = s.dc = s.extra = data(dz)
    s.h_before = s.c_before = s.h  # which the tanh cell does not read
    run_backward_step(&s, kind)
    return dz, dh_prev


cdef inline bint is_matrix(object a, int kind, Py_ssize_t rows, Py_ssize_t cols):
    return kind_of(a, 2) == kind and dim(a, 0) == rows and dim(a, 1) == cols


cdef inline bint is_vector(object a, int kind, Py_ssize_t n):
    return kind_of(a, 1) == kind and dim(a, 0) == n


cdef bint step_fits(object states, object sums, object whh, Py_ssize_t gates):
    """Whether kernels can read states (N, H), sums or gates (N, G) and whh (H, G) as they are."""
    cdef int kind = kind_of(states, 2)
    if not kind:
        return False
    cdef Py_ssize_t n = dim(states, 0), h = dim(states, 1)
    return is_matrix(sums, kind, n, gates * h) and is_matrix(whh, kind, h, gates * h)


def lstm_step_forward(xw, h_prev, c_prev, whh, bh):
    if (not step_fits(h_prev, xw, whh, 4) or not same_array_type(h_prev, c_prev, kind_of(h_prev, 2))
            or not is_vector(bh, kind_of(h_prev, 2), dim(xw, 1))):
        xw, h_prev, c_prev, whh, bh = recurrent_arguments.lstm_step_forward(
            xw, h_prev, c_prev, whh, bh)
    cdef int kind = cnp.PyArray_TYPE(h_prev)
    cdef Step s = cell_step(LSTM_CELL, h_prev, whh)
    h, c = empty_like(h_prev, kind), empty_like(h_prev, kind)
    gates, room = empty_like(xw, kind), empty_like(h_prev, kind)
    s.xw, s.bh, s.h_before, s.c_before = data(xw), data(bh), data(h_prev), data(c_prev)
    s.gates, s.extra, s.h, s.c = data(gates), data(room), data(h), data(c)
    run_forward_step(&s, kind)
    return h, c, gates


def lstm_step_backward(dh, dc, c_prev, c, gates, whh):
    cdef int kind = kind_of(dh, 2)
    if (not step_fits(dh, gates, whh, 4) or not same_array_type(dh, dc, kind)
            or not same_array_type(dh, c_prev, kind) or not same_array_type(dh, c, kind)):
        dh, dc, c_prev, c, gates, whh = recurrent_arguments.lstm_step_backward(
            dh, dc, c_prev, c, gates, whh)
        kind = cnp.PyArray_TYPE(dh)
    cdef Step s = cell_step(LSTM_CELL, dh, whh)
    dz, dc_prev, dh_prev = copied(gates, kind), copied(dc, kind), zeros_like(dh, kind)
    room, tanh_c = empty_like(whh, kind), empty_like(c, kind)
    s.dh, s.c_before, s.c, s.transposed = data(dh), data(c_prev), data(c), data(room)
    s.gates, s.extra, s.dc, s.dh_before = data(dz), data(tanh_c), data(dc_prev), data(dh_prev)
    s.h, s.h_before = s.c, s.c_before  # which an LSTM does not read
    tanh_of(&s, kind)
    run_backward_step(&s, kind)
    return dz, dh_prev, dc_prev


cdef void tanh_of(const Step *s, int kind):
    """What `forward` leaves in `extra`: tanh(c)."""
    with nogil:
        if kind == cnp.NPY_FLOAT:
            activation_forward(TANH, <const float *>s.c, <float *>s.extra, s.rows, s.hidden)
        else:
            activation_forward(TANH, <const double *>s.c, <double *>s.extra, s.rows, s.hidden)


def gru_step_forward(xw, h_prev, whh, bh, bn):
    cdef int kind = kind_of(h_prev, 2)
    if (not step_fits(h_prev, xw, whh, 3) or not is_vector(bh, kind, dim(xw, 1))
            or not is_vector(bn, kind, dim(h_prev, 1))):
        xw, h_prev, whh, bh, bn = recurrent_arguments.gru_step_forward(xw, h_prev, whh, bh, bn)
        kind = cnp.PyArray_TYPE(h_prev)
    cdef Step s = cell_step(GRU_CELL, h_prev, whh)
    h, gates, recurrent = empty_like(h_prev, kind), empty_like(xw, kind), empty_like(h_prev, kind)
    s.xw, s.bh, s.bn, s.h_before = data(xw), data(bh), data(bn), data(h_prev)
    s.gates, s.extra, s.h = data(gates), data(recurrent), data(h)
    s.c, s.c_before = s.h, s.h_before  # which a GRU does not read
    run_forward_step(&s, kind)
    return h, gates, recurrent


def gru_step_backward(dh, h_prev, gates, recurrent, whh):
    cdef int kind = kind_of(dh, 2)
    if (not step_fits(dh, gates, whh, 3) or not same_array_type(dh, h_prev, kind)
            or not same_array_type(dh, recurrent, kind)):
        dh, h_prev, gates, recurrent, whh = recurrent_arguments.gru_step_backward(
            dh, h_prev, gates, recurrent, whh)
        kind = cnp.PyArray_TYPE(dh)
    cdef Step s = cell_step(GRU_CELL, dh, whh)
    dz, drecurrent = copied(gates, kind), copied(recurrent, kind)
    dh_prev, room = zeros_like(dh, kind), empty_like(whh, kind)
    s.dh, s.h_before, s.transposed, s.dh_before = data(dh), data(h_prev), data(room), data(dh_prev)
    s.gates, s.extra = data(dz), data(drecurrent)
    s.h, s.c, s.c_before, s.dc = s.dh, s.dh, s.h_before, s.dh_before  # which a GRU does not read
    run_backward_step(&s, kind)
    return dz, drecurrent, dh_prev

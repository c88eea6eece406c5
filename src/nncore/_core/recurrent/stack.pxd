# cython: cdivision=True
"""A stack of recurrent layers over raw pointers: forward and backward through time.

Rows are sequences that advance together, the longest first: in step t the rows first[t] to
first[t + 1] of each matrix belong to the sequences that are not over yet. Only the products with
whh are sequential; those with wxh, and the weight gradients, are computed for all steps at once.

Matrices of states have the initial ones in front. Rows are padded with zeros to ALIGN numbers, so
that vectors do not straddle cache lines.
"""
from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memset

from nncore._core.ops.linear cimport column_sums, polled_product
from nncore._core.ops.panels cimport panels_are_faster
from nncore._core.ops.random cimport drop, hash_key
from nncore._core.ops.real cimport (
    ALIGN, START_BIAS, START_C, START_ZERO, aligned, copy_rows, real, reserve, transpose,
)
from nncore._core.ops.signals cimport POLL_FLOPS, poll_signals
from nncore._core.recurrent.step cimport (
    CELL_GATES, CELL_RECURRENT_BIAS, CELL_STATES, Cell, CellShape, backward_panels, cell_shape,
    forward_panels, step_backward, step_forward, step_panels,
)

cdef enum:
    MOST_RECURRENT_LAYERS = 16


cdef struct RecurrentLayer:
    CellShape cell
    Py_ssize_t inputs, input_row   # their number, and from one row of them to the next
    Py_ssize_t columns             # of wxh and whh: the number of gates times hidden
    Py_ssize_t transposed_row
    Py_ssize_t wxh, whh, bh, bn    # offsets in the flat vector
    # Offsets in scratch: states with the initial ones, their derivatives, gates, and the outputs
    # after dropout. A single gate is in the memory of h and, as a derivative, of dh.
    Py_ssize_t h, c, dh, dc, gates, dgates, extra, kept
    Py_ssize_t transposed          # of a matrix with a column for each unit
    double dropout                 # rate, 0 for none


cdef struct Stack:
    RecurrentLayer layer[MOST_RECURRENT_LAYERS]
    Py_ssize_t layers
    Py_ssize_t outputs, output_row
    Py_ssize_t why, by, parameters  # offsets in the flat vector, and its length
    Py_ssize_t sequences, rows      # N, and rows of all steps
    Py_ssize_t panels               # in scratch: of the whh in use
    Py_ssize_t states               # numbers of a sequence's states
    Py_ssize_t poll_steps           # time steps between two checks for signals
    double row_flops, update_flops  # of training: for each row of all steps, and for each update


cdef struct Steps:
    Py_ssize_t count
    const Py_ssize_t *first         # (count + 1,)


cdef inline Py_ssize_t odd_lines(Py_ssize_t n) noexcept nogil:
    """n rounded up to an odd number of lines.

    If the rows of a matrix were an even number of lines apart, its columns would share few sets of
    the cache, which then could not hold a block of columns.
    """
    return aligned(n) + (ALIGN if aligned(n) % (2 * ALIGN) == 0 else 0)


cdef inline void plan_stack(
    Stack *s, Cell kind, Py_ssize_t inputs, const long long *hidden, Py_ssize_t layers,
    Py_ssize_t outputs,
) noexcept nogil:
    """Set sizes and the offsets of the parameters, as `nncore.params.recurrent_shapes` does."""
    cdef RecurrentLayer *layer
    cdef Py_ssize_t i, n, row
    s.layers, s.outputs, s.output_row = layers, outputs, aligned(outputs)
    s.parameters = s.states = 0
    s.row_flops = 6.0 * <double>hidden[layers - 1] * <double>outputs
    for i in range(layers):
        layer = &s.layer[i]
        n, row = hidden[i], aligned(hidden[i])
        layer.columns = CELL_GATES[<int>kind] * n
        layer.cell = cell_shape(kind, n, row,
                                odd_lines(layer.columns) if layer.columns > n else row,
                                aligned(layer.columns))
        layer.inputs = inputs if i == 0 else s.layer[i - 1].cell.hidden
        layer.input_row = inputs if i == 0 else s.layer[i - 1].cell.row
        layer.transposed_row = odd_lines(n)
        layer.dropout = 0
        s.states += CELL_STATES[<int>kind] * n
        s.row_flops += 6.0 * <double>layer.columns * <double>(layer.inputs + n)
        layer.wxh = reserve(&s.parameters, layer.inputs * layer.cell.gates_row)
        layer.whh = reserve(&s.parameters, n * layer.cell.gates_row)
        if i == 0:
            s.why = reserve(&s.parameters, hidden[layers - 1] * outputs)
        layer.bh = reserve(&s.parameters, layer.columns)
        if i == 0:
            s.by = reserve(&s.parameters, outputs)
        layer.bn = reserve(&s.parameters, n) if CELL_RECURRENT_BIAS[<int>kind] else 0
    s.update_flops = 10.0 * <double>s.parameters


cdef inline void plan_states(
    Stack *s, Py_ssize_t sequences, Py_ssize_t rows, Py_ssize_t *end
) noexcept nogil:
    """Reserve scratch for `rows` rows of all steps: what prediction and evaluation need."""
    cdef RecurrentLayer *layer
    cdef Py_ssize_t i, size, work = 1, panels = 0
    cdef int kind = <int>s.layer[0].cell.kind
    s.sequences, s.rows = sequences, rows
    for i in range(s.layers):
        layer = &s.layer[i]
        size = (sequences + rows) * layer.cell.row
        layer.h = layer.c = layer.extra = reserve(end, size)
        if CELL_STATES[kind] > 1:
            layer.c = reserve(end, size)
        layer.gates = layer.h + sequences * layer.cell.row
        if CELL_GATES[kind] > 1:
            layer.gates = reserve(end, rows * layer.cell.gates_row)
            layer.extra = reserve(end, rows * layer.cell.row)
        layer.kept = layer.h + sequences * layer.cell.row
        layer.dh = layer.dc = layer.dgates = layer.transposed = 0  # not used
        work += 2 * sequences * layer.cell.hidden * layer.columns
        panels = max(panels, step_panels(&layer.cell, sequences))
    s.panels = reserve(end, panels)
    s.poll_steps = POLL_FLOPS // work + 1


cdef inline void plan_gradients(Stack *s, Py_ssize_t *end) noexcept nogil:
    """Reserve scratch for what `plan_states` leaves out."""
    cdef RecurrentLayer *layer
    cdef Py_ssize_t i, size, above
    for i in range(s.layers):
        layer = &s.layer[i]
        size = (s.sequences + s.rows) * layer.cell.row
        layer.dh = reserve(end, size)
        layer.dc = layer.dh
        if CELL_STATES[<int>layer.cell.kind] > 1:
            layer.dc = reserve(end, s.sequences * layer.cell.row)
        layer.dgates = layer.gates
        if CELL_GATES[<int>layer.cell.kind] == 1:
            layer.dgates = layer.dh + s.sequences * layer.cell.row
        if layer.dropout > 0:
            layer.kept = reserve(end, s.rows * layer.cell.row)
        above = s.layer[i + 1].columns if i + 1 < s.layers else s.outputs
        layer.transposed = reserve(end, max(layer.columns, above) * layer.transposed_row)


cdef inline bint has_padding(const Stack *s) noexcept nogil:
    """Whether rows have padding that products read, which has to be 0 in new scratch."""
    cdef Py_ssize_t i
    for i in range(s.layers):
        if s.layer[i].cell.row != s.layer[i].cell.hidden:
            return True
    return False


cdef inline void load_state(
    const Stack *s, Py_ssize_t n, const real *state, real *scratch
) noexcept nogil:
    """The initial states of sequence n = `state` (S,): h and c of each layer."""
    cdef const RecurrentLayer *layer
    cdef Py_ssize_t i
    for i in range(s.layers):
        layer = &s.layer[i]
        copy_rows(1, layer.cell.hidden, state, 0, scratch + layer.h + n * layer.cell.row, 0)
        state += layer.cell.hidden
        if CELL_STATES[<int>layer.cell.kind] > 1:
            copy_rows(1, layer.cell.hidden, state, 0, scratch + layer.c + n * layer.cell.row, 0)
            state += layer.cell.hidden


cdef inline void store_state(
    const Stack *s, Py_ssize_t row, const real *scratch, real *state
) noexcept nogil:
    """state (S,) = the states in a row of the matrices, which have the initial ones in front."""
    cdef const RecurrentLayer *layer
    cdef Py_ssize_t i
    for i in range(s.layers):
        layer = &s.layer[i]
        copy_rows(1, layer.cell.hidden, scratch + layer.h + row * layer.cell.row, 0, state, 0)
        state += layer.cell.hidden
        if CELL_STATES[<int>layer.cell.kind] > 1:
            copy_rows(1, layer.cell.hidden, scratch + layer.c + row * layer.cell.row, 0, state, 0)
            state += layer.cell.hidden


cdef inline Py_ssize_t first_rows(const Steps *at) noexcept nogil:
    """The rows of the first step, which are the most."""
    return at.first[1] if at.count > 0 else 0


cdef inline Py_ssize_t row_before(const Stack *s, const Steps *at, Py_ssize_t t) noexcept nogil:
    """The row of states, with the initial ones in front, that step t starts from."""
    return s.sequences + at.first[t - 1] if t > 0 else 0


cdef inline const real *inputs_of(
    const Stack *s, Py_ssize_t i, const real *x, const real *scratch
) noexcept nogil:
    """The inputs of layer i for all steps: those of the network, x, or the outputs below."""
    if i == 0:
        return x
    return scratch + s.layer[i - 1].kept


cdef inline void look_up(
    const RecurrentLayer *layer, const real *weights, const int32_t *ids, Py_ssize_t rows,
    real *gates,
) noexcept nogil:
    """gates = x @ wxh + bh for one-hot x, given by the position of the 1."""
    cdef const real *bias = weights + layer.bh
    cdef const real *column
    cdef Py_ssize_t n, j, row = layer.cell.gates_row
    for n in range(rows):
        column = weights + layer.wxh + ids[n] * row
        for j in range(layer.cell.width):  # the padding of both is 0
            gates[n * row + j] = column[j] + bias[j]


cdef inline int layer_forward(
    const Stack *s, Py_ssize_t i, const Steps *at, const real *weights, const real *x,
    const int32_t *ids, real *scratch,
) except -1 nogil:
    """States of all steps of layer i."""
    cdef const RecurrentLayer *layer = &s.layer[i]
    cdef Py_ssize_t row = layer.cell.row, gates_row = layer.cell.gates_row
    cdef Py_ssize_t t, rows, first, before, now
    cdef bint one_hot = i == 0 and ids != NULL
    cdef real *panels = NULL
    if not one_hot:
        polled_product(at.first[at.count], layer.cell.width, layer.inputs,
                       inputs_of(s, i, x, scratch), layer.input_row, 1,
                       weights + layer.wxh, gates_row, scratch + layer.gates, gates_row,
                       START_BIAS, weights + layer.bh)
    if panels_are_faster(first_rows(at), layer.cell.width, layer.cell.hidden):
        panels = scratch + s.panels
        forward_panels(&layer.cell, weights + layer.whh, panels)
    for t in range(at.count):
        first, rows = at.first[t], at.first[t + 1] - at.first[t]
        if not panels_are_faster(rows, layer.cell.width, layer.cell.hidden):
            panels = NULL  # rows only become fewer
        before, now = row_before(s, at, t), s.sequences + first
        if one_hot:
            look_up(layer, weights, ids + first, rows, scratch + layer.gates + first * gates_row)
        step_forward(&layer.cell, rows, weights + layer.whh, <const real *>panels,
                     weights + layer.bn,
                     scratch + layer.h + before * row, scratch + layer.c + before * row,
                     scratch + layer.gates + first * gates_row,
                     scratch + layer.extra + first * row,
                     scratch + layer.h + now * row, scratch + layer.c + now * row)
        if s.poll_steps <= at.count and t % s.poll_steps == 0:  # a division, for large networks
            poll_signals()
    return 0


cdef inline void drop_rows(
    const RecurrentLayer *layer, const real *x, real *y, Py_ssize_t rows, uint64_t key
) noexcept nogil:
    """Dropout of rows of outputs or of their derivatives."""
    cdef Py_ssize_t i, n = layer.cell.hidden, row = layer.cell.row
    for i in range(rows):
        drop(x + i * row, y + i * row, n, i * n, layer.dropout, key)


cdef inline int stack_forward(
    const Stack *s, const Steps *at, const real *weights, const real *x, const int32_t *ids,
    uint64_t seed, uint64_t step, real *scratch,
) except -1 nogil:
    """States of all layers, from the initial states and the inputs x (rows, I) or one-hot ids."""
    cdef const RecurrentLayer *layer
    cdef Py_ssize_t i
    for i in range(s.layers):
        layer = &s.layer[i]
        layer_forward(s, i, at, weights, x, ids, scratch)
        if layer.dropout > 0:
            drop_rows(layer, scratch + layer.h + s.sequences * layer.cell.row,
                      scratch + layer.kept, at.first[at.count], hash_key(seed, step, i))
    return 0


cdef inline int layer_backward(
    const Stack *s, Py_ssize_t i, const Steps *at, const real *weights, real *scratch
) except -1 nogil:
    """The gates' derivatives in layer i, from those of its outputs."""
    cdef const RecurrentLayer *layer = &s.layer[i]
    cdef Py_ssize_t row = layer.cell.row, gates_row = layer.cell.gates_row
    cdef Py_ssize_t t, rows, first, before, now
    cdef real *transposed = scratch + layer.transposed
    cdef real *panels = scratch + s.panels
    transpose(layer.cell.hidden, layer.columns, weights + layer.whh, gates_row,
              transposed, layer.transposed_row)
    if at.count > 1 and panels_are_faster(first_rows(at), row, layer.columns):
        backward_panels(&layer.cell, <const real *>transposed, layer.transposed_row, panels)
    memset(scratch + layer.dh, 0, s.sequences * row * sizeof(real))  # of the initial states
    if layer.dc != layer.dh:
        memset(scratch + layer.dc, 0, s.sequences * row * sizeof(real))
    for t in range(at.count - 1, -1, -1):
        first, rows = at.first[t], at.first[t + 1] - at.first[t]
        before, now = row_before(s, at, t), s.sequences + first
        step_backward(&layer.cell, rows, transposed if t > 0 else NULL, layer.transposed_row,
                      panels if panels_are_faster(rows, row, layer.columns) else NULL,
                      scratch + layer.h + before * row, scratch + layer.c + before * row,
                      scratch + layer.h + now * row, scratch + layer.dh + now * row,
                      scratch + layer.dgates + first * gates_row,
                      scratch + layer.extra + first * row, scratch + layer.dc,
                      scratch + layer.dh + before * row)
        if s.poll_steps <= at.count and t % s.poll_steps == 0:  # a division, for large networks
            poll_signals()
    return 0


cdef inline int stack_backward(
    const Stack *s, const Steps *at, const real *weights, uint64_t seed, uint64_t step,
    real *scratch,
) except -1 nogil:
    """The gates' derivatives in all layers, from those of the last layer's outputs."""
    cdef const RecurrentLayer *layer
    cdef const RecurrentLayer *below
    cdef Py_ssize_t i, rows = at.first[at.count]
    cdef real *d
    for i in range(s.layers - 1, -1, -1):
        layer = &s.layer[i]
        layer_backward(s, i, at, weights, scratch)
        if i == 0:
            return 0
        below = &s.layer[i - 1]
        d = scratch + below.dh + s.sequences * below.cell.row
        transpose(layer.inputs, layer.columns, weights + layer.wxh, layer.cell.gates_row,
                  scratch + below.transposed, below.transposed_row)
        polled_product(rows, below.cell.row, layer.columns,
                       scratch + layer.dgates, layer.cell.gates_row, 1,
                       scratch + below.transposed, below.transposed_row,
                       d, below.cell.row, START_ZERO, <const real *>NULL)
        if below.dropout > 0:
            drop_rows(below, d, d, rows, hash_key(seed, step, i - 1))
    return 0


cdef inline int recurrent_gradient(
    const Stack *s, const RecurrentLayer *layer, const Steps *at, const real *scratch,
    real *gradient,
) except -1 nogil:
    """The gradient of whh: a product for each run of steps whose states are contiguous."""
    cdef Py_ssize_t row = layer.cell.row, t = 0, end, first, shift, rows, columns
    cdef Py_ssize_t gates = layer.cell.gates, gates_row = layer.cell.gates_row
    cdef const real *before
    cdef int start = START_ZERO
    columns = gates if gates < layer.columns else layer.cell.width
    while t < at.count:
        end, first = t + 1, at.first[t]
        shift = row_before(s, at, t) - first
        while end < at.count and row_before(s, at, end) - at.first[end] == shift:
            end += 1
        rows = at.first[end] - first
        before = scratch + layer.h + row_before(s, at, t) * row
        polled_product(layer.cell.hidden, columns, rows, before, 1, row,
                       scratch + layer.dgates + first * gates_row, gates_row,
                       gradient + layer.whh, gates_row, start, <const real *>NULL)
        if gates < layer.columns:
            polled_product(layer.cell.hidden, layer.cell.hidden, rows, before, 1, row,
                           scratch + layer.extra + first * row, row,
                           gradient + layer.whh + gates, gates_row, start, <const real *>NULL)
        start, t = START_C, end
    return 0


cdef inline int stack_gradient(
    const Stack *s, const Steps *at, const real *x, const real *scratch, real *gradient
) except -1 nogil:
    """The gradient of all layers, without that of the first wxh if x is NULL."""
    cdef const RecurrentLayer *layer
    cdef const real *inputs
    cdef Py_ssize_t i, gates_row, rows = at.first[at.count]
    for i in range(s.layers):
        layer = &s.layer[i]
        gates_row = layer.cell.gates_row
        inputs = inputs_of(s, i, x, scratch)
        recurrent_gradient(s, layer, at, scratch, gradient)
        if inputs != NULL:
            polled_product(layer.inputs, layer.cell.width, rows, inputs, 1, layer.input_row,
                           scratch + layer.dgates, gates_row, gradient + layer.wxh, gates_row,
                           START_ZERO, <const real *>NULL)
        column_sums(rows, layer.columns, scratch + layer.dgates, gates_row, gradient + layer.bh)
        if layer.cell.gates < layer.columns:
            column_sums(rows, layer.cell.hidden, scratch + layer.extra, layer.cell.row,
                        gradient + layer.bn)
    return 0

# cython: cdivision=True
"""A block of networks of one architecture that train side by side, one in every lane.

Members of a block have the same number of rows in an epoch, the same position in it and the same
number of updates, so that they stay in step. Their weights, data and orders are their own. Lanes
beyond the members repeat the first one, and are not stored.
"""
from libc.stdint cimport uint32_t, uint64_t

from nncore._core.mlp.layers cimport NARROW
from nncore._core.mlp.plan cimport MOST_LAYERS, Data, Layer, Plan
from nncore._core.ops.activations cimport SLOPE_FROM_INPUT, activation_backward, activation_forward
from nncore._core.ops.losses cimport SOFTMAX_CROSS_ENTROPY, Loss, lanes_cross_entropy
from nncore._core.ops.optimizers cimport Rule
from nncore._core.ops.random cimport hash_key
from nncore._core.ops.real cimport real, reserve, transpose
from nncore._core.population.dropout cimport MOST_LANES, drop_lanes
from nncore._core.population.lanes cimport (
    lanes_forward, lanes_inputs, lanes_loss, lanes_online, lanes_scale, lanes_weights,
)

cdef enum:
    KEPT = 32  # updates whose rates are kept together
    MOST_PACKED = 1 << 18  # numbers in a packed copy of the rows


cdef struct Members:
    # The arguments of one call, for all members. Pointers to void are to numbers of their dtype.
    const Plan *plan          # of a single network
    const Data *data          # the rows from which all members take theirs
    Rule *rule
    int loss
    double clip_norm          # 0 for none
    Py_ssize_t parameters     # of a member, without padding
    Py_ssize_t slots
    Py_ssize_t updates        # of this call
    Py_ssize_t updates_per_loss
    void *weights             # (M, parameters)
    void *state               # (slots, M, parameters)
    Py_ssize_t members        # M
    const Py_ssize_t *rows    # (M, most_rows): the rows of each member, or NULL: all
    Py_ssize_t most_rows
    bint shuffled             # whether each epoch has a new random order
    const long long *epoch_rows  # (M,)
    long long *counters       # (M, 4)
    const uint64_t *seeds     # (M,)
    const double *penalty     # (3, M): l1, l2, alpha
    const double *dropout     # (M, layers - 1): rates, or NULL
    const void *weight        # of the rows of x, or NULL
    Py_ssize_t weight_row     # from the weights of a member to the next one's: 0 if all share them
    const double *rates       # (M, updates), or (M, 1) if `constant`
    bint constant
    double *losses            # (updates / updates_per_loss, M)
    Py_ssize_t loss_row       # from the losses of an update to the next ones
    long long *done           # (M,): updates made


cdef struct Block:
    const Members *all
    int lanes
    uint32_t *order                     # (lanes, epoch_rows): rows of this epoch, NULL if shared
    Py_ssize_t count                    # of members
    Py_ssize_t member[MOST_LANES]
    bint stopped[MOST_LANES]
    bint diverged                       # whether a member has stopped
    bint shared                         # whether all members read the same rows of x in order
    Py_ssize_t packed_row               # from a packed row to the next one, or 0
    bint plain                          # whether updates are plain gradient descent
    bint online                         # and by single rows, without penalties and dropout
    bint penalised
    double *rates                       # (KEPT, lanes)
    double loss[MOST_LANES]             # of the last update
    Py_ssize_t rows                     # of the largest batch
    Py_ssize_t epoch_rows
    # Offsets in scratch, of numbers that have lanes.
    Py_ssize_t w, g, slots, x, y, fraction, d, d_before, rate, factor, major, packed
    Py_ssize_t a[MOST_LAYERS]           # of each layer: outputs, those after dropout
    Py_ssize_t kept[MOST_LAYERS]
    Py_ssize_t z[MOST_LAYERS]           # inputs of f
    Py_ssize_t scratch


cdef inline void plan_block(Block *b, const Members *all, int lanes) noexcept nogil:
    """Set the offsets in scratch for a block of so many lanes."""
    cdef const Plan *p = all.plan
    cdef Py_ssize_t i, widest = 0, end = 0, size = all.parameters * lanes
    cdef Py_ssize_t row = p.layer[0].inputs
    b.all, b.lanes, b.rows, b.order = all, lanes, all.data.batch_size, NULL
    b.shared = all.rows == NULL and not all.shuffled
    b.w, b.g = reserve(&end, size), reserve(&end, size)
    b.slots = reserve(&end, all.slots * size)
    b.x = reserve(&end, b.rows * p.layer[0].inputs * lanes)
    b.y = reserve(&end, b.rows * p.layer[p.layers - 1].outputs * lanes)
    b.fraction = reserve(&end, b.rows * lanes if all.weight != NULL else 0)
    for i in range(p.layers):
        b.a[i] = b.z[i] = b.kept[i] = reserve(&end, b.rows * p.layer[i].outputs * lanes)
        if SLOPE_FROM_INPUT(p.layer[i].activation):
            b.z[i] = reserve(&end, b.rows * p.layer[i].outputs * lanes)
        if all.dropout != NULL and i < p.layers - 1:
            b.kept[i] = reserve(&end, b.rows * p.layer[i].outputs * lanes)
        widest = max(widest, p.layer[i].outputs)
    b.d, b.d_before = (reserve(&end, b.rows * widest * lanes),
                       reserve(&end, b.rows * widest * lanes))
    b.rate, b.factor = reserve(&end, lanes), reserve(&end, lanes)
    b.major = reserve(&end, (2 + all.slots) * size)
    if all.data.y != NULL:
        row += p.layer[p.layers - 1].outputs
    row = (row + 3) // 4 * 4
    b.packed_row = 0
    if (not b.shared and all.data.rows <= MOST_PACKED // row
            and (all.data.rows - 1) // b.rows < all.updates):
        b.packed_row = row
    b.packed = reserve(&end, all.data.rows * b.packed_row)
    b.scratch = end


cdef inline void fill_lanes(
    const Block *b, Py_ssize_t n, const real *rows, Py_ssize_t apart, real *into
) noexcept nogil:
    """into (n, lanes) = the first n numbers of the members' rows; spare lanes repeat the first."""
    cdef Py_ssize_t lane, j
    transpose(b.count, n, rows + b.member[0] * apart, apart, into, b.lanes)
    for lane in range(b.count, b.lanes):
        for j in range(n):
            into[j * b.lanes + lane] = into[j * b.lanes]


cdef inline void unpack_member(
    const Block *b, Py_ssize_t lane, const real *scratch
) noexcept nogil:
    """Store the weights and the state of the member in a lane."""
    cdef Py_ssize_t j, k, n = b.all.parameters
    cdef real *row = <real *>b.all.weights + b.member[lane] * n
    for j in range(n):
        row[j] = scratch[b.w + j * b.lanes + lane]
    for k in range(b.all.slots):
        row = <real *>b.all.state + (k * b.all.members + b.member[lane]) * n
        for j in range(n):
            row[j] = scratch[b.slots + (k * n + j) * b.lanes + lane]


cdef inline const real *inputs_of_layer(
    const Block *b, Py_ssize_t i, const real *scratch
) noexcept nogil:
    return scratch + (b.kept[i - 1] if i > 0 else b.x)


cdef inline void block_drop(
    const Block *b, Py_ssize_t i, Py_ssize_t rows, Py_ssize_t updates, const real *x, real *y
) noexcept nogil:
    """y = x, outputs of layer i or their derivatives, after dropout in the next update.

    updates: those of this call so far.
    """
    cdef const Members *m = b.all
    cdef double[MOST_LANES] rate
    cdef uint64_t[MOST_LANES] key
    cdef Py_ssize_t lane, member
    for lane in range(b.lanes):
        member = b.member[lane]
        rate[lane] = m.dropout[member * (m.plan.layers - 1) + i]
        key[lane] = hash_key(m.seeds[member], m.counters[4 * member] + updates, i)
    drop_lanes(b.lanes, rows * m.plan.layer[i].outputs, rate, key, x, y)


cdef inline void block_forward(
    const Block *b, Py_ssize_t rows, Py_ssize_t updates, real *scratch
) noexcept nogil:
    """The outputs of all layers for a batch, after so many updates of this call."""
    cdef const Plan *p = b.all.plan
    cdef const Layer *layer
    cdef Py_ssize_t i, at = b.w
    for i in range(p.layers):
        layer = &p.layer[i]
        lanes_forward(b.lanes, rows, layer.inputs, layer.outputs, inputs_of_layer(b, i, scratch),
                      i == 0 and b.shared, scratch + at,
                      scratch + at + layer.inputs * layer.outputs * b.lanes, scratch + b.z[i])
        activation_forward(layer.activation, scratch + b.z[i], scratch + b.a[i], 1,
                           rows * layer.outputs * b.lanes)
        if b.kept[i] != b.a[i]:
            block_drop(b, i, rows, updates, scratch + b.a[i], scratch + b.kept[i])
        at += (layer.inputs + 1) * layer.outputs * b.lanes


cdef inline void block_loss(
    const Block *b, Py_ssize_t rows, const Py_ssize_t *labels, real *scratch, double *loss
) noexcept nogil:
    """loss (lanes,): the mean loss of a batch; d = its derivative by the outputs."""
    cdef const Plan *p = b.all.plan
    cdef Py_ssize_t n = p.layer[p.layers - 1].outputs, r, lane, row = n * b.lanes
    cdef Py_ssize_t target_row = n if b.shared else row
    cdef bint classes = b.all.loss == <int>SOFTMAX_CROSS_ENTROPY, weighted = b.all.weight != NULL
    cdef real scale = <real>1 if weighted else <real>1 / <real>rows
    cdef real *a = scratch + b.a[p.layers - 1]
    cdef real *d = scratch + b.d
    cdef const real *fraction = scratch + b.fraction
    cdef double[MOST_LANES] one
    if not classes and not weighted:
        lanes_loss(b.lanes, <Loss>b.all.loss, rows * n, a, scratch + b.y, b.shared, rows > 1, scale,
                   d, loss)
        for lane in range(b.lanes):
            loss[lane] /= <double>rows
        return
    for lane in range(b.lanes):
        loss[lane] = 0
    for r in range(rows):
        if classes:
            lanes_cross_entropy(b.lanes, n, a + r * row, d + r * row, labels + r * b.lanes, scale,
                                one)
        else:
            lanes_loss(b.lanes, <Loss>b.all.loss, n, a + r * row, scratch + b.y + r * target_row,
                       b.shared, False, scale, d + r * row, one)
        for lane in range(b.lanes):
            if weighted:
                one[lane] *= <double>fraction[r * b.lanes + lane]
            loss[lane] += one[lane]
        if weighted:
            lanes_scale(b.lanes, n, fraction + r * b.lanes, d + r * row)
    if not weighted:
        for lane in range(b.lanes):
            loss[lane] /= <double>rows


cdef inline void layer_slopes(
    const Block *b, Py_ssize_t i, Py_ssize_t rows, real *d, real *scratch
) noexcept nogil:
    """d *= f' of layer i."""
    cdef const Layer *layer = &b.all.plan.layer[i]
    activation_backward(layer.activation, d, scratch + b.z[i], d, 1,
                        rows * layer.outputs * b.lanes)


cdef inline void block_gradients(
    const Block *b, Py_ssize_t rows, Py_ssize_t updates, real *scratch
) noexcept nogil:
    """g = the gradient of the mean loss, from d."""
    cdef const Plan *p = b.all.plan
    cdef const Layer *layer
    cdef real *d = scratch + b.d
    cdef real *d_before = scratch + b.d_before
    cdef Py_ssize_t i, at = b.all.parameters * b.lanes
    for i in range(p.layers - 1, -1, -1):
        layer = &p.layer[i]
        at -= (layer.inputs + 1) * layer.outputs * b.lanes
        layer_slopes(b, i, rows, d, scratch)
        lanes_weights(b.lanes, rows, layer.inputs, layer.outputs, inputs_of_layer(b, i, scratch),
                      i == 0 and b.shared, d, scratch + b.g + at,
                      scratch + b.g + at + layer.inputs * layer.outputs * b.lanes)
        if i > 0:
            lanes_inputs(b.lanes, rows, layer.inputs, layer.outputs, d, scratch + b.w + at,
                         d_before)
            if b.kept[i - 1] != b.a[i - 1]:
                block_drop(b, i - 1, rows, updates, d_before, d_before)
            d, d_before = d_before, d


cdef inline void block_online(const Block *b, real *scratch) noexcept nogil:
    """Gradient descent by one row, from d."""
    cdef const Plan *p = b.all.plan
    cdef const Layer *layer
    cdef real *d = scratch + b.d
    cdef real *d_before = scratch + b.d_before
    cdef Py_ssize_t i, at = b.w + b.all.parameters * b.lanes
    for i in range(p.layers - 1, -1, -1):
        layer = &p.layer[i]
        at -= (layer.inputs + 1) * layer.outputs * b.lanes
        layer_slopes(b, i, 1, d, scratch)
        lanes_online(b.lanes, layer.inputs, layer.outputs, <int>NARROW,
                     inputs_of_layer(b, i, scratch), i == 0 and b.shared, d, scratch + b.rate,
                     scratch + at, scratch + at + layer.inputs * layer.outputs * b.lanes,
                     d_before if i > 0 else NULL)
        d, d_before = d_before, d

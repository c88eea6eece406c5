# cython: cdivision=True
"""The shape of a multi-layer perceptron, its memory layout, and its training data.

Matrices are row-major without padding, but each starts on a new 64-byte line, and there is
room to run element-wise loops over whole vectors.
"""
from nncore._core.ops.activations cimport SLOPE_FROM_INPUT, SOFTMAX, Activation
from nncore._core.ops.losses cimport Loss
from nncore._core.ops.real cimport reserve
from nncore._core.mlp.entries cimport Csr, Entries

cdef enum:
    MOST_LAYERS = 64
    NARROW_ROWS = 8        # maximum in a batch for `narrow`
    NARROW_UNITS = 8       # maximum in a layer for `narrow`


cdef struct Layer:
    Py_ssize_t inputs, outputs
    Py_ssize_t w, b           # offsets in the flat vectors
    Py_ssize_t a, kept        # offsets in scratch: outputs, and the same after dropout
    Py_ssize_t z              # inputs of f; in the memory of the outputs unless f' needs them
    Activation activation
    double dropout            # rate, 0 for none
    Py_ssize_t rows, transposed, rows_a  # offsets in scratch: w and b, w.T and a for `narrow`


cdef struct Plan:
    Layer layer[MOST_LAYERS]
    Py_ssize_t layers, parameters
    bint sparse               # inputs, which then need no scratch
    Py_ssize_t rows           # of the largest batch
    Py_ssize_t x, y, fraction  # offsets in scratch: a batch's inputs, targets, weights in the mean
    Py_ssize_t d, d_before    # the gradients of a layer's outputs, and of its inputs
    Py_ssize_t transposed, scratch
    Py_ssize_t widest         # layer, including the inputs
    bint narrow               # whether there is scratch for `narrow`
    Py_ssize_t rows_x, rows_y, rows_d, rows_d_before, rows_gradient  # offsets for it
    double flops              # of one row, forward and backward


cdef struct Objective:
    Loss loss
    double l1, l2
    double alpha              # added to l2 after a division by the total weight of the batch


cdef struct Data:
    const float *x32          # (N, I), one of the three
    const double *x64
    const Csr *sparse
    const void *y             # (N, O) of the network's dtype, or NULL
    const Py_ssize_t *labels  # (N,), or NULL
    const void *weight        # (N,) of the network's dtype, or NULL
    Py_ssize_t *order         # the rows in the order of the epoch, or NULL: 0, 1, ...
    double mean_weight        # of all rows, which divides the weights in a batch; 0: their sum
    bint shuffled             # whether each epoch has a new random order
    Py_ssize_t rows           # N
    Py_ssize_t first          # position in the epoch of the first row of x
    Py_ssize_t epoch_rows, batch_size


cdef struct Batch:
    Py_ssize_t rows
    double weight              # total weight: the number of rows, or the sum of their weights
    const void *x              # (rows, I), of the network's dtype, as y and fraction, or NULL
    Entries *entries           # the same rows if they are sparse, or NULL
    bint deferred              # whether the update computes the gradient of the first weights
    const void *y              # (rows, O), or NULL
    const Py_ssize_t *labels   # (rows,), or NULL
    const void *fraction       # (rows,): weights in the mean, or NULL for equal weights


cdef inline void plan_layers(
    Plan *p, const long long *layers, Py_ssize_t count, const double *dropout
) noexcept nogil:
    """Set sizes and offsets of the parameters; `layers` is the table of `nncore.arguments.mlp`."""
    cdef Layer *layer
    cdef Py_ssize_t i
    p.layers, p.parameters, p.flops, p.sparse = count, 0, 0, False
    for i in range(count):
        layer = &p.layer[i]
        layer.inputs, layer.outputs = layers[3 * i], layers[3 * i + 1]
        layer.activation = <Activation>layers[3 * i + 2]
        layer.dropout = dropout[i] if dropout != NULL and i < count - 1 else 0
        layer.w = reserve(&p.parameters, layer.inputs * layer.outputs)
        layer.b = reserve(&p.parameters, layer.outputs)
        p.flops += 6.0 * <double>layer.inputs * <double>layer.outputs


cdef inline void plan_prediction(Plan *p, Py_ssize_t rows) noexcept nogil:
    """Set the offsets in scratch of inputs and outputs of up to `rows` rows."""
    cdef Py_ssize_t i
    p.rows, p.scratch = rows, 0
    p.x = reserve(&p.scratch, 0 if p.sparse else rows * p.layer[0].inputs)
    for i in range(p.layers):
        p.layer[i].a = reserve(&p.scratch, rows * p.layer[i].outputs)
        p.layer[i].z = p.layer[i].kept = p.layer[i].a


cdef inline void plan_evaluation(Plan *p, Py_ssize_t rows) noexcept nogil:
    """As `plan_prediction`, for rows whose targets are contiguous."""
    plan_prediction(p, rows)
    p.y = p.fraction = 0  # not used


cdef inline void plan_training(Plan *p, Py_ssize_t rows) noexcept nogil:
    """Set all offsets in scratch for batches of up to `rows` rows."""
    cdef Py_ssize_t i, widest = 0, largest = 0
    cdef Layer *layer
    plan_prediction(p, rows)
    for i in range(p.layers):
        layer = &p.layer[i]
        if SLOPE_FROM_INPUT(layer.activation):
            layer.z = reserve(&p.scratch, rows * layer.outputs)
        if layer.dropout > 0:
            layer.kept = reserve(&p.scratch, rows * layer.outputs)
        widest = max(widest, layer.outputs)
        if i > 0:  # the gradient of the first inputs is not needed
            largest = max(largest, layer.inputs * layer.outputs)
    p.y = reserve(&p.scratch, rows * p.layer[p.layers - 1].outputs)
    p.fraction = reserve(&p.scratch, rows)
    p.d = reserve(&p.scratch, rows * widest)
    p.d_before = reserve(&p.scratch, rows * widest)
    p.transposed = reserve(&p.scratch, largest)
    plan_narrow(p)


cdef inline void plan_narrow(Plan *p) noexcept nogil:
    """Reserve scratch for `narrow` if it supports the network."""
    cdef Py_ssize_t i, line = NARROW_UNITS
    cdef Layer *layer
    p.widest, p.narrow = p.layer[0].inputs, False
    for i in range(p.layers):
        layer = &p.layer[i]
        p.widest = max(p.widest, layer.outputs)
        if (layer.activation == SOFTMAX or SLOPE_FROM_INPUT(layer.activation)
                or layer.dropout > 0 or p.widest > NARROW_UNITS):
            return
    p.narrow = True
    for i in range(p.layers):
        layer = &p.layer[i]
        layer.rows = reserve(&p.scratch, (layer.inputs + 1) * line)
        layer.transposed = reserve(&p.scratch, layer.outputs * line)
        layer.rows_a = reserve(&p.scratch, NARROW_ROWS * line)
    p.rows_x = reserve(&p.scratch, NARROW_ROWS * line)
    p.rows_y = reserve(&p.scratch, NARROW_ROWS * line)
    p.rows_d = reserve(&p.scratch, NARROW_ROWS * line)
    p.rows_d_before = reserve(&p.scratch, NARROW_ROWS * line)
    p.rows_gradient = reserve(&p.scratch, (NARROW_UNITS + 1) * line)

"""Prediction by a multi-layer perceptron, and its loss without a gradient."""
from nncore._core.mlp.entries cimport Entries, close_entries, open_entries, take_rows
from nncore._core.mlp.gradients cimport weighted_loss
from nncore._core.mlp.layers cimport forward as run_forward
from nncore._core.mlp.plan cimport MOST_LAYERS, Batch, plan_evaluation, plan_prediction
from nncore._core.mlp.sparse cimport sparse_forward
from nncore._core.mlp.train cimport copy_inputs, gather, normalise, own_rows
from nncore._core.ops.activations cimport ACTIVATION_COUNT
from nncore._core.ops.once cimport nn_once_long
from nncore._core.ops.real cimport aligned, copy_rows

cdef enum:
    PREDICT_ROWS = 128    # rows in a block of a prediction,
    SPARSE_ROWS = 2048    # and for sparse ones, as each block reads all weights,
    PREDICT_ENTRIES = 1 << 20  # unless they have this many entries
    MOST_UNITS = 1 << 28  # in a layer, so that sizes cannot overflow
    STACK_ROOM = 1024     # doubles on the stack, enough for small networks


cdef int predict_of(
    int kind, Network *plan, const Data *d, void *w, void *y, void *scratch
) except -1 nogil:
    if kind == cnp.NPY_FLOAT:
        return predict_rows(plan, d, <const float *>w, d.rows, <float *>y, <float *>scratch)
    else:
        return predict_rows(plan, d, <const double *>w, d.rows, <double *>y, <double *>scratch)


cdef int predict_rows(
    Network *plan, const Data *d, const real *weights, Py_ssize_t rows, real *out, real *scratch,
) except -1 nogil:
    """Compute the outputs of all rows in blocks."""
    cdef Py_ssize_t start = 0, n, i, inputs = plan.layer[0].inputs
    cdef const real *own = own_rows(d, scratch)
    cdef const real *x
    cdef Py_ssize_t outputs = plan.layer[plan.layers - 1].outputs
    while start < rows:
        n = min(plan.rows, rows - start)
        x = own + start * inputs if own != NULL else scratch + plan.x
        if own == NULL:
            for i in range(n):
                copy_inputs(d, start + i, inputs, scratch + plan.x + i * inputs)
        run_forward(plan, weights, x, n, 0, 0, scratch)
        copy_rows(n, outputs, scratch + plan.layer[plan.layers - 1].a, outputs,
                  out + start * outputs, outputs)
        start += n
    return 0


cdef bint quick_plan(Network *plan, object weights, object layers):
    """Plan a network; return False if `mlp_arguments` has to check the arrays."""
    cdef const long long *given
    cdef long long[3 * MOST_LAYERS] table
    cdef Py_ssize_t i, count
    if (not cnp.PyArray_CheckExact(layers) or not PyArray_ISCARRAY_RO(<cnp.ndarray>layers)
            or cnp.PyArray_TYPE(layers) != cnp.NPY_INT64 or cnp.PyArray_NDIM(layers) != 2
            or not kind_of(weights, 1)):
        return False
    count, given = dim(layers, 0), <const long long *>data(layers)
    if dim(layers, 1) != 3 or not 1 <= count <= MOST_LAYERS:
        return False
    for i in range(3 * count):
        table[i] = nn_once_long(given + i)
    for i in range(count):
        if (not 1 <= table[3 * i] <= MOST_UNITS or not 1 <= table[3 * i + 1] <= MOST_UNITS
                or i > 0 and table[3 * i] != table[3 * i - 2]
                or not 0 <= table[3 * i + 2] < ACTIVATION_COUNT):
            return False
    plan_layers(plan, table, count, NULL)
    return plan.parameters == dim(weights, 0)


cdef int predict_flushed(
    int kind, Network *plan, const Data *d, void *w, void *y, void *scratch
) except -1 nogil:
    """Compute the outputs of all rows, with subnormal numbers treated as 0."""
    cdef unsigned long long mode = flush_subnormals()
    try:
        if plan.sparse:
            predict_sparse(kind, plan, d, w, y, scratch)
        else:
            predict_of(kind, plan, d, w, y, scratch)
    finally:
        restore_subnormals(mode)
    return 0


cdef int predict_sparse(
    int kind, Network *plan, const Data *d, void *w, void *y, void *scratch
) except -1 nogil:
    if kind == cnp.NPY_FLOAT:
        return predict_sparse_rows(plan, d, <const float *>w, <float *>y, <float *>scratch)
    else:
        return predict_sparse_rows(plan, d, <const double *>w, <double *>y, <double *>scratch)


cdef int predict_sparse_rows(
    Network *plan, const Data *d, const real *weights, real *out, real *scratch,
) except -1 nogil:
    cdef Py_ssize_t start = 0, n, outputs = plan.layer[plan.layers - 1].outputs
    cdef Entries entries
    try:
        open_entries(&entries, d.sparse, plan.rows, expected_entries(d), weights)
        while start < d.rows:
            take_rows(d.sparse, start, min(plan.rows, d.rows - start), PREDICT_ENTRIES, &entries,
                      weights)
            n = entries.rows
            sparse_forward(&entries, plan.layer[0].outputs, weights + plan.layer[0].w,
                           weights + plan.layer[0].b, scratch + plan.layer[0].z)
            run_forward(plan, weights, <const real *>NULL, n, 0, 0, scratch)
            copy_rows(n, outputs, scratch + plan.layer[plan.layers - 1].a, outputs,
                      out + start * outputs, outputs)
            start += n
    finally:
        close_entries(&entries)
    return 0


def mlp_predict(weights, layers, x, *, out=None):
    cdef Network plan
    cdef Data d
    cdef cnp.npy_intp[2] dims
    cdef double room[STACK_ROOM]
    cdef Csr csr
    cdef Py_ssize_t most = PREDICT_ROWS
    cdef void *scratch = room
    cdef list keep = None
    cdef Address w
    cdef int kind
    if not quick_plan(&plan, weights, layers):
        weights, layers, x = mlp_arguments.predict(weights, layers, x)
        plan_layers(&plan, <const long long *>data(layers), dim(layers, 0), NULL)
    w, kind = data(weights), cnp.PyArray_TYPE(weights)  # before Python code runs
    if not kind_of(x, 2) or dim(x, 1) != plan.layer[0].inputs:
        x = mlp_arguments.rows(x, plan.layer[0].inputs)
    d = data_of(x, None, None, None, False)
    if not cnp.PyArray_CheckExact(x):
        plan.sparse, csr = True, csr_of(x)
        d.sparse = &csr
        most = SPARSE_ROWS
    plan_prediction(&plan, min(most, d.rows))
    d.batch_size = plan.rows
    dims[0], dims[1] = d.rows, plan.layer[plan.layers - 1].outputs
    cdef object target = target_for(out, 2, dims, kind)
    if target is out and any_overlap(out, (weights,), x):
        target = empty(2, dims, kind)
    cdef Address y = data(target)
    if plan.scratch <= STACK_ROOM:
        memset(room, 0, plan.scratch * sizeof(double))
    else:
        keep = []
        scratch = network_scratch(&plan, kind, keep)
    if not plan.sparse and plan.flops * <double>d.rows < 2000:
        predict_flushed(kind, &plan, &d, w, y, scratch)
    else:
        with nogil:
            predict_flushed(kind, &plan, &d, w, y, scratch)
    return deliver(target, out)


cdef double evaluate_of(
    const Network *plan, const Objective *o, const Data *d, const real *weights,
    Py_ssize_t *labels, real *out, real *slope, real *fraction, real *scratch,
) except? -1 nogil:
    """Outputs of all rows in blocks, and their mean loss; slope is scratch of the size of out."""
    cdef Batch batch
    cdef Entries entries
    cdef Data rows = d[0]
    cdef Py_ssize_t start = 0, i, n, outputs = plan.layer[plan.layers - 1].outputs
    rows.weight, batch.entries, batch.deferred = NULL, NULL, False
    try:
        if d.sparse != NULL:
            batch.entries = &entries
            open_entries(&entries, d.sparse, plan.rows, expected_entries(d), weights)
        while start < d.rows:
            n = min(plan.rows, d.rows - start)
            gather(plan, &rows, start, n, labels + start if labels != NULL else NULL, scratch,
                   &batch)
            if d.sparse != NULL:
                sparse_forward(&entries, plan.layer[0].outputs, weights + plan.layer[0].w,
                               weights + plan.layer[0].b, scratch + plan.layer[0].z)
            run_forward(plan, weights, <const real *>batch.x, n, 0, 0, scratch)
            copy_rows(n, outputs, scratch + plan.layer[plan.layers - 1].a, outputs,
                      out + start * outputs, outputs)
            start += n
    finally:
        if batch.entries != NULL:
            close_entries(batch.entries)
    batch.rows, batch.y, batch.labels, batch.fraction = d.rows, d.y, labels, NULL
    if d.weight != NULL:
        for i in range(d.rows):
            fraction[i] = (<const real *>d.weight)[i]
        normalise(fraction, d.rows)
        batch.fraction = fraction
    return weighted_loss(o.loss, out, &batch, slope, outputs)


def mlp_evaluate(weights, layers, x, y, *, loss, sample_weight=None):
    weights, layers, x, y, sample_weight = mlp_arguments.gradients(
        weights, layers, x, y, loss, 0.0, 0.0, sample_weight)
    cdef Network plan
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Objective o = objective_of(loss, 0, 0, 0)
    cdef Data d = data_of(x, y, None, sample_weight, labelled)
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef list keep = []
    cdef cnp.npy_intp[2] dims
    cdef double total
    cdef unsigned long long mode
    cdef Csr csr
    cdef Py_ssize_t most = PREDICT_ROWS
    plan_layers(&plan, <const long long *>data(layers), dim(layers, 0), NULL)
    if not cnp.PyArray_CheckExact(x):
        plan.sparse, csr, most = True, csr_of(x), SPARSE_ROWS
        d.sparse = &csr
    plan_evaluation(&plan, min(most, d.rows))
    d.batch_size = plan.rows
    dims[0], dims[1] = d.rows, plan.layer[plan.layers - 1].outputs
    outputs = empty(2, dims, kind)
    slope = zeros(aligned(dims[0] * dims[1]), kind)  # element-wise loops use all of it
    fraction = zeros(d.rows, kind)
    cdef Py_ssize_t *labels = labels_for(labelled, d.rows, keep)
    cdef void *w = data(weights)
    cdef void *out = data(outputs)
    cdef void *g = data(slope)
    cdef void *s = data(fraction)
    cdef void *scratch = network_scratch(&plan, kind, keep)
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                total = evaluate_of(&plan, &o, &d, <const float *>w, labels, <float *>out,
                                    <float *>g, <float *>s, <float *>scratch)
            else:
                total = evaluate_of(&plan, &o, &d, <const double *>w, labels, <double *>out,
                                    <double *>g, <double *>s, <double *>scratch)
        finally:
            restore_subnormals(mode)
    return total, outputs

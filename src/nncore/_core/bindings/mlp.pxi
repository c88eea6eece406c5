"""The multi-layer perceptron, as Python calls it."""
from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t
from libc.string cimport memset

from nncore._core.ops.losses cimport SOFTMAX_CROSS_ENTROPY
from nncore._core.mlp.train cimport copy_inputs, gather, normalise, own_rows
from nncore._core.mlp.train cimport train as run_train
from nncore._core.mlp.entries cimport (
    Csr, Entries, close_entries, open_entries, sound, take_columns, take_rows,
)
from nncore._core.ops.kept_memory cimport SCRATCH_MEMORY, give_memory, take_memory
from nncore._core.mlp.gradients cimport gradients as run_gradients
from nncore._core.mlp.gradients cimport penalise, weighted_loss
from nncore._core.mlp.layers cimport forward as run_forward
from nncore._core.mlp.plan cimport (
    MOST_LAYERS, Batch, Data, Objective, aligned, plan_evaluation, plan_layers, plan_prediction,
    plan_training,
)
from nncore._core.mlp.plan cimport Plan as Network
from nncore._core.ops.once cimport nn_once_long
from nncore._core.mlp.sparse cimport sparse_forward
from nncore._core.ops.real cimport copy_rows

from nncore.arguments import mlp as mlp_arguments
from nncore.arguments.train_call import TrainCall
from nncore.registry import LOSS_ROW
from nncore.sparse import SparseRows

cdef enum:
    PREDICT_ROWS = 128    # rows that prediction takes at once,
    SPARSE_ROWS = 2048    # and of sparse ones, which then share rows of the weights,
    PREDICT_ENTRIES = 1 << 20  # unless they have so many numbers
    MOST_UNITS = 1 << 28  # of a layer, so that sizes cannot overflow
    QUICK_ROOM = 1024     # doubles on the stack, enough for small networks

cdef class Scratch:
    """Memory for a call, given back when nobody needs it any more."""
    cdef char *memory

    def __dealloc__(self):
        give_memory(SCRATCH_MEMORY, self.memory)


cdef void *network_scratch(const Network *plan, int kind, list keep) except NULL:
    """Zeros for all that a network computes in, on a line."""
    cdef Py_ssize_t size = plan.scratch * (4 if kind == cnp.NPY_FLOAT else 8)
    cdef Scratch scratch = Scratch.__new__(Scratch)
    if plan.scratch < <Py_ssize_t>1 << 56:
        scratch.memory = take_memory(SCRATCH_MEMORY, size + 64)
    if scratch.memory == NULL:
        raise MemoryError(f"no memory for the {plan.scratch} numbers of a batch")
    keep.append(scratch)
    cdef char *start = scratch.memory + (64 - <uintptr_t>scratch.memory % 64) % 64
    memset(start, 0, size)
    return start


cdef Objective objective_of(str loss, double l1, double l2, double alpha):
    cdef Objective o
    o.loss = <Loss><int>LOSS_CODES[loss]
    o.l1, o.l2, o.alpha = l1, l2, alpha
    return o


cdef Data data_of(object x, object y, object order, object sample_weight, bint labelled):
    cdef Data d
    d.x32, d.x64, d.sparse = NULL, NULL, NULL
    if cnp.PyArray_CheckExact(x):
        d.rows = dim(x, 0)
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT:
            d.x32 = <const float *>data(x)
        else:
            d.x64 = <const double *>data(x)
    else:  # sparse; `csr_of` tells where
        d.rows = len(x)
    d.labels = <const Py_ssize_t *>data(y) if labelled else NULL
    d.y = NULL if labelled or y is None else data(y)
    d.weight = NULL if sample_weight is None else data(sample_weight)
    d.order = NULL if order is None else <Py_ssize_t *>data(order)
    d.shuffled, d.first, d.mean_weight = False, 0, 0
    d.epoch_rows = d.batch_size = d.rows
    return d


cdef Csr csr_of(object x):
    """Where sparse rows lie; their arrays stay as long as x does."""
    cdef Csr c
    cdef Address values = data(x.data), columns = data(x.indices), starts = data(x.indptr)
    c.value32, c.value64, c.column32, c.column64, c.start32, c.start64 = (
        NULL, NULL, NULL, NULL, NULL, NULL)
    if cnp.PyArray_TYPE(x.data) == cnp.NPY_FLOAT:
        c.value32 = <const float *>values
    else:
        c.value64 = <const double *>values
    if cnp.PyArray_ITEMSIZE(x.indices) == 4:
        c.column32 = <const int32_t *>columns
    else:
        c.column64 = <const int64_t *>columns
    if cnp.PyArray_ITEMSIZE(x.indptr) == 4:
        c.start32 = <const int32_t *>starts
    else:
        c.start64 = <const int64_t *>starts
    c.count, c.columns = min(dim(x.data, 0), dim(x.indices, 0)), x.shape[1]
    return c


def rows_are_sound(x):
    """Whether SparseRows have nothing that takes a second look: see `mlp_entries.sound`."""
    cdef Csr csr = csr_of(x)
    cdef Py_ssize_t rows = len(x)
    cdef bint good
    if dim(x.indptr, 0) != rows + 1:
        return False
    with nogil:
        good = sound(&csr, rows)
    return good


cdef bint share_memory(object out, object x):
    """Does `out` lie where an input does?"""
    if cnp.PyArray_CheckExact(x):
        return overlap(out, x)
    return overlap(out, x.data) or overlap(out, x.indices) or overlap(out, x.indptr)


cdef Py_ssize_t expected_entries(const Data *d) noexcept nogil:
    """Of a batch, with some room to spare."""
    cdef double rows = <double>max(d.rows, <Py_ssize_t>1)
    return <Py_ssize_t>(1.25 * <double>d.sparse.count * <double>d.batch_size / rows)


cdef Py_ssize_t *labels_for(bint labelled, Py_ssize_t rows, list keep):
    if not labelled:
        return NULL
    cdef object array = aligned_zeros(rows, "i8")
    keep.append(array)
    return <Py_ssize_t *>data(array)


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
    """Outputs of all rows, some at a time."""
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
    """Plan a network whose arrays are as they have to be; False: ask `mlp_arguments`."""
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
                or not 0 <= table[3 * i + 2] <= SOFTMAX):
            return False
    plan_layers(plan, table, count, NULL)
    return plan.parameters == dim(weights, 0)


cdef int predict_flushed(
    int kind, Network *plan, const Data *d, void *w, void *y, void *scratch
) except -1 nogil:
    """Outputs of all rows, with subnormal numbers taken for 0."""
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
                           weights + plan.layer[0].b, scratch + plan.layer[0].a)
            run_forward(plan, weights, <const real *>NULL, n, 0, 0, scratch)
            copy_rows(n, outputs, scratch + plan.layer[plan.layers - 1].a, outputs,
                      out + start * outputs, outputs)
            start += n
    finally:
        close_entries(&entries)
    return 0


cdef bint any_overlap(object out, tuple arrays, object x):
    """Does `out` lie where one of the arrays, of which some may be None, or the rows do?"""
    for array in arrays:
        if array is not None and overlap(out, array):
            return True
    if not cnp.PyArray_CheckExact(x) and x.columns is not None and share_memory(out, x.columns):
        return True
    return share_memory(out, x)


def mlp_predict(weights, layers, x, *, out=None):
    cdef Network plan
    cdef Data d
    cdef cnp.npy_intp[2] dims
    cdef double room[QUICK_ROOM]
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
    if plan.scratch <= QUICK_ROOM:
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
    Py_ssize_t *labels, real *out, real *slope, real *share, real *scratch,
) except? -1 nogil:
    """Outputs of all rows, some at a time, and their mean loss; slope is scratch like out."""
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
                               weights + plan.layer[0].b, scratch + plan.layer[0].a)
            run_forward(plan, weights, <const real *>batch.x, n, 0, 0, scratch)
            copy_rows(n, outputs, scratch + plan.layer[plan.layers - 1].a, outputs,
                      out + start * outputs, outputs)
            start += n
    finally:
        if batch.entries != NULL:
            close_entries(batch.entries)
    batch.rows, batch.y, batch.labels, batch.share = d.rows, d.y, labels, NULL
    if d.weight != NULL:
        for i in range(d.rows):
            share[i] = (<const real *>d.weight)[i]
        normalise(share, d.rows)
        batch.share = share
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
    slope = zeros(aligned(dims[0] * dims[1]), kind)  # element-wise loops run to its end
    share = zeros(d.rows, kind)
    cdef Py_ssize_t *labels = labels_for(labelled, d.rows, keep)
    cdef void *w = data(weights)
    cdef void *out = data(outputs)
    cdef void *g = data(slope)
    cdef void *s = data(share)
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


cdef double gradients_of(
    const Network *plan, const Objective *o, const Data *d, const Csr *columns,
    const real *weights, Py_ssize_t *labels, real *scratch, real *gradient,
) except? -1 nogil:
    cdef Batch batch
    cdef Entries entries
    cdef double loss
    batch.entries, batch.deferred = NULL, False
    try:
        if d.sparse != NULL:
            batch.entries = &entries
            open_entries(&entries, d.sparse, d.rows, d.sparse.count, weights)
        gather(plan, d, 0, d.rows, labels, scratch, &batch)
        if columns != NULL:
            take_columns(columns, &entries, weights)
        loss = run_gradients(plan, o, &batch, weights, 0, 0, scratch, gradient)
    finally:
        if batch.entries != NULL:
            close_entries(batch.entries)
    if o.l1 > 0 or o.l2 > 0:
        loss += penalise(plan, o, batch.weight, weights, gradient, False)
    return loss


def mlp_gradients(weights, layers, x, y, *, loss, l1=0.0, l2=0.0, sample_weight=None, out=None):
    weights, layers, x, y, sample_weight = mlp_arguments.gradients(
        weights, layers, x, y, loss, l1, l2, sample_weight)
    cdef Network plan
    cdef Csr csr, csc
    cdef Csr *columns = NULL
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Objective o = objective_of(loss, l1, l2, 0)
    cdef Data d = data_of(x, y, None, sample_weight, labelled)
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef list keep = []
    plan_layers(&plan, <const long long *>data(layers), dim(layers, 0), NULL)
    if not cnp.PyArray_CheckExact(x):
        plan.sparse, csr = True, csr_of(x)
        d.sparse = &csr
        if x.columns is not None:
            csc = csr_of(x.columns)
            columns = &csc
    plan_training(&plan, d.rows)
    cdef cnp.npy_intp parameters = plan.parameters
    cdef object target = target_for(out, 1, &parameters, kind)
    if target is out and any_overlap(out, (weights, y, sample_weight), x):
        target = empty(1, &parameters, kind)
    cdef void *w = data(weights)
    cdef void *g = data(target)
    memset(g, 0, cnp.PyArray_NBYTES(target))
    cdef void *scratch = network_scratch(&plan, kind, keep)
    cdef Py_ssize_t *labels = labels_for(labelled, d.rows, keep)
    cdef double objective
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                objective = gradients_of(&plan, &o, &d, columns, <const float *>w, labels,
                                         <float *>scratch, <float *>g)
            else:
                objective = gradients_of(&plan, &o, &d, columns, <const double *>w, labels,
                                         <double *>scratch, <double *>g)
        finally:
            restore_subnormals(mode)
    return objective, deliver(target, out)


def mlp_train(weights, gradient, slots, layers, x, y, order, counters, rates, losses, *,
              loss, optimizer, epoch_rows, batch_size, l1=0.0, l2=0.0, sample_weight=None,
              dropout=(), seed=0, first=0, clip_value=0.0, clip_norm=0.0, alpha=0.0,
              penalties=None, shuffle=True, mean_weight=0.0):
    call = mlp_arguments.train(TrainCall(
        weights, gradient, slots, layers, x, y, order, counters, rates, losses, loss, optimizer,
        epoch_rows, batch_size, l1, l2, sample_weight, dropout, seed, first, clip_value, clip_norm,
        alpha, penalties, shuffle, mean_weight))
    cdef Network plan
    cdef Csr csr
    cdef Entries entries
    cdef Entries *batch_entries = NULL
    cdef Py_ssize_t expected = 0
    cdef double rate_of[MOST_LAYERS]
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Objective o = objective_of(loss, call.l1, call.l2, call.alpha)
    cdef Data d = data_of(call.x, call.y, call.order, call.sample_weight, labelled)
    cdef Rule rule = rule_of(call.optimizer, call.clip_value)
    cdef int kind = cnp.PyArray_TYPE(call.weights)
    cdef list keep = []
    cdef Py_ssize_t i, n = dim(call.losses, 0), done
    for i in range(dim(call.layers, 0) - 1):
        rate_of[i] = call.dropout[i] if call.dropout else 0.0
    d.first, d.epoch_rows = call.first, call.epoch_rows
    d.batch_size = min(call.batch_size, call.epoch_rows)
    d.shuffled = call.shuffle and call.order is not None
    d.mean_weight = call.mean_weight
    plan_layers(&plan, <const long long *>data(call.layers), dim(call.layers, 0), rate_of)
    if not cnp.PyArray_CheckExact(call.x):
        plan.sparse, csr = True, csr_of(call.x)
        d.sparse = &csr
    plan_training(&plan, d.batch_size)
    cdef void *w = data(call.weights)
    cdef void *g = data(call.gradient)
    cdef void *s1 = row_of(call.slots, 0)
    cdef void *s2 = row_of(call.slots, 1)
    cdef void *scratch = network_scratch(&plan, kind, keep)
    cdef Py_ssize_t *labels = labels_for(labelled, d.batch_size, keep)
    cdef long long *count = <long long *>data(call.counters)
    cdef long long *shown = <long long *>data(call.shown)
    cdef const double *rate = <const double *>data(call.rates)
    cdef double *out = <double *>data(call.losses)
    cdef double *penalty = NULL if call.penalties is None else <double *>data(call.penalties)
    cdef double norm = call.clip_norm
    cdef uint64_t key = call.seed
    cdef unsigned long long mode
    if d.sparse != NULL:
        batch_entries, expected = &entries, expected_entries(&d)
    with nogil:
        mode = flush_subnormals()
        try:
            if batch_entries != NULL and kind == cnp.NPY_FLOAT:
                open_entries(&entries, d.sparse, d.batch_size, expected, <const float *>w)
            elif batch_entries != NULL:
                open_entries(&entries, d.sparse, d.batch_size, expected, <const double *>w)
            if kind == cnp.NPY_FLOAT:
                done = run_train(&plan, &o, &rule, norm, key, &d, <float *>w, <float *>g,
                                 <float *>s1, <float *>s2, count, shown, rate, out, penalty, n,
                                 labels, batch_entries, <float *>scratch)
            else:
                done = run_train(&plan, &o, &rule, norm, key, &d, <double *>w, <double *>g,
                                 <double *>s1, <double *>s2, count, shown, rate, out, penalty, n,
                                 labels, batch_entries, <double *>scratch)
        finally:
            if batch_entries != NULL:
                close_entries(batch_entries)
            restore_subnormals(mode)
    return done

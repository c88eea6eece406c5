"""Gradients and training of a multi-layer perceptron."""
from nncore._core.mlp.entries_by_columns cimport take_columns
from nncore._core.mlp.gradients cimport gradients as run_gradients
from nncore._core.mlp.gradients cimport penalise
from nncore._core.mlp.plan cimport plan_training
from nncore._core.mlp.train cimport Training
from nncore._core.mlp.train cimport train as run_train

from nncore.arguments.train_call import TrainCall


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


cdef Data training_data(object call, bint labelled):
    """The rows of a checked call, and their order in an epoch."""
    cdef Data d = data_of(call.x, call.y, call.order, call.sample_weight, labelled)
    d.first, d.epoch_rows = call.first, call.epoch_rows
    d.batch_size = min(call.batch_size, call.epoch_rows)
    d.shuffled = call.shuffle and call.order is not None
    d.mean_weight = call.mean_weight
    return d


cdef void plan_call(Network *plan, object call, const Data *d):
    """Plan the layers of a checked call with their dropout, and scratch for a batch."""
    cdef double rate_of[MOST_LAYERS]
    cdef Py_ssize_t i, layers = dim(call.layers, 0)
    for i in range(layers - 1):
        rate_of[i] = call.dropout[i] if call.dropout else 0.0
    plan_layers(plan, <const long long *>data(call.layers), layers, rate_of)
    plan.sparse = d.sparse != NULL
    plan_training(plan, d.batch_size)


cdef Training training_of(object call):
    """Pointers to the arrays of a checked call, except plan, data, rule, slots and scratch."""
    cdef Training t
    t.clip_norm, t.seed = call.clip_norm, call.seed
    t.weights, t.gradient = data(call.weights), data(call.gradient)
    t.counters, t.shown = <long long *>data(call.counters), <long long *>data(call.shown)
    t.rates, t.losses = <const double *>data(call.rates), <double *>data(call.losses)
    t.penalties = NULL if call.penalties is None else <double *>data(call.penalties)
    t.updates, t.entries = dim(call.losses, 0), NULL
    return t


cdef Py_ssize_t train_with(Training *t, real *weights) except -1 nogil:
    """As `train`, with memory for the entries of a batch if rows are sparse."""
    cdef Entries entries
    if t.data.sparse == NULL:
        return run_train(t, weights)
    t.entries = &entries
    try:
        open_entries(&entries, t.data.sparse, t.data.batch_size, expected_entries(t.data), weights)
        return run_train(t, weights)
    finally:
        close_entries(&entries)


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
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Objective o = objective_of(loss, call.l1, call.l2, call.alpha)
    cdef Data d = training_data(call, labelled)
    cdef Rule rule = rule_of(call.optimizer, call.clip_value)
    cdef Training t = training_of(call)
    cdef Address[MAX_SLOTS] states
    cdef int kind = cnp.PyArray_TYPE(call.weights)
    cdef list keep = []
    cdef Py_ssize_t done
    cdef unsigned long long mode
    if not cnp.PyArray_CheckExact(call.x):
        csr = csr_of(call.x)
        d.sparse = &csr
    plan_call(&plan, call, &d)
    find_slots(call.slots, states)
    t.plan, t.objective, t.data, t.rule, t.slots = &plan, &o, &d, &rule, states
    t.scratch = network_scratch(&plan, kind, keep)
    t.labels = labels_for(labelled, d.batch_size, keep)
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                done = train_with(&t, <float *>t.weights)
            else:
                done = train_with(&t, <double *>t.weights)
        finally:
            restore_subnormals(mode)
    return done

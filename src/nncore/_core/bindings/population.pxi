"""Training, prediction and losses of populations: many networks of one architecture."""
import threading

from libc.stdint cimport uint32_t

from nncore._core.population.block cimport KEPT, Block, Members, plan_block
from nncore._core.population.crew cimport Crew, Worker, free_locks, prepare_locks
from nncore._core.population.lanes cimport FEW_LANES, MANY_LANES
from nncore._core.population.predict cimport evaluate_members, predict_members
from nncore._core.population.train cimport train_members

from nncore.arguments import population as population_arguments
from nncore.arguments.population_train_call import PopulationTrainCall


cdef enum:
    MOST_WITH_MANY = 2500  # parameters of a network, of which a block stays in the second cache


cdef int lanes_for(Py_ssize_t members, Py_ssize_t parameters):
    """The number of networks in a block."""
    if members <= FEW_LANES or parameters > MOST_WITH_MANY:
        return FEW_LANES
    return MANY_LANES


cdef Members members_of(object call, const Network *plan, const Data *d, Rule *rule):
    """Pointers to the arrays of a checked call."""
    cdef Members m
    m.plan, m.data, m.rule = plan, d, rule
    m.loss = LOSS_CODES[call.loss]
    m.clip_norm = call.clip_norm
    m.members, m.parameters = dim(call.weights, 0), dim(call.weights, 1)
    m.slots, m.updates_per_loss = dim(call.slots, 0), call.updates_per_loss
    m.updates = dim(call.losses, 0) * m.updates_per_loss
    m.weights, m.state = data(call.weights), data(call.slots)
    m.rows, m.most_rows = NULL, 0
    if call.rows is not None:
        m.rows, m.most_rows = <const Py_ssize_t *>data(call.rows), dim(call.rows, 1)
    m.epoch_rows = <const long long *>data(call.epoch_rows)
    m.counters = <long long *>data(call.counters)
    m.seeds = <const uint64_t *>data(call.seeds)
    m.penalty = <const double *>data(call.penalties)
    m.dropout, m.weight, m.weight_row = NULL, NULL, 0
    if call.dropout is not None:
        m.dropout = <const double *>data(call.dropout)
    if call.sample_weight is not None:
        m.weight = data(call.sample_weight)
        m.weight_row = dim(call.sample_weight, 1) if dim(call.sample_weight, 0) > 1 else 0
    m.rates, m.losses = <const double *>data(call.rates), <double *>data(call.losses)
    m.loss_row = cnp.PyArray_STRIDE(call.losses, 0) // <Py_ssize_t>sizeof(double)
    m.constant = dim(call.rates, 1) == 1
    m.shuffled = call.shuffle
    return m


def population_train(weights, slots, layers, x, y, rows, epoch_rows, counters, rates, losses,
                     seeds, penalties, *, loss, optimizer, batch_size, shuffle=True,
                     clip_value=0.0, clip_norm=0.0, sample_weight=None, dropout=None,
                     updates_per_loss=1, threads=1):
    call = population_arguments.train(PopulationTrainCall(
        weights, slots, layers, x, y, rows, epoch_rows, counters, rates, losses, seeds, penalties,
        loss, optimizer, batch_size, shuffle, clip_value, clip_norm, sample_weight, dropout,
        updates_per_loss, threads))
    cdef Network plan
    cdef Block b
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Data d = data_of(call.x, call.y, None, None, labelled)
    cdef Rule rule = rule_of(call.optimizer, call.clip_value)
    cdef Members m = members_of(call, &plan, &d, &rule)
    cdef int kind = cnp.PyArray_TYPE(call.weights)
    cdef Py_ssize_t count = max(1, min(call.threads, len(call.weights))), k
    cdef int lanes = lanes_for((m.members + count - 1) // count, m.parameters)
    cdef Py_ssize_t longest = int(call.epoch_rows.max()) if m.members else 1
    cdef list keep = []
    cdef Crew crew
    memset(&crew, 0, sizeof(crew))
    done = aligned_zeros(m.members, "i8")
    m.done = <long long *>data(done)
    d.batch_size = min(<Py_ssize_t>call.batch_size, longest)
    plan_layers(&plan, <const long long *>data(call.layers), dim(call.layers, 0), NULL)
    plan_block(&b, &m, lanes)
    b.penalised = bool(call.penalties.any())
    b.plain = call.optimizer.kind == "sgd" and call.clip_value == 0 and m.clip_norm == 0
    count = max(1, min(count, (m.members + lanes - 1) // lanes))
    memory = aligned_zeros((count, sizeof(Worker)), "u1")
    rates_of_blocks = aligned_zeros((count, KEPT * lanes), "f8")
    cdef Worker *workers = <Worker *>data(memory)
    cdef Py_ssize_t size = (b.scratch + 15) // 16 * 16
    cdef char *scratch = <char *>kept_scratch(count * size, kind, False, keep)
    for k in range(count):
        workers[k].crew, workers[k].block = &crew, b
        workers[k].block.rates = <double *>data(rates_of_blocks) + k * KEPT * lanes
        if not b.shared:
            workers[k].block.order = <uint32_t *>ids_for(lanes * longest, keep)
        workers[k].labels = labels_for(labelled, d.batch_size * lanes, keep)
        workers[k].scratch = scratch + k * size * cnp.PyArray_ITEMSIZE(call.weights)
    workers.polls = threading.current_thread() is threading.main_thread()
    try:
        prepare_locks(&crew, workers, count)
        with nogil:
            if kind == cnp.NPY_FLOAT:
                train_members(workers, count, <float *>scratch)
            else:
                train_members(workers, count, <double *>scratch)
    finally:
        free_locks(&crew, workers, count)
        call.shown[...] = call.counters
    return done


cdef Members members_alone(object weights, const Network *plan, const Data *d):
    """Members that are not trained, of checked weights."""
    cdef Members m
    m.plan, m.data, m.rule, m.loss, m.clip_norm = plan, d, NULL, 0, 0
    m.members, m.parameters, m.weights = dim(weights, 0), dim(weights, 1), data(weights)
    m.slots, m.updates, m.state, m.done = 0, 0, NULL, NULL
    m.updates_per_loss, m.loss_row = 1, 0
    m.rows, m.most_rows, m.epoch_rows, m.shuffled = NULL, 0, NULL, False
    m.counters, m.seeds, m.penalty, m.dropout = NULL, NULL, NULL, NULL
    m.weight, m.weight_row, m.rates, m.losses, m.constant = NULL, 0, NULL, NULL, False
    return m


cdef enum:
    PREDICTED_ROWS = 32  # at once


def population_predict(weights, layers, x):
    weights, layers, x = population_arguments.predict(weights, layers, x)
    cdef Network plan
    cdef Block b
    cdef Data d = data_of(x, None, None, None, False)
    cdef Members m = members_alone(weights, &plan, &d)
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef list keep = []
    cdef cnp.npy_intp[3] dims
    cdef unsigned long long mode
    plan_layers(&plan, <const long long *>data(layers), dim(layers, 0), NULL)
    d.rows = dim(x, cnp.PyArray_NDIM(x) - 2)
    d.batch_size = min(d.rows, <Py_ssize_t>PREDICTED_ROWS)
    dims[0], dims[1], dims[2] = m.members, d.rows, plan.layer[plan.layers - 1].outputs
    result = empty(3, dims, kind)
    plan_block(&b, &m, lanes_for(m.members, m.parameters))
    b.shared = cnp.PyArray_NDIM(x) == 2
    cdef void *scratch = kept_scratch(b.scratch, kind, False, keep)
    cdef void *y = data(result)
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                predict_members(&m, &b, <float *>scratch, <float *>y)
            else:
                predict_members(&m, &b, <double *>scratch, <double *>y)
        finally:
            restore_subnormals(mode)
    return result


def population_evaluate(weights, layers, x, y, rows=None, *, loss):
    weights, layers, x, y, rows = population_arguments.evaluate(weights, layers, x, y, rows, loss)
    cdef Network plan
    cdef Block b
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Data d = data_of(x, y, None, None, labelled)
    cdef Members m = members_alone(weights, &plan, &d)
    cdef int kind = cnp.PyArray_TYPE(weights), lanes = lanes_for(m.members, m.parameters)
    cdef list keep = []
    cdef unsigned long long mode
    m.loss = LOSS_CODES[loss]
    d.batch_size = d.rows
    if rows is not None:
        m.rows, m.most_rows = <const Py_ssize_t *>data(rows), dim(rows, 1)
        d.batch_size = m.most_rows
    plan_layers(&plan, <const long long *>data(layers), dim(layers, 0), NULL)
    plan_block(&b, &m, lanes)
    b.epoch_rows = b.rows
    if not b.shared:
        b.order = <uint32_t *>ids_for(lanes * b.rows, keep)
    cdef Py_ssize_t *labels = labels_for(labelled, d.batch_size * lanes, keep)
    cdef void *scratch = kept_scratch(b.scratch, kind, True, keep)
    losses = aligned_zeros(m.members, "f8")
    cdef double *result = <double *>data(losses)
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                evaluate_members(&m, &b, labels, <float *>scratch, result)
            else:
                evaluate_members(&m, &b, labels, <double *>scratch, result)
        finally:
            restore_subnormals(mode)
    return losses

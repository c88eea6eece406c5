"""Python functions of recurrent networks for sequences of vectors."""
from nncore._core.recurrent.rnn cimport (
    EvaluationRows, RNNPlan, RNNTraining, plan_rnn, rnn_loss, train_rnn,
)
from nncore._core.recurrent.rnn cimport rnn_gradients as run_rnn_gradients
from nncore._core.recurrent.rnn cimport rnn_predict as run_rnn_predict
from nncore._core.recurrent.sequences cimport Packed, Sequences, sort_by_length
from nncore._core.recurrent.stack cimport MOST_RECURRENT_LAYERS, has_padding, plan_stack

from nncore.arguments import rnn as rnn_arguments
from nncore.arguments.rnn_train_call import RNNTrainCall

# Sequences, and about how many steps of them all, that are predicted at once.
cdef enum:
    PREDICTED_SEQUENCES = 64
    PREDICTED_STEPS = 4096


cdef Sequences sequences_of(object x, object starts, object y, object weight, bint labelled):
    """The C view of checked sequences and targets; no other thread can change `starts`."""
    cdef Sequences d
    cdef Py_ssize_t n
    memset(&d, 0, sizeof(Sequences))
    d.x, d.inputs = data(x), dim(x, 1)
    d.starts, d.count = <Py_ssize_t *>data(starts), dim(starts, 0) - 1
    for n in range(d.count):
        d.longest = max(d.longest, d.starts[n + 1] - d.starts[n])
    if y is not None and labelled:
        d.labels = <Py_ssize_t *>data(y)
    elif y is not None:
        d.y = data(y)
    if weight is not None:
        d.weight = data(weight)
    return d


cdef void plan_sizes(RNNPlan *p, object sizes, object cell):
    """Plan the stack of layers of a network of checked sizes."""
    cdef long long[MOST_RECURRENT_LAYERS] hidden
    cdef int code = CELL_CODES[cell]
    cdef Py_ssize_t i, layers = len(sizes) - 2
    for i in range(layers):
        hidden[i] = sizes[i + 1]
    plan_stack(&p.stack, <Cell>code, sizes[0], hidden, layers, sizes[layers + 1])


cdef Packed batch_of(Py_ssize_t sequences, Py_ssize_t longest, list keep):
    """Memory for the order of a batch's sequences, and for its steps."""
    cdef Packed b
    cdef object array = aligned_zeros(2 * sequences + 2 * (longest + 1), "i8")
    cdef Py_ssize_t *start = <Py_ssize_t *>data(array)
    keep.append(array)
    memset(&b, 0, sizeof(Packed))
    b.chosen, b.position = start, start + sequences
    b.cursor, b.first = start + 2 * sequences, start + 2 * sequences + longest + 1
    return b


cdef void choose_all(const Sequences *d, Packed *b) noexcept nogil:
    """A batch of all sequences."""
    cdef Py_ssize_t n
    b.count = d.count
    for n in range(d.count):
        b.chosen[n] = n
    sort_by_length(d, b)


cdef void *rnn_scratch(const RNNPlan *p, int kind, list keep) except NULL:
    return kept_scratch(p.scratch, kind, has_padding(&p.stack), keep)


cdef object predictions(object weights, const Sequences *d, object state, object net):
    """Outputs in the order of x; state moves on to the end of each sequence."""
    cdef int kind = cnp.PyArray_TYPE(weights), code = ACTIVATION_CODES[net.activation]
    cdef RNNPlan plan
    cdef list keep = []
    cdef bint last = net.last
    cdef Py_ssize_t at_once = min(<Py_ssize_t>PREDICTED_SEQUENCES, max(d.count, <Py_ssize_t>1))
    cdef Py_ssize_t rows = min(d.starts[d.count], max(<Py_ssize_t>PREDICTED_STEPS, d.longest))
    plan_sizes(&plan, net.sizes, net.cell)
    plan_rnn(&plan, <Activation>code, last, at_once, rows, NULL, False)
    cdef cnp.npy_intp[2] dims
    dims[0], dims[1] = d.count if last else d.starts[d.count], plan.stack.outputs
    outputs = empty(2, dims, kind)
    cdef Packed b = batch_of(at_once, d.longest, keep)
    cdef void *scratch = rnn_scratch(&plan, kind, keep)
    cdef void *w = data(weights)
    cdef void *s = data(state)
    cdef void *out = data(outputs)
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                run_rnn_predict(&plan, d, &b, at_once, <const float *>w, <float *>s, <float *>out,
                                <float *>scratch)
            else:
                run_rnn_predict(&plan, d, &b, at_once, <const double *>w, <double *>s,
                                <double *>out, <double *>scratch)
        finally:
            restore_subnormals(mode)
    return outputs


def rnn_predict(weights, x, starts, state, *, sizes, cell="tanh", activation="identity", last=True):
    weights, x, starts, state, net = rnn_arguments.predict(
        weights, x, starts, state, sizes, cell, activation, last)
    cdef Sequences d = sequences_of(x, starts, None, None, False)
    return predictions(weights, &d, state, net)


def rnn_gradients(weights, x, starts, y, *, sizes, cell="tanh", activation="identity", loss,
                  last=True, sample_weight=None):
    weights, x, starts, y, sample_weight, net, loss = rnn_arguments.gradients(
        weights, x, starts, y, sizes, cell, activation, loss, last, sample_weight)
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Sequences d = sequences_of(x, starts, y, sample_weight, labelled)
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef int code = ACTIVATION_CODES[net.activation], loss_code = LOSS_CODES[loss]
    cdef RNNPlan plan
    cdef list keep = []
    plan_sizes(&plan, net.sizes, net.cell)
    plan_rnn(&plan, <Activation>code, net.last, d.count, d.starts[d.count], NULL, True)
    gradient = zeros(plan.stack.parameters, kind)
    cdef Packed b = batch_of(d.count, d.longest, keep)
    cdef Py_ssize_t *labels = labels_for(labelled, d.starts[d.count], keep)
    cdef void *scratch = rnn_scratch(&plan, kind, keep)
    cdef void *w = data(weights)
    cdef void *g = data(gradient)
    cdef double total
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            choose_all(&d, &b)
            if kind == cnp.NPY_FLOAT:
                run_rnn_gradients(&plan, &d, &b, <Loss>loss_code, 0, <const float *>w, 0, 0,
                                  labels, <float *>scratch, <float *>g, &total)
            else:
                run_rnn_gradients(&plan, &d, &b, <Loss>loss_code, 0, <const double *>w, 0, 0,
                                  labels, <double *>scratch, <double *>g, &total)
        finally:
            restore_subnormals(mode)
    return total, gradient


cdef EvaluationRows evaluation_rows(
    Py_ssize_t rows, Py_ssize_t outputs, bint labelled, int kind, list keep
):
    cdef EvaluationRows room
    cdef list arrays = [zeros(aligned(rows * outputs), kind) for _ in range(3)]
    cdef object fraction = zeros(rows, kind)
    keep += [arrays, fraction]
    room.outputs, room.y, room.d = data(arrays[0]), data(arrays[1]), data(arrays[2])
    room.fraction, room.labels = data(fraction), labels_for(labelled, rows, keep)
    return room


def rnn_evaluate(weights, x, starts, y, *, sizes, cell="tanh", activation="identity", loss,
                 last=True, sample_weight=None):
    weights, x, starts, y, sample_weight, net, loss = rnn_arguments.gradients(
        weights, x, starts, y, sizes, cell, activation, loss, last, sample_weight)
    cdef bint labelled = LOSS_ROW[loss].takes_labels
    cdef Sequences d = sequences_of(x, starts, y, sample_weight, labelled)
    cdef int kind = cnp.PyArray_TYPE(weights), loss_code = LOSS_CODES[loss]
    cdef RNNPlan plan
    cdef list keep = []
    plan_sizes(&plan, net.sizes, net.cell)
    plan.last = net.last
    state = aligned_zeros((d.count, plan.stack.states), "f4" if kind == cnp.NPY_FLOAT else "f8")
    outputs = predictions(weights, &d, state, net)
    cdef EvaluationRows room = evaluation_rows(
        dim(outputs, 0), plan.stack.outputs, labelled, kind, keep)
    cdef Packed b = batch_of(d.count, d.longest, keep)
    cdef void *out = data(outputs)
    cdef double total
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            choose_all(&d, &b)
            if kind == cnp.NPY_FLOAT:
                total = rnn_loss(&plan, &d, &b, <Loss>loss_code, &room, <const float *>out)
            else:
                total = rnn_loss(&plan, &d, &b, <Loss>loss_code, &room, <const double *>out)
        finally:
            restore_subnormals(mode)
    return total, outputs


def rnn_train(weights, gradient, slots, x, starts, y, order, counters, rates, losses, *, sizes,
              cell, activation, loss, last, optimizer, batch_size, sample_weight=None, dropout=0.0,
              seed=0, clip_value=0.0, clip_norm=0.0, l2=0.0, shuffle=True):
    call = rnn_arguments.train(RNNTrainCall(
        weights, gradient, slots, x, starts, y, order, counters, rates, losses, sizes, cell,
        activation, loss, last, optimizer, batch_size, sample_weight, dropout, seed, clip_value,
        clip_norm, l2, shuffle))
    cdef bint labelled = LOSS_ROW[call.loss].takes_labels
    cdef Sequences d = sequences_of(call.x, call.starts, call.y, call.sample_weight, labelled)
    cdef int kind = cnp.PyArray_TYPE(call.weights)
    cdef RNNPlan plan
    cdef RNNTraining t
    cdef Rule rule = rule_of(call.optimizer, call.clip_value)
    cdef list keep = []
    t.batch_size = min(call.batch_size, d.count)
    cdef Py_ssize_t rows = d.starts[d.count]
    if t.batch_size <= rows // d.longest:  # otherwise their product, which could overflow, is more
        rows = t.batch_size * d.longest
    plan_training_call(&plan, call, t.batch_size, rows)
    cdef Packed b = batch_of(t.batch_size, d.longest, keep)
    t.plan, t.data, t.batch, t.rule = &plan, &d, &b, &rule
    t.loss = <Loss><int>LOSS_CODES[call.loss]
    t.clip_norm, t.l2, t.seed = call.clip_norm, call.l2, call.seed
    t.gradient = data(call.gradient)
    cdef Address[MAX_SLOTS] s
    find_slots(call.slots, s)
    t.slots = s
    t.counters, t.shown = <long long *>data(call.counters), <long long *>data(call.shown)
    t.rates, t.losses = <const double *>data(call.rates), <double *>data(call.losses)
    t.updates = dim(call.losses, 0)
    t.order = NULL if call.order is None else <Py_ssize_t *>data(call.order)
    t.shuffled = call.shuffle and call.order is not None
    t.labels = labels_for(labelled, plan.stack.rows, keep)
    t.scratch = rnn_scratch(&plan, kind, keep)
    cdef void *w = data(call.weights)
    cdef Py_ssize_t done
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            done = (train_rnn(&t, <float *>w) if kind == cnp.NPY_FLOAT
                    else train_rnn(&t, <double *>w))
        finally:
            restore_subnormals(mode)
    return done


cdef void plan_training_call(RNNPlan *plan, object call, Py_ssize_t sequences, Py_ssize_t rows):
    """Plan a checked call of `rnn_train`, for batches of up to this size."""
    cdef int code = ACTIVATION_CODES[call.activation]
    cdef double[MOST_RECURRENT_LAYERS] dropout
    cdef Py_ssize_t i
    for i in range(MOST_RECURRENT_LAYERS):
        dropout[i] = call.dropout
    plan_sizes(plan, call.sizes, call.cell)
    plan_rnn(plan, <Activation>code, call.last, sequences, rows, dropout, True)

"""The character RNN, as Python calls it."""
from libc.stdint cimport int32_t, uint8_t, uint16_t

from nncore._core.char_rnn cimport (
    Plan, Rows, Text, evaluate, gradients, load_states, make_plan, sample, store_states, train,
)
from nncore._core.sampling cimport Candidate, Drawing
from nncore._core.signals cimport flush_subnormals, restore_subnormals

from nncore import char_rnn_arguments
from nncore.params import aligned_zeros, views


cdef void *scratch_for(const Plan *plan, int kind, list keep):
    """Zeroed scratch of a plan; `keep` holds the array that owns it."""
    cdef object array = aligned_zeros(plan.scratch, "f4" if kind == cnp.NPY_FLOAT else "f8")
    keep.append(array)
    return data(array)


cdef int32_t *ids_for(Py_ssize_t n, list keep):
    cdef object array = aligned_zeros(n, "i4")
    keep.append(array)
    return <int32_t *>data(array)


cdef Rows rows_for(const Plan *plan, list keep):
    cdef Rows rows
    rows.ids = ids_for(plan.vocabulary, keep)
    rows.listed = ids_for(plan.vocabulary, keep)
    rows.count = 0
    return rows


def char_rnn_gradients(inputs, targets, h0, wxh, whh, why, bh, by):
    inputs, targets, h0, weights, shapes, single = char_rnn_arguments.char_rnn_gradients(
        inputs, targets, h0, wxh, whh, why, bh, by)
    cdef int kind = cnp.PyArray_TYPE(h0)
    cdef Plan plan = make_plan(dim(inputs, 1), dim(inputs, 0), dim(why, 1), dim(h0, 1))
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef Rows rows = rows_for(&plan, keep)
    gradient = aligned_zeros(plan.parameters, h0.dtype)
    h_last = h0.copy()
    cdef const int32_t *x = <const int32_t *>data(inputs)
    cdef const int32_t *y = <const int32_t *>data(targets)
    cdef void *w = data(weights)
    cdef void *g = data(gradient)
    cdef void *h = data(h_last)
    cdef double total
    with nogil:
        if kind == cnp.NPY_FLOAT:
            load_states(&plan, <const float *>h, <float *>scratch)
            gradients(&plan, <const float *>w, x, y, <float *>scratch, &rows, <float *>g, &total)
            store_states(&plan, plan.steps, <const float *>scratch, <float *>h)
        else:
            load_states(&plan, <const double *>h, <double *>scratch)
            gradients(&plan, <const double *>w, x, y, <double *>scratch, &rows, <double *>g, &total)
            store_states(&plan, plan.steps, <const double *>scratch, <double *>h)
    return total, views(gradient, shapes), h_last[0] if single else h_last


cdef Text text_of(object text, Py_ssize_t streams):
    """The C view of an array of ids cut into equal streams; what is left over goes unread."""
    cdef Text t
    t.narrow = <const uint8_t *>data(text) if cnp.PyArray_TYPE(text) == cnp.NPY_UINT8 else NULL
    t.wide = <const uint16_t *>data(text) if t.narrow == NULL else NULL
    t.length = t.stride = cnp.PyArray_SIZE(text) // streams
    return t


def char_rnn_train(weights, gradient, slots, text, counters, h, rates, losses, *,
                   vocabulary, seq_length, optimizer, clip_value=0.0, clip_norm=0.0):
    char_rnn_arguments.char_rnn_train(
        weights, gradient, slots, text, counters, h, rates, losses,
        vocabulary, seq_length, optimizer, clip_value, clip_norm)
    cdef Plan plan = make_plan(dim(h, 0), seq_length, vocabulary, dim(h, 1))
    cdef Rule rule = make_rule(
        OPTIMIZER_CODES[optimizer.kind], 0, optimizer.decay, optimizer.decay2,
        optimizer.epsilon, optimizer.weight_decay)
    rule.epsilon_hat = optimizer.epsilon_hat
    rule.clip_value = clip_value if clip_value > 0 else INFINITY
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef Text t = text_of(text, plan.streams)
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef int32_t *ids = ids_for((plan.steps + 1) * plan.streams, keep)
    cdef Rows rows = rows_for(&plan, keep)
    cdef void *w = data(weights)
    cdef void *g = data(gradient)
    cdef void *s1 = data(slots[0]) if len(slots) > 0 else NULL
    cdef void *s2 = data(slots[1]) if len(slots) > 1 else NULL
    cdef void *state = data(h)
    cdef long long *count = <long long *>data(counters)
    cdef const double *rate = <const double *>data(rates)
    cdef double *out = <double *>data(losses)
    cdef double norm = clip_norm
    cdef Py_ssize_t n = dim(losses, 0), done
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                done = train(&plan, &rule, norm, <float *>w, <float *>g, <float *>s1,
                             <float *>s2, &t, count, <float *>state, rate, out, n, ids, &rows,
                             <float *>scratch)
            else:
                done = train(&plan, &rule, norm, <double *>w, <double *>g, <double *>s1,
                             <double *>s2, &t, count, <double *>state, rate, out, n, ids, &rows,
                             <double *>scratch)
        finally:
            restore_subnormals(mode)
    return done


# Time steps evaluated at once; long enough for the output product to run at full speed.
cdef enum:
    EVALUATION_STEPS = 64


def char_rnn_evaluate(weights, text, h, *, vocabulary):
    char_rnn_arguments.char_rnn_evaluate(weights, text, h, vocabulary)
    cdef Plan plan = make_plan(1, EVALUATION_STEPS, vocabulary, dim(h, 1))
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef Text t = text_of(text, 1)
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef int32_t *ids = ids_for(plan.steps + 1, keep)
    cdef void *w = data(weights)
    cdef void *state = data(h)
    cdef double nats = 0
    with nogil:
        if kind == cnp.NPY_FLOAT:
            evaluate(&plan, <const float *>w, &t, <float *>state, ids, <float *>scratch, &nats)
        else:
            evaluate(&plan, <const double *>w, &t, <double *>state, ids, <double *>scratch, &nats)
    return nats


def char_rnn_sample(weights, h, last, uniforms, *, vocabulary, temperature=1.0, top_k=0, top_p=1.0):
    char_rnn_arguments.char_rnn_sample(
        weights, h, last, uniforms, vocabulary, temperature, top_k, top_p)
    cdef Plan plan = make_plan(1, 1, vocabulary, dim(h, 1))
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef Py_ssize_t n = dim(uniforms, 0)
    cdef object chosen = aligned_zeros(n, "i4")
    cdef object room = aligned_zeros(plan.vocabulary * sizeof(Candidate), "u1")
    cdef int32_t *ids = <int32_t *>data(chosen)
    cdef Candidate *candidates = <Candidate *>data(room)
    cdef void *w = data(weights)
    cdef void *state = data(h)
    cdef const double *u = <const double *>data(uniforms)
    cdef int32_t first = last
    cdef Drawing how
    how.temperature, how.top_k, how.top_p = temperature, min(top_k, vocabulary), top_p
    with nogil:
        if kind == cnp.NPY_FLOAT:
            sample(&plan, <const float *>w, <float *>state, first, u, n, &how,
                   ids, candidates, <float *>scratch)
        else:
            sample(&plan, <const double *>w, <double *>state, first, u, n, &how,
                   ids, candidates, <double *>scratch)
    return chosen

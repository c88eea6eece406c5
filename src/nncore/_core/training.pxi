"""Optimizer steps, clipping and the character RNN, as Python calls them."""
from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int32_t, uint8_t, uint16_t

from nncore import char_rnn_arguments
from nncore.params import aligned_zeros, views
from nncore._core.char_rnn cimport (
    Plan, Rows, Text, evaluate, forward as run_steps, gradients, load_states, make_plan, store_states, train,
)
from nncore._core.optimizers cimport (
    ADAGRAD, ADAM, ADAMW, MOMENTUM, NESTEROV, RMSPROP, SGD, Optimizer, Rule, optimizer_step,
)
from nncore._core.optimizers cimport clip_by_norm as run_clip_by_norm
from nncore._core.optimizers cimport clip_by_value as run_clip_by_value
from nncore._core.sampling cimport Candidate, choose

cdef dict OPTIMIZER_CODES = {
    "sgd": SGD, "momentum": MOMENTUM, "nesterov": NESTEROV, "rmsprop": RMSPROP,
    "adagrad": ADAGRAD, "adam": ADAM, "adamw": ADAMW,
}


cdef void step_of(
    int kind, const Rule *rule, void *w, void *g, void *s1, void *s2, Py_ssize_t n, long long step
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        optimizer_step(rule, <float *>w, <const float *>g, <float *>s1, <float *>s2, n, step)
    else:
        optimizer_step(rule, <double *>w, <const double *>g, <double *>s1, <double *>s2, n, step)


cdef bint writable(object a):
    """Can a kernel work on this array where it lies?"""
    return kind_of(a, -1) != 0 and PyArray_ISCARRAY(<cnp.ndarray>a)


cdef bint separate(list arrays):
    """Are these params, grads and slots of one type and shape, writable, and nowhere the same?"""
    cdef object one = arrays[0]
    cdef int kind = kind_of(one, -1), i, j
    if not kind:
        return False
    for i in range(len(arrays)):
        if not same_array_type(one, arrays[i], kind) or i != 1 and not writable(arrays[i]):
            return False
        for j in range(i):
            if overlap(arrays[i], arrays[j]):
                return False
    return True


cdef object optimizer_update(Rule rule, object params, object grads, dict slots, long long step):
    """One step in place; arrays that a kernel can't write to are copied there and back."""
    cdef list given = [params, *slots.values()]
    cdef list arrays = [params, grads, *slots.values()]
    if not separate(arrays):
        arrays = arguments.update(params, grads, slots)
    cdef int kind = cnp.PyArray_TYPE(arrays[0])
    cdef Py_ssize_t n = cnp.PyArray_SIZE(arrays[0])
    cdef void *w = data(arrays[0])
    cdef void *g = data(arrays[1])
    cdef void *s1 = data(arrays[2]) if len(arrays) > 2 else NULL
    cdef void *s2 = data(arrays[3]) if len(arrays) > 3 else NULL
    with nogil:
        step_of(kind, &rule, w, g, s1, s2, n, step)
    del arrays[1]
    arguments.write_back(arrays, given)


cdef double number(str name, object value) except? -1:
    return value if type(value) is float else arguments.number(name, value)


cdef Rule make_rule(Optimizer kind, double learning_rate, double decay, double decay2,
                    double epsilon, double weight_decay):
    cdef Rule rule
    rule.kind, rule.learning_rate, rule.decay = kind, learning_rate, decay
    rule.decay2, rule.epsilon, rule.weight_decay = decay2, epsilon, weight_decay
    rule.clip_value = INFINITY
    return rule


def sgd_update(params, grads, *, learning_rate):
    cdef double rate = number("learning_rate", learning_rate)
    optimizer_update(make_rule(SGD, rate, 0, 0, 0, 0), params, grads, {}, 1)


def momentum_update(params, grads, velocity, *, learning_rate, momentum=0.9):
    cdef double rate = number("learning_rate", learning_rate), mu = number("momentum", momentum)
    optimizer_update(make_rule(MOMENTUM, rate, mu, 0, 0, 0), params, grads, {"velocity": velocity}, 1)


def nesterov_update(params, grads, velocity, *, learning_rate, momentum=0.9):
    cdef double rate = number("learning_rate", learning_rate), mu = number("momentum", momentum)
    optimizer_update(make_rule(NESTEROV, rate, mu, 0, 0, 0), params, grads, {"velocity": velocity}, 1)


def rmsprop_update(params, grads, mean_square, *, learning_rate, decay=0.9, epsilon=1e-8):
    cdef double rate = number("learning_rate", learning_rate), rho = number("decay", decay)
    cdef double eps = number("epsilon", epsilon)
    optimizer_update(make_rule(RMSPROP, rate, rho, 0, eps, 0), params, grads, {"mean_square": mean_square}, 1)


def adagrad_update(params, grads, sum_square, *, learning_rate, epsilon=1e-8):
    cdef double rate = number("learning_rate", learning_rate), eps = number("epsilon", epsilon)
    optimizer_update(make_rule(ADAGRAD, rate, 0, 0, eps, 0), params, grads, {"sum_square": sum_square}, 1)


def adam_update(params, grads, mean, mean_square, *, step, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    cdef long long count = arguments.step(step)
    cdef double rate = number("learning_rate", learning_rate)
    cdef double b1 = number("beta1", beta1), b2 = number("beta2", beta2), eps = number("epsilon", epsilon)
    optimizer_update(make_rule(ADAM, rate, b1, b2, eps, 0),
                     params, grads, {"mean": mean, "mean_square": mean_square}, count)


def adamw_update(params, grads, mean, mean_square, *, step, learning_rate, beta1=0.9, beta2=0.999,
                 epsilon=1e-8, weight_decay=0.01):
    cdef long long count = arguments.step(step)
    cdef double rate = number("learning_rate", learning_rate)
    cdef double b1 = number("beta1", beta1), b2 = number("beta2", beta2), eps = number("epsilon", epsilon)
    cdef double decay = number("weight_decay", weight_decay)
    optimizer_update(make_rule(ADAMW, rate, b1, b2, eps, decay),
                     params, grads, {"mean": mean, "mean_square": mean_square}, count)


def clip_by_value(grads, limit):
    cdef double at = arguments.limit(limit)
    array = grads if writable(grads) else arguments.in_place(grads=grads)[0]
    cdef int kind = cnp.PyArray_TYPE(array)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(array)
    cdef void *g = data(array)
    with nogil:
        if kind == cnp.NPY_FLOAT:
            run_clip_by_value(<float *>g, n, <float>at)
        else:
            run_clip_by_value(<double *>g, n, at)
    if array is not grads:
        grads[...] = array


def clip_by_norm(grads, limit):
    cdef double at = arguments.limit(limit), norm
    array = grads if writable(grads) else arguments.in_place(grads=grads)[0]
    cdef int kind = cnp.PyArray_TYPE(array)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(array)
    cdef void *g = data(array)
    with nogil:
        if kind == cnp.NPY_FLOAT:
            norm = run_clip_by_norm(<float *>g, n, at)
        else:
            norm = run_clip_by_norm(<double *>g, n, at)
    if array is not grads:
        grads[...] = array
    return norm


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
    char_rnn_arguments.char_rnn_train(weights, gradient, slots, text, counters, h, rates, losses,
                             vocabulary, seq_length, optimizer, clip_value, clip_norm)
    cdef Plan plan = make_plan(dim(h, 0), seq_length, vocabulary, dim(h, 1))
    cdef Rule rule = make_rule(OPTIMIZER_CODES[optimizer.kind], 0, optimizer.decay, optimizer.decay2,
                               optimizer.epsilon, optimizer.weight_decay)
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
    with nogil:
        if kind == cnp.NPY_FLOAT:
            done = train(&plan, &rule, norm, <float *>w, <float *>g, <float *>s1, <float *>s2,
                         &t, count, <float *>state, rate, out, n, ids, &rows, <float *>scratch)
        else:
            done = train(&plan, &rule, norm, <double *>w, <double *>g, <double *>s1, <double *>s2,
                         &t, count, <double *>state, rate, out, n, ids, &rows, <double *>scratch)
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


cdef int sample(
    const Plan *plan, const real *weights, real *h, int32_t last, const double *uniforms,
    Py_ssize_t n, double temperature, Py_ssize_t top_k, double top_p, int32_t *ids,
    Candidate *candidates, real *scratch,
) except -1 nogil:
    cdef Py_ssize_t i
    for i in range(n):
        load_states(plan, h, scratch)
        run_steps(plan, 1, weights, &last, scratch)
        store_states(plan, 1, scratch, h)
        last = choose(scratch + plan.logits, plan.vocabulary, temperature, top_k, top_p,
                      uniforms[i], candidates)
        ids[i] = last
    return 0


def char_rnn_sample(weights, h, last, uniforms, *, vocabulary, temperature=1.0, top_k=0, top_p=1.0):
    char_rnn_arguments.char_rnn_sample(weights, h, last, uniforms, vocabulary, temperature, top_k, top_p)
    cdef Plan plan = make_plan(1, 1, vocabulary, dim(h, 1))
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef Py_ssize_t n = dim(uniforms, 0), k = min(top_k, vocabulary)
    cdef object chosen = aligned_zeros(n, "i4")
    cdef object room = aligned_zeros(plan.vocabulary * sizeof(Candidate), "u1")
    cdef int32_t *ids = <int32_t *>data(chosen)
    cdef Candidate *candidates = <Candidate *>data(room)
    cdef void *w = data(weights)
    cdef void *state = data(h)
    cdef const double *u = <const double *>data(uniforms)
    cdef int32_t first = last
    cdef double heat = temperature, p = top_p
    with nogil:
        if kind == cnp.NPY_FLOAT:
            sample(&plan, <const float *>w, <float *>state, first, u, n, heat, k, p, ids, candidates, <float *>scratch)
        else:
            sample(&plan, <const double *>w, <double *>state, first, u, n, heat, k, p, ids, candidates, <double *>scratch)
    return chosen

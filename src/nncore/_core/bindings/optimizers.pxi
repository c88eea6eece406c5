"""Optimizer steps and clipping, as Python calls them."""
from libc.math cimport INFINITY

from nncore._core.ops.optimizers cimport (
    ADAGRAD, ADAM, ADAMW, MOMENTUM, NESTEROV, RMSPROP, SGD, Optimizer, Rule, optimizer_step,
)
from nncore._core.ops.optimizers cimport clip_by_norm as run_clip_by_norm
from nncore._core.ops.optimizers cimport clip_by_value as run_clip_by_value

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


cdef double share(str name, object value) except? -1:
    return value if type(value) is float and 0 <= value < 1 else arguments.share(name, value)


cdef Rule make_rule(Optimizer kind, double learning_rate, double decay, double decay2,
                    double epsilon, double weight_decay):
    cdef Rule rule
    rule.kind, rule.learning_rate, rule.decay = kind, learning_rate, decay
    rule.decay2, rule.epsilon, rule.weight_decay = decay2, epsilon, weight_decay
    rule.epsilon_hat, rule.clip_value = False, INFINITY
    return rule


cdef Rule rule_of(object optimizer, double clip_value):
    """A rule that `arguments.update_rule` has checked; its step size comes with each update."""
    cdef Rule rule = make_rule(
        OPTIMIZER_CODES[optimizer.kind], 0, optimizer.decay, optimizer.decay2,
        optimizer.epsilon, optimizer.weight_decay)
    rule.epsilon_hat = optimizer.epsilon_hat
    rule.clip_value = clip_value if clip_value > 0 else INFINITY
    return rule


cdef void *row_of(object slots, Py_ssize_t i):
    """A row of the optimizer's state (slots, parameters), NULL where it keeps fewer."""
    if i >= dim(slots, 0):
        return NULL
    return <char *>data(slots) + i * dim(slots, 1) * cnp.PyArray_ITEMSIZE(slots)


def sgd_update(params, grads, *, learning_rate):
    cdef double rate = number("learning_rate", learning_rate)
    optimizer_update(make_rule(SGD, rate, 0, 0, 0, 0), params, grads, {}, 1)


def momentum_update(params, grads, velocity, *, learning_rate, momentum=0.9):
    cdef double rate = number("learning_rate", learning_rate), mu = number("momentum", momentum)
    optimizer_update(make_rule(MOMENTUM, rate, mu, 0, 0, 0),
                     params, grads, {"velocity": velocity}, 1)


def nesterov_update(params, grads, velocity, *, learning_rate, momentum=0.9):
    cdef double rate = number("learning_rate", learning_rate), mu = number("momentum", momentum)
    optimizer_update(make_rule(NESTEROV, rate, mu, 0, 0, 0),
                     params, grads, {"velocity": velocity}, 1)


def rmsprop_update(params, grads, mean_square, *, learning_rate, decay=0.9, epsilon=1e-8):
    cdef double rate = number("learning_rate", learning_rate), rho = number("decay", decay)
    cdef double eps = number("epsilon", epsilon)
    optimizer_update(make_rule(RMSPROP, rate, rho, 0, eps, 0),
                     params, grads, {"mean_square": mean_square}, 1)


def adagrad_update(params, grads, sum_square, *, learning_rate, epsilon=1e-8):
    cdef double rate = number("learning_rate", learning_rate), eps = number("epsilon", epsilon)
    optimizer_update(make_rule(ADAGRAD, rate, 0, 0, eps, 0),
                     params, grads, {"sum_square": sum_square}, 1)


def adam_update(params, grads, mean, mean_square, *, step, learning_rate,
                beta1=0.9, beta2=0.999, epsilon=1e-8):
    cdef long long count = arguments.step(step)
    cdef double rate = number("learning_rate", learning_rate)
    cdef double b1 = share("beta1", beta1), b2 = share("beta2", beta2)
    cdef double eps = number("epsilon", epsilon)
    optimizer_update(make_rule(ADAM, rate, b1, b2, eps, 0),
                     params, grads, {"mean": mean, "mean_square": mean_square}, count)


def adamw_update(params, grads, mean, mean_square, *, step, learning_rate,
                 beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01):
    cdef long long count = arguments.step(step)
    cdef double rate = number("learning_rate", learning_rate)
    cdef double b1 = share("beta1", beta1), b2 = share("beta2", beta2)
    cdef double eps = number("epsilon", epsilon)
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

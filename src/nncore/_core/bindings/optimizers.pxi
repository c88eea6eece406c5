"""Python functions of optimizer steps and clipping."""
from libc.math cimport INFINITY
from libc.string cimport memset

from nncore._core.ops.optimizers cimport MAX_SLOTS, Optimizer, Rule, optimizer_step
from nncore._core.ops.optimizers cimport clip_by_norm as run_clip_by_norm
from nncore._core.ops.optimizers cimport clip_by_value as run_clip_by_value

from nncore import checks


cdef void step_of(
    int kind, const Rule *rule, void *w, void *g, void **slots, Py_ssize_t n, long long step
) noexcept nogil:
    if kind == cnp.NPY_FLOAT:
        optimizer_step(rule, <float *>w, <const float *>g, <float **>slots, 0, n, step)
    else:
        optimizer_step(rule, <double *>w, <const double *>g, <double **>slots, 0, n, step)


cdef bint writable(object a):
    """Whether a kernel can work on this array without a copy."""
    return kind_of(a, -1) != 0 and PyArray_ISCARRAY(<cnp.ndarray>a)


cdef bint separate(list arrays):
    """Whether params, grads and slots have one dtype and shape, are writable and do not overlap."""
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


cdef object optimizer_update(
    const Rule *rule, object params, object grads, dict slots, long long step
):
    """Take one step in place; results are copied to arrays that a kernel cannot write to."""
    cdef list given = [params, *slots.values()]
    cdef list arrays = [params, grads, *slots.values()]
    if not separate(arrays):
        arrays = arguments.update(params, grads, slots)
    cdef int kind = cnp.PyArray_TYPE(arrays[0])
    cdef Py_ssize_t n = cnp.PyArray_SIZE(arrays[0])
    cdef void *w = data(arrays[0])
    cdef void *g = data(arrays[1])
    cdef Address[MAX_SLOTS] state
    cdef Py_ssize_t i
    for i in range(len(slots)):
        state[i] = data(arrays[2 + i])
    with nogil:
        step_of(kind, rule, w, g, state, n, step)
    del arrays[1]
    arguments.write_back(arrays, given)


cdef double number(str name, object value) except? -1:
    return value if type(value) is float else checks.number(name, value)


cdef double fraction(str name, object value) except? -1:
    return value if type(value) is float and 0 <= value < 1 else arguments.fraction(name, value)


cdef Rule new_rule(Optimizer kind):
    """Return a rule whose constants are 0, without clipping."""
    cdef Rule rule
    memset(&rule, 0, sizeof(Rule))
    rule.kind, rule.clip_value = kind, INFINITY
    return rule


cdef void find_slots(object state, void **slots):
    """Set pointers to the rows of the optimizer's state (slots, parameters)."""
    cdef Py_ssize_t i, row = dim(state, 1) * cnp.PyArray_ITEMSIZE(state)
    for i in range(min(dim(state, 0), MAX_SLOTS)):
        slots[i] = <char *>data(state) + i * row


def clip_by_value(grads, limit):
    cdef double at = checks.positive_number("limit", limit)
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
    cdef double at = checks.positive_number("limit", limit), norm
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

# cython: cdivision=True
"""Choosing the next id from logits: temperature, top-k, top-p, over raw pointers."""
from libc.math cimport exp as exp_double
from libc.math cimport isnan
from libc.stdint cimport int32_t
from libc.stdlib cimport qsort

from nncore._core.ops.real cimport real, row_max

cdef struct SamplingOptions:
    double temperature  # divides the logits; 0: always the most likely id
    Py_ssize_t top_k    # draw from this many most likely ids; 0: all
    double top_p        # draw from the fewest of these with this total probability


cdef struct Candidate:
    double weight
    int32_t id


cdef inline int by_weight(const void *a, const void *b) noexcept nogil:
    """Order by descending weight, then by id, so that the order is unique."""
    cdef const Candidate *x = <const Candidate *>a
    cdef const Candidate *y = <const Candidate *>b
    if x.weight != y.weight:
        return -1 if x.weight > y.weight else 1
    return -1 if x.id < y.id else 1


cdef inline Py_ssize_t nucleus(const Candidate *c, Py_ssize_t n, double top_p) noexcept nogil:
    """The smallest number of heaviest candidates with a fraction top_p of the total weight."""
    cdef double total = 0, held = 0
    cdef Py_ssize_t i
    for i in range(n):
        total += c[i].weight
    for i in range(n - 1):
        held += c[i].weight
        if held >= top_p * total:
            return i + 1
    return n


cdef inline int32_t choose(
    const real *logits, Py_ssize_t n, const SamplingOptions *how, double uniform, Candidate *c,
) noexcept nogil:
    """An id drawn from softmax(logits / temperature) by a uniform number in [0, 1)."""
    cdef double top = row_max(logits, n), total = 0, held = 0
    cdef Py_ssize_t i
    if how.temperature == 0:
        for i in range(n):
            if logits[i] == top:
                return <int32_t>i
        return 0  # NaN
    for i in range(n):
        c[i].weight = exp_double((<double>logits[i] - top) / how.temperature)
        c[i].id = <int32_t>i
        if isnan(c[i].weight):
            c[i].weight = 0  # qsort needs an order
    if how.top_k > 0 or how.top_p < 1:
        qsort(c, n, sizeof(Candidate), by_weight)
        if 0 < how.top_k < n:
            n = how.top_k
        n = nucleus(c, n, how.top_p)
    for i in range(n):
        total += c[i].weight
    for i in range(n):
        held += c[i].weight
        if held > uniform * total:
            return c[i].id
    return c[n - 1].id

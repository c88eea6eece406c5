"""Arguments from Python: a fast test whether a kernel can use an array as it is.

All other arguments go through `nncore.arguments.arrays`, which raises an error or copies.
"""
cimport numpy as cnp
from libc.string cimport memset

from nncore.arguments import arrays as arguments
from nncore.params import aligned_zeros

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    bint PyArray_ISCARRAY_RO(cnp.ndarray a)
    bint PyArray_ISCARRAY(cnp.ndarray a)

ctypedef void *Address

# The GIL is released for at least this many evaluations of a function like tanh, which take the
# slowest build about a microsecond. For fewer, the release would take a noticeable time.
cdef enum:
    RELEASE_AFTER = 128


cdef inline int kind_of(object a, int ndim):
    """NPY_FLOAT or NPY_DOUBLE for a plain C-ordered array of ndim (-1: any) dimensions, else 0."""
    cdef int kind
    if not cnp.PyArray_CheckExact(a) or not PyArray_ISCARRAY_RO(<cnp.ndarray>a):
        return 0
    kind = cnp.PyArray_TYPE(a)
    if kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE:
        return 0
    if ndim >= 0 and cnp.PyArray_NDIM(a) != ndim:
        return 0
    return kind


cdef inline Py_ssize_t dim(object a, int axis):
    return cnp.PyArray_DIM(a, axis)


cdef inline void *data(object a):
    return cnp.PyArray_DATA(a)


cdef inline bint same_shape(object a, object b):
    cdef int i
    if cnp.PyArray_NDIM(a) != cnp.PyArray_NDIM(b):
        return False
    for i in range(cnp.PyArray_NDIM(a)):
        if dim(a, i) != dim(b, i):
            return False
    return True


cdef inline bint same_array_type(object a, object b, int kind):
    """Whether b is a plain array with the kind and shape of a."""
    return kind_of(b, -1) == kind and same_shape(a, b)


cdef inline bint overlap(object a, object b):
    """Whether two contiguous arrays overlap."""
    cdef char *x = <char *>data(a)
    cdef char *y = <char *>data(b)
    return x < y + cnp.PyArray_NBYTES(b) and y < x + cnp.PyArray_NBYTES(a)


cdef inline object empty(int ndim, cnp.npy_intp *dims, int kind):
    return cnp.PyArray_EMPTY(ndim, dims, kind, 0)


cdef inline object empty_like(object a, int kind):
    return empty(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), kind)


cdef inline object zeros_like(object a, int kind):
    # NumPy keeps memory for empty arrays but not for zeros, which take twice the time if small.
    cdef object result = empty_like(a, kind)
    memset(data(result), 0, cnp.PyArray_NBYTES(result))
    return result


cdef inline object zeros(Py_ssize_t n, int kind):
    """n zeros of a kind, aligned to 64 bytes."""
    return aligned_zeros(n, "f4" if kind == cnp.NPY_FLOAT else "f8")


cdef object target_for(object out, int ndim, cnp.npy_intp *dims, int kind):
    """The array to compute into: `out` if a kernel can write to it, otherwise a new one."""
    cdef object fresh
    cdef int i
    if out is None:
        return empty(ndim, dims, kind)
    if kind_of(out, ndim) == kind and PyArray_ISCARRAY(<cnp.ndarray>out):
        for i in range(ndim):
            if dim(out, i) != dims[i]:
                break
        else:
            return out
    fresh = empty(ndim, dims, kind)
    arguments.check_out(out, fresh.shape, fresh.dtype)
    return fresh


cdef inline object deliver(object target, object out):
    """The array to return: `out` with the result, if it is given."""
    if out is None or target is out:
        return target
    out[...] = target
    return out

"""Rows and memory, for all functions of the multi-layer perceptron."""
from libc.stdint cimport int32_t, int64_t

from nncore._core.mlp.entries cimport Csr, is_valid
from nncore._core.mlp.plan cimport Data, Objective, plan_layers
from nncore._core.mlp.plan cimport Plan as Network

from nncore.arguments import mlp as mlp_arguments
from nncore.registry import LOSS_ROW


cdef void *network_scratch(const Network *plan, int kind, list keep) except NULL:
    """Aligned scratch of a network, filled with zeros."""
    return kept_scratch(plan.scratch, kind, True, keep)


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
    else:  # sparse, see `csr_of`
        d.rows = len(x)
    d.labels = <const Py_ssize_t *>data(y) if labelled else NULL
    d.y = NULL if labelled or y is None else data(y)
    d.weight = NULL if sample_weight is None else data(sample_weight)
    d.order = NULL if order is None else <Py_ssize_t *>data(order)
    d.shuffled, d.first, d.mean_weight = False, 0, 0
    d.epoch_rows = d.batch_size = d.rows
    return d


cdef Csr csr_of(object x):
    """Pointers to the arrays of sparse rows, valid as long as x exists."""
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


def rows_are_valid(x):
    """Whether sparse rows are valid, as `mlp.entries.is_valid` defines it."""
    cdef Csr csr = csr_of(x)
    cdef Py_ssize_t rows = len(x)
    cdef bint good
    if dim(x.indptr, 0) != rows + 1:
        return False
    with nogil:
        good = is_valid(&csr, rows)
    return good


cdef bint share_memory(object out, object x):
    """Whether `out` overlaps an input."""
    if cnp.PyArray_CheckExact(x):
        return overlap(out, x)
    return overlap(out, x.data) or overlap(out, x.indices) or overlap(out, x.indptr)


cdef Py_ssize_t expected_entries(const Data *d) noexcept nogil:
    """The expected number of entries in a batch, with some reserve."""
    cdef double rows = <double>max(d.rows, <Py_ssize_t>1)
    return <Py_ssize_t>(1.25 * <double>d.sparse.count * <double>d.batch_size / rows)


cdef Py_ssize_t *labels_for(bint labelled, Py_ssize_t rows, list keep):
    if not labelled:
        return NULL
    cdef object array = aligned_zeros(rows, "i8")
    keep.append(array)
    return <Py_ssize_t *>data(array)


cdef bint any_overlap(object out, tuple arrays, object x):
    """Whether `out` overlaps the rows or one of the arrays, of which some may be None."""
    for array in arrays:
        if array is not None and overlap(out, array):
            return True
    if not cnp.PyArray_CheckExact(x) and x.columns is not None and share_memory(out, x.columns):
        return True
    return share_memory(out, x)

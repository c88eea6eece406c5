# cython: cdivision=True
"""Sparse inputs by columns: the entries of a batch in the order in which gradients are summed."""
from libc.stdlib cimport calloc
from libc.string cimport memset

from nncore._core.mlp.entries cimport (
    Csr, Entries, copy_indices, copy_values, first_outside, no_memory, row_start,
)
from nncore._core.ops.kept_memory cimport SORTED_MEMORY, give_memory, take_memory
from nncore._core.ops.real cimport real


cdef inline int make_sorted_room(Entries *e, Py_ssize_t room, const real *like) except -1 nogil:
    """Make room for this number of entries by columns; existing ones are lost."""
    cdef char *at = NULL
    if room <= e.sorted_room and e.sorted_memory != NULL:
        return 0
    give_memory(SORTED_MEMORY, e.sorted_memory)
    e.sorted_memory, e.sorted_room = NULL, 0
    room += room // 4 + 16
    if room < <Py_ssize_t>1 << 56:
        at = take_memory(SORTED_MEMORY, (3 * room + 1) * sizeof(Py_ssize_t) + room * sizeof(real))
    if at == NULL:
        no_memory(room)
    e.sorted_memory, e.sorted_room = at, room
    e.row = <Py_ssize_t *>at
    e.touched_column, e.begin = e.row + room, e.row + 2 * room
    e.sorted_value = e.own_sorted_value = e.begin + room + 1
    return 0


cdef inline int sort_by_columns(Entries *e, const real *like) except -1 nogil:
    """Sort the batch's entries by columns, and within a column by rows.

    The columns are all of them or, for few entries, only those that have any.
    """
    cdef const real *value = <const real *>e.value
    cdef real *sorted_value
    cdef Py_ssize_t i, k, s, column, at = 0
    if e.by_columns:
        return 0
    if e.columns <= 4 * e.count:
        return sort_all_columns(e, like)
    make_sorted_room(e, e.count, like)
    sorted_value = <real *>e.sorted_value
    if e.slot == NULL:
        e.slot = <Py_ssize_t *>calloc(e.columns, sizeof(Py_ssize_t))
        if e.slot == NULL:
            no_memory(e.columns)
    for k in range(e.count):
        column = e.column[k]
        s = e.slot[column]
        if s == 0:
            e.touched_column[e.touched] = column
            e.touched += 1
            e.slot[column] = s = e.touched
            e.begin[s - 1] = 0
        e.begin[s - 1] += 1
    for s in range(e.touched):  # from the numbers of entries to their positions
        k = e.begin[s]
        e.begin[s] = at
        at += k
    for i in range(e.rows):
        for k in range(e.start[i], e.start[i + 1]):
            s = e.slot[e.column[k]] - 1
            at = e.begin[s]
            e.begin[s] = at + 1
            e.row[at] = i
            sorted_value[at] = value[k]
    for s in range(e.touched, 0, -1):  # each has moved to the beginning of the next one
        e.begin[s] = e.begin[s - 1]
    e.begin[0] = 0
    return 0


cdef inline int sort_all_columns(Entries *e, const real *like) except -1 nogil:
    cdef const real *value = <const real *>e.value
    cdef real *sorted_value
    cdef Py_ssize_t *begin
    cdef Py_ssize_t i, k, at
    make_sorted_room(e, max(e.count, e.columns + 1), like)
    sorted_value, begin = <real *>e.sorted_value, e.begin
    memset(begin, 0, (e.columns + 2) * sizeof(Py_ssize_t))
    for k in range(e.count):
        begin[e.column[k] + 2] += 1
    for i in range(2, e.columns + 1):
        begin[i + 1] += begin[i]
    for i in range(e.rows):
        for k in range(e.start[i], e.start[i + 1]):
            at = begin[e.column[k] + 1]
            begin[e.column[k] + 1] = at + 1
            e.row[at] = i
            sorted_value[at] = value[k]
    for i in range(e.columns):
        e.touched_column[i] = i
    e.touched, e.by_columns = e.columns, True
    return 0


cdef inline int take_columns(const Csr *x, Entries *e, const real *like) except -1 nogil:
    """Take the batch's entries by columns from x, the transposed matrix, already sorted.

    All columns then count as touched. The numbers are read without a copy if they are of the
    network's dtype.
    """
    cdef Py_ssize_t first = row_start(x, 0), end = first, next_end, n, i
    make_sorted_room(e, max(x.count, e.columns), like)
    e.begin[0] = 0
    for i in range(e.columns):
        next_end = row_start(x, i + 1)
        if not 0 <= first <= end <= next_end <= x.count:
            with gil:
                raise ValueError(f"x.columns.indptr has row {i} at {end} to {next_end}, expected "
                                 f"an ascending sequence from 0 to {x.count}")
        end = next_end
        e.begin[i + 1], e.touched_column[i] = end - first, i
    n = end - first
    if real is float and x.value32 != NULL:
        e.sorted_value = <void *>(x.value32 + first)
    elif real is double and x.value64 != NULL:
        e.sorted_value = <void *>(x.value64 + first)
    else:
        copy_values(x, first, n, <real *>e.sorted_value)
    copy_indices(x, first, n, e.row)
    if first_outside(n, e.row, e.rows) < n:
        with gil:
            raise IndexError(f"x.columns.indices has a value outside 0 to {e.rows - 1}")
    e.touched, e.by_columns = e.columns, True
    return 0

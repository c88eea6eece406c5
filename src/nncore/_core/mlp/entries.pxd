# cython: cdivision=True
"""Sparse inputs: the non-zero numbers of a batch, by rows and by columns.

Other threads can change the caller's arrays at any time, so a row is copied first and then
checked. Nothing else reads the original.
"""
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from nncore._core.ops.kept_memory cimport (
    EXTRA_MEMORY, ROWS_MEMORY, SORTED_MEMORY, give_memory, take_memory,
)
from nncore._core.ops.real cimport real

cdef extern from "sparse.h" nogil:
    void copy_indices_i32(Py_ssize_t n, const int32_t *origin, Py_ssize_t *to)
    void copy_indices_i64(Py_ssize_t n, const int64_t *origin, Py_ssize_t *to)
    bint ascends(Py_ssize_t n, const Py_ssize_t *index)
    Py_ssize_t first_outside(Py_ssize_t n, const Py_ssize_t *index, Py_ssize_t limit)
    bint rises_i32(Py_ssize_t n, const int32_t *column, Py_ssize_t limit)
    bint rises_i64(Py_ssize_t n, const int64_t *column, Py_ssize_t limit)
    bint all_finite_f32(Py_ssize_t n, const float *x)
    bint all_finite_f64(Py_ssize_t n, const double *x)
    Py_ssize_t read_once_i32(const int32_t *at)
    Py_ssize_t read_once_i64(const int64_t *at)


cdef struct Csr:
    const float *value32      # (count,), one of the two
    const double *value64
    const int32_t *column32   # (count,), one of the two
    const int64_t *column64
    const int32_t *start32    # (N + 1,), one of the two
    const int64_t *start64
    Py_ssize_t count, columns


cdef struct Entries:
    Py_ssize_t rows, most_rows
    Py_ssize_t count, room    # entries of this batch, and the number that fit into memory
    Py_ssize_t columns
    Py_ssize_t *start         # (most_rows + 1,): where each row's entries begin
    bint by_columns           # whether all columns are touched, in order
    bint ascending            # whether the columns of every row are ascending
    Py_ssize_t *column        # (room,)
    void *value               # (room,), of the network's dtype; or in the array of x
    void *own_value           # (room,)
    char *memory
    Py_ssize_t touched        # columns with entries, in the order of their first ones
    Py_ssize_t *slot          # (columns,): 1 + the index of each among those, 0 for no entries
    Py_ssize_t sorted_room    # of the four arrays that follow
    Py_ssize_t *touched_column  # (sorted_room,)
    Py_ssize_t *begin         # (sorted_room + 1,): where each touched column's entries begin
    Py_ssize_t *row           # (sorted_room,): the rows of the entries, sorted by columns
    void *sorted_value              # (sorted_room,); or in the array of x
    void *own_sorted_value          # (sorted_room,)
    char *sorted_memory
    char *extra               # more scratch
    Py_ssize_t extra_bytes


cdef inline int no_memory(Py_ssize_t entries) except -1 nogil:
    with gil:
        raise MemoryError(f"no memory for a batch of {entries} numbers")


cdef inline int open_entries(
    Entries *e, const Csr *x, Py_ssize_t rows, Py_ssize_t expected, const real *like
) except -1 nogil:
    """Allocate memory for batches of up to `rows` rows; must be closed even if this raises."""
    memset(e, 0, sizeof(Entries))
    e.most_rows, e.columns = rows, x.columns
    e.start = <Py_ssize_t *>malloc((rows + 1) * sizeof(Py_ssize_t))
    if e.start == NULL:
        no_memory(rows)
    clear_entries(e)
    return make_room(e, min(expected, x.count), like)


cdef inline void close_entries(Entries *e) noexcept nogil:
    free(e.start)
    free(e.slot)
    give_memory(ROWS_MEMORY, e.memory)
    give_memory(SORTED_MEMORY, e.sorted_memory)
    give_memory(EXTRA_MEMORY, e.extra)


cdef inline char *extra_memory(Entries *e, Py_ssize_t size) noexcept nogil:
    """Memory of at least this size; NULL if there is none."""
    if size > e.extra_bytes:
        give_memory(EXTRA_MEMORY, e.extra)
        e.extra = take_memory(EXTRA_MEMORY, size)
        e.extra_bytes = size if e.extra != NULL else 0
    return e.extra


cdef inline void clear_entries(Entries *e) noexcept nogil:
    """Remove all entries, before a new batch."""
    cdef Py_ssize_t i
    if not e.by_columns:
        for i in range(e.touched):
            e.slot[e.touched_column[i]] = 0
    e.by_columns, e.value, e.sorted_value = False, e.own_value, e.own_sorted_value
    e.rows = e.count = e.touched = 0
    e.start[0] = 0
    e.ascending = True


cdef inline int make_room(Entries *e, Py_ssize_t room, const real *like) except -1 nogil:
    """Make room for at least this number of entries; existing ones are kept."""
    cdef Py_ssize_t *column = e.column
    cdef void *value = e.value
    cdef char *before = e.memory
    cdef char *at
    if room <= e.room and before != NULL:
        return 0
    room = max(room, 2 * e.room) + 16
    at = NULL
    if room < <Py_ssize_t>1 << 56:
        at = take_memory(ROWS_MEMORY, room * (sizeof(Py_ssize_t) + sizeof(real)))
    if at == NULL:
        no_memory(room)
    e.memory, e.room = at, room
    e.column = <Py_ssize_t *>at
    e.value = e.own_value = at + room * sizeof(Py_ssize_t)
    if e.count:
        memcpy(e.column, column, e.count * sizeof(Py_ssize_t))
        memcpy(e.value, value, e.count * sizeof(real))
    give_memory(ROWS_MEMORY, before)
    return 0


cdef inline Py_ssize_t row_start(const Csr *x, Py_ssize_t i) noexcept nogil:
    return read_once_i64(x.start64 + i) if x.start32 == NULL else read_once_i32(x.start32 + i)


cdef inline bint is_valid(const Csr *x, Py_ssize_t rows) noexcept nogil:
    """Whether all rows are within the entries, their columns ascending and their numbers finite.

    Other threads can change them afterwards, so kernels check the entries again.
    """
    cdef Py_ssize_t first = row_start(x, 0), at = first, end = first, i
    if first < 0:
        return False
    for i in range(rows):
        end = row_start(x, i + 1)
        if not at <= end <= x.count:
            return False
        if x.column32 != NULL:
            if not rises_i32(end - at, x.column32 + at, x.columns):
                return False
        elif not rises_i64(end - at, x.column64 + at, x.columns):
            return False
        at = end
    if x.value32 != NULL:
        return all_finite_f32(end - first, x.value32 + first)
    return all_finite_f64(end - first, x.value64 + first)


cdef inline void copy_indices(
    const Csr *x, Py_ssize_t first, Py_ssize_t n, Py_ssize_t *column
) noexcept nogil:
    if x.column32 != NULL:
        copy_indices_i32(n, x.column32 + first, column)
    else:
        copy_indices_i64(n, x.column64 + first, column)


cdef inline void copy_values(
    const Csr *x, Py_ssize_t first, Py_ssize_t n, real *value
) noexcept nogil:
    cdef Py_ssize_t k
    if x.value32 != NULL:
        for k in range(n):
            value[k] = <real>x.value32[first + k]
    else:
        for k in range(n):
            value[k] = <real>x.value64[first + k]


cdef inline int take_columns_of_row(
    const Csr *x, Py_ssize_t i, Py_ssize_t first, Py_ssize_t n, Py_ssize_t *column, Entries *e
) except -1 nogil:
    """Copy the columns of the n entries of row i; IndexError if one is out of range."""
    cdef Py_ssize_t k
    copy_indices(x, first, n, column)
    k = first_outside(n, column, x.columns)
    if k < n:
        bad_column(x, i, column[k])
    e.ascending = e.ascending and ascends(n, column)
    return 0


cdef inline int take_row(const Csr *x, Py_ssize_t i, Entries *e, const real *like) except -1 nogil:
    """Add row i of x; IndexError or ValueError if it is invalid."""
    cdef Py_ssize_t first = row_start(x, i), end = row_start(x, i + 1), n = end - first
    if not 0 <= first <= end <= x.count:
        bad_row(x, i, first, end)
    if e.count + n > e.room:
        make_room(e, e.count + n, like)
    copy_values(x, first, n, <real *>e.value + e.count)
    take_columns_of_row(x, i, first, n, e.column + e.count, e)
    e.count += n
    e.rows += 1
    e.start[e.rows] = e.count
    return 0


cdef inline int bad_row(
    const Csr *x, Py_ssize_t i, Py_ssize_t first, Py_ssize_t end
) except -1 nogil:
    with gil:
        raise ValueError(f"x.indptr has row {i} at {first} to {end}, expected an ascending "
                         f"sequence from 0 to {x.count}")


cdef inline int bad_column(const Csr *x, Py_ssize_t i, Py_ssize_t column) except -1 nogil:
    with gil:
        raise IndexError(f"x.indices has {column} in row {i}, expected 0 to {x.columns - 1}")


cdef inline int take_rows(
    const Csr *x, Py_ssize_t first_row, Py_ssize_t rows, Py_ssize_t most, Entries *e,
    const real *like,
) except -1 nogil:
    """Add consecutive rows, as `take_row` does, until there are `most` entries.

    Their numbers are read without a copy if they are of the network's dtype.
    """
    cdef Py_ssize_t first = row_start(x, first_row), end = first, next_end, n, i
    clear_entries(e)
    while e.rows < rows and e.count < most:
        next_end = row_start(x, first_row + e.rows + 1)
        if not 0 <= first <= end <= next_end <= x.count:
            bad_row(x, first_row + e.rows, end, next_end)
        end = next_end
        e.rows += 1
        e.count = e.start[e.rows] = end - first
    n, e.count = e.count, 0  # no existing entries have to be kept
    make_room(e, n, like)
    e.count = n
    if real is float and x.value32 != NULL:
        e.value = <void *>(x.value32 + first)
    elif real is double and x.value64 != NULL:
        e.value = <void *>(x.value64 + first)
    else:
        copy_values(x, first, n, <real *>e.value)
    for i in range(e.rows):
        take_columns_of_row(x, first_row + i, first + e.start[i], e.start[i + 1] - e.start[i],
                            e.column + e.start[i], e)
    return 0

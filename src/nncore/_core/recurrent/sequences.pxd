# cython: cdivision=True
"""Batches of sequences of vectors, of any lengths, as a stack of layers reads them.

The sequences are one after another in x: sequence n is x[starts[n]:starts[n + 1]]. In a batch the
longest come first, so that those that are not over yet are always the first rows of a step, and
nothing is computed for padding.
"""
from nncore._core.ops.once cimport nn_once_size
from nncore._core.ops.real cimport real
from nncore._core.recurrent.stack cimport Stack, Steps, load_state, store_state

cdef struct Sequences:
    # Pointers to void are to numbers of the network's dtype. Only `starts` is out of the reach of
    # other threads.
    const void *x               # (R, I)
    Py_ssize_t inputs
    const Py_ssize_t *starts    # (count + 1,)
    Py_ssize_t count, longest
    const void *y               # (rows, O), or NULL; a row is a sequence or one of its steps
    const Py_ssize_t *labels    # (rows,), or NULL
    const void *weight          # (count,), or NULL


cdef struct Packed:
    # The batch's sequences; in the order of rows, their positions in the batch; and their steps.
    Py_ssize_t count
    Py_ssize_t *chosen          # (count,)
    Py_ssize_t *position        # (count,)
    Py_ssize_t *cursor          # (longest + 1,), used while sorting
    Py_ssize_t *first           # (longest + 1,)
    Steps at
    Py_ssize_t rows             # of all steps


cdef inline Py_ssize_t length_of(const Sequences *d, Py_ssize_t n) noexcept nogil:
    return d.starts[n + 1] - d.starts[n]


cdef inline void sort_by_length(const Sequences *d, Packed *b) noexcept nogil:
    """Set the order of rows, and the steps, of the chosen sequences: a stable counting sort."""
    cdef Py_ssize_t i, n, t, longest = 0, running = 0
    for i in range(b.count):
        longest = max(longest, length_of(d, b.chosen[i]))
    for t in range(longest + 1):
        b.cursor[t] = 0
    for i in range(b.count):
        b.cursor[length_of(d, b.chosen[i]) - 1] += 1
    for t in range(longest - 1, -1, -1):
        running += b.cursor[t]
        b.cursor[t] = running    # sequences of more than t steps
    b.first[0] = 0
    for t in range(longest):
        b.first[t + 1] = b.first[t] + b.cursor[t]
    for i in range(b.count):     # those of n steps are behind the longer ones
        n = length_of(d, b.chosen[i])
        b.position[b.cursor[n]] = i
        b.cursor[n] += 1
    b.at.count, b.at.first, b.rows = longest, b.first, b.first[longest]


cdef inline Py_ssize_t source_row(
    const Sequences *d, const Packed *b, Py_ssize_t k, Py_ssize_t t
) noexcept nogil:
    """The row of x of step t of the k-th sequence in the order of rows."""
    return d.starts[b.chosen[b.position[k]]] + t


cdef inline void pack_rows(
    const Sequences *d, const Packed *b, const real *source, Py_ssize_t cols, real *packed
) noexcept nogil:
    """packed (rows, cols) = rows of the sequences' steps, step after step."""
    cdef const real *row
    cdef Py_ssize_t t, k, j
    for t in range(b.at.count):
        for k in range(b.first[t + 1] - b.first[t]):
            row = source + source_row(d, b, k, t) * cols
            for j in range(cols):
                packed[j] = row[j]
            packed += cols


cdef inline void unpack_rows(
    const Sequences *d, const Packed *b, const real *packed, Py_ssize_t cols, real *into
) noexcept nogil:
    """The inverse of `pack_rows`."""
    cdef real *row
    cdef Py_ssize_t t, k, j
    for t in range(b.at.count):
        for k in range(b.first[t + 1] - b.first[t]):
            row = into + source_row(d, b, k, t) * cols
            for j in range(cols):
                row[j] = packed[j]
            packed += cols


cdef inline Py_ssize_t last_row(const Sequences *d, const Packed *b, Py_ssize_t k) noexcept nogil:
    """The row of the last step of the k-th sequence in the order of rows."""
    return b.first[length_of(d, b.chosen[b.position[k]]) - 1] + k


cdef inline void load_all_states(
    const Stack *s, const Packed *b, const real *states, real *scratch
) noexcept nogil:
    """The initial states of the batch, from those of all sequences (N, S)."""
    cdef Py_ssize_t k
    for k in range(b.count):
        load_state(s, k, states + b.chosen[b.position[k]] * s.states, scratch)


cdef inline void store_last_states(
    const Stack *s, const Sequences *d, const Packed *b, const real *scratch, real *states
) noexcept nogil:
    """states (N, S): those of the batch's sequences after their last steps."""
    cdef Py_ssize_t k
    for k in range(b.count):
        store_state(s, s.sequences + last_row(d, b, k), scratch,
                    states + b.chosen[b.position[k]] * s.states)


cdef inline int pack_labels(
    const Sequences *d, const Packed *b, bint last, Py_ssize_t classes, Py_ssize_t *labels
) except -1 nogil:
    """labels = those of the batch's rows, in batch order or step after step, checked."""
    cdef Py_ssize_t i = 0, t, k
    if last:
        for i in range(b.count):
            labels[i] = checked_label(d, b.chosen[i], classes)
        return 0
    for t in range(b.at.count):
        for k in range(b.first[t + 1] - b.first[t]):
            labels[i] = checked_label(d, source_row(d, b, k, t), classes)
            i += 1
    return 0


cdef inline Py_ssize_t checked_label(
    const Sequences *d, Py_ssize_t row, Py_ssize_t classes
) except -1 nogil:
    cdef Py_ssize_t label = nn_once_size(d.labels + row)
    if not 0 <= label < classes:
        with gil:
            raise IndexError(f"y has {label}, expected 0 to {classes - 1}")
    return label


cdef inline void pack_weights(
    const Sequences *d, const Packed *b, bint last, real *fraction
) noexcept nogil:
    """fraction = the weights of the batch's rows."""
    cdef const real *weight = <const real *>d.weight
    cdef Py_ssize_t i = 0, t, k
    if last:
        for i in range(b.count):
            fraction[i] = weight[b.chosen[i]]
        return
    for t in range(b.at.count):
        for k in range(b.first[t + 1] - b.first[t]):
            fraction[i] = weight[b.chosen[b.position[k]]]
            i += 1

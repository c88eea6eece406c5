# cython: cdivision=True
"""Training of many networks of one architecture: block after block, update after update."""
from libc.math cimport isfinite
from libc.string cimport memset

from nncore._core.ops.real cimport real
from nncore._core.ops.signals cimport flush_subnormals, restore_subnormals
from nncore._core.population.block cimport (
    KEPT, Block, Members, block_forward, block_gradients, block_loss, fill_lanes, unpack_member,
)
from nncore._core.population.crew cimport (
    PyThread_acquire_lock, PyThread_release_lock, Worker, end, is_raised, raise_flag, start,
    told_to_stop, wait_for,
)
from nncore._core.population.rows cimport draw_orders, gather_rows, pack_rows
from nncore._core.population.update cimport block_penalties, block_step


cdef inline bint in_step(const Members *m, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """Whether two members have the same position in epochs of the same length."""
    cdef const long long *a = m.counters + 4 * i
    cdef const long long *b = m.counters + 4 * j
    return m.epoch_rows[i] == m.epoch_rows[j] and a[1] == b[1] and a[2] == b[2]


cdef inline bint is_plain(const Members *m, Py_ssize_t i) noexcept nogil:
    """Whether a member has neither penalties nor dropout."""
    cdef Py_ssize_t j, hidden = m.plan.layers - 1
    for j in range(3):
        if m.penalty[j * m.members + i] > 0:
            return False
    if m.dropout != NULL:
        for j in range(hidden):
            if m.dropout[i * hidden + j] > 0:
                return False
    return True


cdef inline Py_ssize_t fill_block(Block *b, Py_ssize_t first) noexcept nogil:
    """Put members from number `first` on into the lanes; return the number of the next one."""
    cdef const Members *m = b.all
    cdef Py_ssize_t i = first, lane
    cdef bint single_rows = b.plain and min(m.data.batch_size, m.epoch_rows[first]) == 1
    b.count, b.diverged, b.online = 0, False, single_rows and is_plain(m, first)
    while (i < m.members and b.count < b.lanes and in_step(m, first, i)
           and not (single_rows and is_plain(m, i) != b.online)):
        b.member[b.count], b.stopped[b.count] = i, False
        b.count += 1
        i += 1
    for lane in range(b.count, b.lanes):
        b.member[lane] = first
    b.epoch_rows = m.epoch_rows[first]
    return i


cdef inline void store_loss(const Block *b, Py_ssize_t update) noexcept nogil:
    """Store the loss of an update, or add it to those before, for members that have not stopped."""
    cdef const Members *m = b.all
    cdef double *loss = m.losses + update // m.updates_per_loss * m.loss_row + b.member[0]
    cdef bint first = update % m.updates_per_loss == 0
    cdef Py_ssize_t lane
    if b.diverged:
        for lane in range(b.count):
            if not b.stopped[lane]:
                loss[lane] = b.loss[lane] if first else loss[lane] + b.loss[lane]
    elif first:
        for lane in range(b.count):
            loss[lane] = b.loss[lane]
    else:
        for lane in range(b.count):
            loss[lane] += b.loss[lane]


cdef inline void leave(
    Block *b, Py_ssize_t lane, Py_ssize_t updates, long long position, long long epochs,
    real *scratch,
) noexcept nogil:
    """Store the member in a lane, after so many updates and epochs."""
    cdef long long *counters = b.all.counters + 4 * b.member[lane]
    unpack_member(b, lane, <const real *>scratch)
    counters[0] += updates
    counters[1] += updates
    counters[2] = position
    counters[3] += epochs
    b.all.done[b.member[lane]] = updates
    b.stopped[lane] = True


cdef inline Py_ssize_t leave_diverged(
    Block *b, Py_ssize_t updates, long long position, long long epochs, real *scratch
) noexcept nogil:
    """Store and stop the members whose loss is not finite; return how many are left."""
    cdef Py_ssize_t lane, left = 0
    cdef int bad = 0
    for lane in range(b.lanes):
        bad |= 0 * b.loss[lane] != 0
    if not bad and not b.diverged:
        return b.count
    b.diverged = True
    for lane in range(b.count):
        if not b.stopped[lane] and not isfinite(b.loss[lane]):
            leave(b, lane, updates, position, epochs, scratch)
        left += not b.stopped[lane]
    return left


cdef inline int train_block(Worker *worker, real *scratch) except -1 nogil:
    """Run the updates of the members of a worker's block."""
    cdef Block *b = &worker.block
    cdef const Members *m = b.all
    cdef Py_ssize_t *labels = worker.labels
    cdef long long position = m.counters[4 * b.member[0] + 2], epochs = 0
    cdef long long step = m.counters[4 * b.member[0] + 1]
    cdef Py_ssize_t i = 0, k, at, rows, left = b.count, size = m.parameters * b.lanes
    cdef bint gathered = False
    fill_lanes(b, m.parameters, <const real *>m.weights, m.parameters, scratch + b.w)
    for k in range(m.slots):
        fill_lanes(b, m.parameters, <const real *>m.state + k * m.members * m.parameters,
                   m.parameters, scratch + b.slots + k * size)
    if m.constant:
        fill_lanes(b, 1, m.rates, 1, b.rates)
    if position > 0 or not m.shuffled:
        draw_orders(b, 0)
    try:
        while i < m.updates and left > 0:
            at = i % KEPT
            if at == 0 and not m.constant:
                fill_lanes(b, min(<Py_ssize_t>KEPT, m.updates - i), m.rates + i, m.updates,
                           b.rates)
            if position == 0 and m.shuffled:
                draw_orders(b, epochs)
            rows = min(m.data.batch_size, b.epoch_rows - position)
            if not gathered:
                gather_rows(b, position, rows, labels, scratch)
                gathered = not m.shuffled and rows == b.epoch_rows
            block_forward(b, rows, i, scratch)
            block_loss(b, rows, labels, scratch, b.loss)
            if not b.online:
                block_gradients(b, rows, i, scratch)
                if b.penalised:
                    block_penalties(b, rows, scratch, b.loss)
            store_loss(b, i)
            left = leave_diverged(b, i, position, epochs, scratch)
            if left > 0:
                block_step(b, b.rates + (0 if m.constant else at * b.lanes), step + 1, scratch)
            i += 1
            step += 1
            position += rows
            if position >= b.epoch_rows:
                position = 0
                epochs += 1
            if told_to_stop(worker, m.plan.flops * <double>(rows * b.lanes)):
                break
    finally:
        for k in range(b.count):
            if not b.stopped[k]:
                leave(b, k, i, position, epochs, scratch)
    return 0


cdef inline bint take_block(Worker *worker) noexcept nogil:
    """Put the next members that no thread has taken into the lanes; whether there are any."""
    cdef bint found
    PyThread_acquire_lock(worker.crew.taking, 1)
    found = worker.crew.next < worker.block.all.members and not is_raised(&worker.crew.stop)
    if found:
        worker.crew.next = fill_block(&worker.block, worker.crew.next)
    PyThread_release_lock(worker.crew.taking)
    return found


cdef inline int train_blocks(Worker *worker, real *scratch) except -1 nogil:
    """Run the updates of one block after the other until none is left."""
    cdef unsigned long long mode = flush_subnormals()
    try:
        memset(scratch, 0, worker.block.scratch * sizeof(real))
        pack_rows(&worker.block, scratch)
        while take_block(worker):
            train_block(worker, scratch)
    finally:
        restore_subnormals(mode)
    return 0


cdef inline void work_float(void *argument) noexcept nogil:
    cdef Worker *worker = <Worker *>argument
    train_blocks(worker, <float *>worker.scratch)
    end(worker)


cdef inline void work_double(void *argument) noexcept nogil:
    cdef Worker *worker = <Worker *>argument
    train_blocks(worker, <double *>worker.scratch)
    end(worker)


cdef inline int train_members(Worker *workers, Py_ssize_t count, real *scratch) except -1 nogil:
    """Run the updates of all members in this thread and, if count > 1, in others.

    scratch: that of the first worker.
    """
    start(workers, count, work_float if real is float else work_double)
    try:
        train_blocks(workers, scratch)
        wait_for(workers, count, workers.polls)
    finally:
        raise_flag(&workers.crew.stop)  # for the others, if Ctrl-C has raised
        wait_for(workers, count, False)
    return 0

# cython: cdivision=True
"""Threads that train the members of one call: each takes the next block until none is left.

All but the calling thread run without Python: they neither hold the GIL nor raise. The calling
thread takes the GIL for signals only if it is Python's main thread: when the interpreter ends, any
other could be ended there, with the structures on its stack that all of them read.
"""
from nncore._core.ops.signals cimport poll_after, poll_signals
from nncore._core.population.block cimport Block, Members

cdef extern from "pythread.h" nogil:
    ctypedef void *PyThread_type_lock
    ctypedef int PyLockStatus
    PyLockStatus PY_LOCK_ACQUIRED
    unsigned long PYTHREAD_INVALID_THREAD_ID
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
    PyLockStatus PyThread_acquire_lock_timed(
        PyThread_type_lock lock, long long microseconds, int interruptible)
    void PyThread_release_lock(PyThread_type_lock lock)
    unsigned long PyThread_start_new_thread(void (*work)(void *) noexcept nogil, void *argument)

cdef extern from "flag.h" nogil:
    ctypedef struct Flag:
        pass
    bint is_raised(const Flag *flag)
    void raise_flag(Flag *flag)

cdef enum:
    WAITING = 10000  # microseconds between two checks for pending signals


cdef struct Crew:
    PyThread_type_lock taking  # of the next block
    Py_ssize_t next            # the first member that no thread has taken
    Flag stop                  # whether to end before the next update


cdef struct Worker:
    # A thread. The first one of a crew is the calling thread.
    Crew *crew
    bint polls                 # for signals, as only the main thread of Python can handle them
    bint running               # whether the calling thread has to wait for it
    PyThread_type_lock ended   # held by the thread until its end
    Block block
    Py_ssize_t *labels
    void *scratch
    double since_poll


cdef inline bint told_to_stop(Worker *w, double operations) except -1 nogil:
    """Whether to end after so many more operations; in the first thread, Ctrl-C raises."""
    if w.polls:
        poll_after(&w.since_poll, operations)
    return is_raised(&w.crew.stop)


cdef inline int prepare_locks(Crew *crew, Worker *workers, Py_ssize_t count) except -1:
    """Create the locks of a crew of so many threads."""
    cdef Py_ssize_t k
    crew.taking = PyThread_allocate_lock()
    failed = crew.taking == NULL
    for k in range(1, count):
        workers[k].ended = PyThread_allocate_lock()
        failed = failed or workers[k].ended == NULL
    if failed:
        raise MemoryError("no memory for the locks of threads")
    return 0


cdef inline void free_locks(Crew *crew, Worker *workers, Py_ssize_t count) noexcept:
    cdef Py_ssize_t k
    if crew.taking != NULL:
        PyThread_free_lock(crew.taking)
    for k in range(1, count):
        if workers[k].ended != NULL:
            PyThread_free_lock(workers[k].ended)


cdef inline void start(
    Worker *workers, Py_ssize_t count, void (*work)(void *) noexcept nogil
) noexcept nogil:
    """Start all threads but the first; if one cannot be started, the others do its part."""
    cdef Py_ssize_t k
    for k in range(1, count):
        PyThread_acquire_lock(workers[k].ended, 1)
        workers[k].running = True
        if PyThread_start_new_thread(work, &workers[k]) == PYTHREAD_INVALID_THREAD_ID:
            PyThread_release_lock(workers[k].ended)


cdef inline void end(Worker *w) noexcept nogil:
    """Let the first thread know that this one has ended, and no longer uses its memory."""
    PyThread_release_lock(w.ended)


cdef inline int wait_for(Worker *workers, Py_ssize_t count, bint raising) except -1 nogil:
    """Wait until all threads have ended; if `raising`, Ctrl-C raises KeyboardInterrupt before."""
    cdef Py_ssize_t k
    for k in range(1, count):
        while workers[k].running:
            if PyThread_acquire_lock_timed(workers[k].ended, WAITING, raising) == PY_LOCK_ACQUIRED:
                PyThread_release_lock(workers[k].ended)
                workers[k].running = False
            elif raising:
                poll_signals()
    return 0

# cython: cdivision=True
"""Ctrl-C in long computations, and how their arithmetic treats subnormal numbers."""
from cpython.exc cimport PyErr_CheckSignals

cdef extern from "simd.h" nogil:
    unsigned long long flush_subnormals()
    unsigned long long keep_subnormals()
    void restore_subnormals(unsigned long long before)

cdef enum:
    POLL_FLOPS = 50000000  # operations between two checks for pending signals, about 1 ms


cdef inline int poll_after(double *work, double operations) except -1 nogil:
    """Add to the operations since the last check for signals; check again after POLL_FLOPS."""
    work[0] += operations
    if work[0] > POLL_FLOPS:
        work[0] = 0
        poll_signals()
    return 0


cdef inline int poll_signals() except -1 nogil:
    """Let a pending Ctrl-C raise KeyboardInterrupt."""
    cdef unsigned long long mode = keep_subnormals()  # a handler is code of the user
    try:
        with gil:
            PyErr_CheckSignals()
    finally:
        restore_subnormals(mode)
    return 0

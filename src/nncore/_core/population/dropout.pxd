# cython: cdivision=True
"""Dropout in a block of networks: each lane has its own rate and its own random numbers."""
from libc.stdint cimport uint32_t, uint64_t

from nncore._core.ops.random cimport hashed, least_kept
from nncore._core.ops.real cimport real

cdef enum:
    MOST_LANES = 64  # MANY_LANES of lanes.h


cdef inline void drop_lanes(
    int lanes, Py_ssize_t n, const double *rate, const uint64_t *key, const real *x, real *y
) noexcept nogil:
    """y (n, lanes) = x after dropout with the rate and the key of each lane, as `drop` does it."""
    cdef uint32_t[MOST_LANES] low, high, least
    cdef real[MOST_LANES] scale
    cdef Py_ssize_t j, lane
    for lane in range(lanes):
        low[lane], high[lane] = <uint32_t>key[lane], <uint32_t>(key[lane] >> 32)
        least[lane], scale[lane] = least_kept(rate[lane]), <real>(1.0 / (1.0 - rate[lane]))
    for j in range(n):
        for lane in range(lanes):
            y[lane] = x[lane] * (scale[lane] if hashed(<uint32_t>j, low[lane], high[lane])
                                 >= least[lane] else <real>0)
        x += lanes
        y += lanes

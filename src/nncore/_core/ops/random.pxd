# cython: cdivision=True
"""Random numbers by hashing seed, step and position, without state and memory."""
from libc.stdint cimport uint32_t, uint64_t

from nncore._core.ops.real cimport real


cdef inline uint64_t hash_key(uint64_t seed, uint64_t step, uint64_t use) noexcept nogil:
    """64 mixed bits: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    cdef uint64_t x = seed + step * 0x9E3779B97F4A7C15ULL + use * 0xD1B54A32D192ED03ULL
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL
    return x ^ (x >> 31)


cdef inline uint32_t hashed(uint32_t i, uint32_t low, uint32_t high) noexcept nogil:
    """Wellons' 32-bit hash "lowbias32" (2018) with a key of two halves."""
    cdef uint32_t x = i ^ low
    x = (x ^ (x >> 16)) * 0x7FEB352DU
    x = (x ^ (x >> 15)) + high
    x = x * 0x846CA68BU
    return x ^ (x >> 16)


cdef inline uint32_t least_kept(double rate) noexcept nogil:
    """The smallest hash of a number that dropout at this rate keeps."""
    return <uint32_t>min(rate * 4294967296.0, 4294967295.0)


cdef inline void drop(
    const real *x, real *y, Py_ssize_t n, Py_ssize_t first, double rate, uint64_t key
) noexcept nogil:
    """y = x / (1 - rate), or 0 with probability `rate`; the same numbers for the same key.

    first: the position of x[0] in the array to which the key belongs.
    """
    cdef uint32_t low = <uint32_t>key, high = <uint32_t>(key >> 32)
    cdef uint32_t least = least_kept(rate)
    cdef real scale = <real>(1.0 / (1.0 - rate))
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i] * (scale if hashed(<uint32_t>(first + i), low, high) >= least else <real>0)


ctypedef fused index:
    Py_ssize_t
    uint32_t


cdef enum:
    DRAWN = 64  # numbers of `shuffle` at once, in a loop that vectorises


cdef inline void shuffle(index *order, Py_ssize_t n, uint64_t key) noexcept nogil:
    """order = 0 to n - 1 in the order of this key (Durstenfeld 1964); n is below 2^32."""
    cdef uint32_t low = <uint32_t>key, high = <uint32_t>(key >> 32)
    cdef uint32_t[DRAWN] places
    cdef uint32_t i, first = 0, rows = <uint32_t>n, count
    while first < rows:
        count = min(<uint32_t>DRAWN, rows - first)
        for i in range(count):
            # A number below i + 1 without a division (Lemire 2019); its bias is below n / 2^32.
            places[i] = <uint32_t>((<uint64_t>hashed(first + i, low, high)
                                    * <uint64_t>(first + i + 1)) >> 32)
        for i in range(count):
            # Where the place is the number itself, what is copied is not used.
            order[first + i] = order[places[i]]
            order[places[i]] = first + i
        first += count

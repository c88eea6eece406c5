# cython: cdivision=True
"""Reading memory that other threads may write to.

While the GIL is released, another thread can change an array that a kernel reads. An index, a
position or a size is therefore read exactly once, checked, and used as it was read: the compiler
could repeat a plain load between the check and the use.
"""
from libc.stdint cimport uint8_t, uint16_t

cdef extern from *:
    """
    #define NN_READ_ONCE(NAME, TYPE) \
        static inline TYPE NAME(const TYPE *p) { return *(const volatile TYPE *)p; }
    NN_READ_ONCE(nn_once_size, Py_ssize_t)
    NN_READ_ONCE(nn_once_long, long long)
    NN_READ_ONCE(nn_once_u8, uint8_t)
    NN_READ_ONCE(nn_once_u16, uint16_t)
    """
    Py_ssize_t nn_once_size(const Py_ssize_t *p) noexcept nogil
    long long nn_once_long(const long long *p) noexcept nogil
    uint8_t nn_once_u8(const uint8_t *p) noexcept nogil
    uint16_t nn_once_u16(const uint16_t *p) noexcept nogil

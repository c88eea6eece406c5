"""Scratch memory of a call, of which some is kept for the next one."""
from libc.stdint cimport uintptr_t
from libc.string cimport memset

from nncore._core.ops.kept_memory cimport SCRATCH_MEMORY, give_memory, take_memory


cdef class Scratch:
    """Memory for a call, which is released with the object."""
    cdef char *memory

    def __dealloc__(self):
        give_memory(SCRATCH_MEMORY, self.memory)


cdef void *kept_scratch(Py_ssize_t numbers, int kind, bint zero, list keep) except NULL:
    """Aligned scratch, filled with zeros if asked to; `keep` holds its owner."""
    cdef Py_ssize_t size = numbers * (4 if kind == cnp.NPY_FLOAT else 8)
    cdef Scratch scratch = Scratch.__new__(Scratch)
    if numbers < <Py_ssize_t>1 << 56:
        scratch.memory = take_memory(SCRATCH_MEMORY, size + 64)
    if scratch.memory == NULL:
        raise MemoryError(f"no memory for the {numbers} numbers of a batch")
    keep.append(scratch)
    cdef char *start = scratch.memory + (64 - <uintptr_t>scratch.memory % 64) % 64
    if zero:
        memset(start, 0, size)
    return start

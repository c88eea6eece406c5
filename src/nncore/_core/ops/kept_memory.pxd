"""Scratch memory that is kept from call to call; see kept_memory.h."""

cdef extern from "kept_memory.h" nogil:
    enum:  # the kinds
        ROWS_MEMORY
        SORTED_MEMORY
        EXTRA_MEMORY
        SCRATCH_MEMORY
    char *take_memory(int kind, size_t size)
    void give_memory(int kind, char *memory)

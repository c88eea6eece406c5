/* Scratch memory, of which a block of each kind is kept for the next call: allocating and clearing
 * some megabytes takes the operating system as long as the arithmetic of a call. */
#ifndef NNCORE_KEPT_MEMORY_H
#define NNCORE_KEPT_MEMORY_H

#include <stdlib.h>
#include "simd.h"

#if defined(_MSC_VER)
#include <intrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { ROWS_MEMORY, SORTED_MEMORY, EXTRA_MEMORY, SCRATCH_MEMORY, PACKED_MEMORY, MEMORY_KINDS };
enum { MEMORY_HEAD = 64, HUGE_PAGE = 1 << 21 };
#if defined(__SANITIZE_ADDRESS__)
enum { MEMORY_KEPT = 0 }; /* it checks only the bounds of separate blocks */
#else
enum { MEMORY_KEPT = 1 << 25 };
#endif
static void *kept_memory[MEMORY_KINDS];

NN_INLINE void *exchange_kept(int kind, void *block)
{
#if defined(__GNUC__)
    return __atomic_exchange_n(&kept_memory[kind], block, __ATOMIC_ACQ_REL);
#else
    return _InterlockedExchangePointer(&kept_memory[kind], block);
#endif
}

/* As malloc; in huge pages for large blocks if the system has them, as the first access to a page
 * takes longer than clearing it. */
static inline void *new_block(size_t size)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    void *block;
    if (size >= HUGE_PAGE && MEMORY_KEPT > 0) {
        if (posix_memalign(&block, HUGE_PAGE, size)) return NULL;
        madvise(block, size, MADV_HUGEPAGE); /* only a hint */
        return block;
    }
#endif
    return malloc(size);
}

/* At least `size` bytes, or NULL; the size is stored in front of them. */
static inline char *take_memory(int kind, size_t size)
{
    char *block = (char *)exchange_kept(kind, NULL);
    if (block != NULL && *(size_t *)block >= size) return block + MEMORY_HEAD;
    free(block);
    block = (char *)new_block(size + MEMORY_HEAD);
    if (block == NULL) return NULL;
    *(size_t *)block = size;
    return block + MEMORY_HEAD;
}

static inline void give_memory(int kind, char *memory)
{
    if (memory == NULL) return;
    char *block = memory - MEMORY_HEAD;
    free(*(size_t *)block <= MEMORY_KEPT ? exchange_kept(kind, block) : block);
}

#endif

/* The first layer of a network whose inputs are mostly 0: sums of the rows of a matrix that a
 * list of entries (row, value) selects,
 *
 *     c (n,) = start + value[0] * b[row[0]] + value[1] * b[row[1]] + ...
 *
 * Every c[j] is computed by one multiply-add after the other, in the order of the entries. A product
 * of tile.h also adds the products with zeros, which change nothing, so the bits are the same if the
 * entries are in the order of their rows. */
#ifndef NNCORE_SPARSE_H
#define NNCORE_SPARSE_H

#include <stdint.h>
#include <string.h>
#include "tile.h"

enum {
    SPARSE_AHEAD = 8, /* entries whose rows of b are prefetched */
    PIECE = 8,        /* entries that are copied at once */
    SORT_BELOW = 16,  /* entries in a piece of a row from which it is read without a copy */
    PACK_FROM = 8     /* entries per column from which copying a block of b is faster */
};

#define REAL float
#define N(name) name##_f32
#include "sparse_template.h"
#undef REAL
#undef N

#define REAL double
#define N(name) name##_f64
#include "sparse_template.h"
#undef REAL
#undef N

/* Indices are copied from memory that other threads can change, and the copy is checked. The two
 * calls are separate, so that a compiler cannot read the original twice. */
NN_NOINLINE void copy_indices_i32(ptrdiff_t n, const int32_t *from, ptrdiff_t *to)
{
    for (ptrdiff_t i = 0; i < n; i++) to[i] = from[i];
}

NN_NOINLINE void copy_indices_i64(ptrdiff_t n, const int64_t *from, ptrdiff_t *to)
{
    for (ptrdiff_t i = 0; i < n; i++) to[i] = (ptrdiff_t)from[i];
}

/* The position of the first index outside 0 to limit - 1, or n. */
NN_NOINLINE ptrdiff_t first_outside(ptrdiff_t n, const ptrdiff_t *index, ptrdiff_t limit)
{
    int outside = 0;
    for (ptrdiff_t i = 0; i < n; i++) outside |= (size_t)index[i] >= (size_t)limit;
    if (!outside) return n;
    ptrdiff_t at = 0;
    while ((size_t)index[at] < (size_t)limit) at++;
    return at;
}

NN_NOINLINE int ascends(ptrdiff_t n, const ptrdiff_t *index)
{
    int descends = 0;
    for (ptrdiff_t i = 1; i < n; i++) descends |= index[i] < index[i - 1];
    return !descends;
}

/* Whether n columns are strictly ascending and within 0 to limit - 1; kernels do not rely on it. */
NN_NOINLINE int rises_i32(ptrdiff_t n, const int32_t *column, ptrdiff_t limit)
{
    int bad = n > 0 && (column[0] < 0 || column[n - 1] >= limit);
    for (ptrdiff_t i = 1; i < n; i++) bad |= column[i] <= column[i - 1];
    return !bad;
}

NN_NOINLINE int rises_i64(ptrdiff_t n, const int64_t *column, ptrdiff_t limit)
{
    int bad = n > 0 && (column[0] < 0 || column[n - 1] >= limit);
    for (ptrdiff_t i = 1; i < n; i++) bad |= column[i] <= column[i - 1];
    return !bad;
}

/* One number of an array that other threads can change, read exactly once. */
NN_INLINE ptrdiff_t read_once_i32(const int32_t *at) { return *(const volatile int32_t *)at; }
NN_INLINE ptrdiff_t read_once_i64(const int64_t *at) { return (ptrdiff_t) * (const volatile int64_t *)at; }

#undef NN_PREFETCH
#endif

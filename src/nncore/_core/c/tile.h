/* The matrix product that all kernels use:
 *
 *     c (m, n) = start + a (m, k) @ b (k, n)
 *
 * `b` and `c` are row-major with any row stride; `a` has a row and a column
 * stride, so that x @ w and x.T @ dy are the same routine.
 *
 * Order of accumulation: every c[i, j] begins at `start` and takes a[i, p] * b[p, j]
 * for p = 0, 1, 2, ... one multiply-add at a time. Blocking only decides which
 * elements are in registers at a time, so the bits do not depend on the vector
 * width, on m, or on the position of an element in the matrix. */
#ifndef NNCORE_TILE_H
#define NNCORE_TILE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "kept_memory.h"
#include "simd.h"

/* The initial values of a product. */
enum { START_ZERO = 0, START_BIAS = 1, START_C = 2 };

/* Largest tile: rows x vectors of columns, and the vectors of a one-row tile.
 * The accumulators, one row of b and one element of a fill the registers.
 * Tiles one vector wide have more rows, as otherwise they would wait for each
 * multiply-add: two can start in each cycle, and each takes four. */
#if NNCORE_LEVEL == 3 || NNCORE_LEVEL == 1
enum { TILE_ROWS = 6, TILE_VECTORS = 4, ROW_VECTORS = 8 };
#elif NNCORE_LEVEL == 2
enum { TILE_ROWS = 4, TILE_VECTORS = 3, ROW_VECTORS = 8 };
#else
enum { TILE_ROWS = 4, TILE_VECTORS = 2, ROW_VECTORS = 4 };
#endif
enum { COLUMN_ROWS = 8, K_BLOCK = 256 };

/* Hardware prefetchers of the first cache follow strides of up to so many bytes. Beyond it, b is
 * prefetched so many rows ahead; only large tiles have cycles to spare for that. */
enum { LONGEST_STRIDE = 2048, PREFETCH_ROWS = NNCORE_LEVEL == 3 ? 6 : 0 };

/* A product of one row reads all of b and waits for nothing else. If b does not fit into the first
 * cache, it takes 0.75 of the time with b prefetched; but prefetched rows that are a multiple of
 * SET_STRIDE apart share one set of that cache, and replace each other before they are used. */
enum { ROW_AHEAD = NNCORE_LEVEL >= 2 ? 5 : 0, FIRST_CACHE_BYTES = 1 << 15, SET_STRIDE = 1 << 12 };

/* If many strips of a read the same panel of b, and rows of b are wide, the panel is first copied so
 * that its rows are neighbours: far apart, they fall into few sets of the first cache, and do not
 * stay in it. Not measured with AVX-512 and NEON. */
enum { PACKS = NNCORE_LEVEL == 2, PACKED_STRIPS = 8, PACKED_STRIDE = 512 };

/* Products of matrices that are larger are computed by packed_template.h, in blocks of a and groups
 * of panels of b of such sizes, so that both are in the second cache. */
enum { LARGE_BYTES = 1 << 20, FAR_COLUMN_BYTES = 1 << 10, BLOCK_BYTES = 1 << 19, GROUP_BYTES = 384 };

/* Products of at least so many rows by one b, one after the other, are faster if its panels are
 * copied once for all, where each product would copy them. One answer for both types: scratch is
 * planned for either. */
enum { PANEL_ROWS = PACKED_STRIPS * TILE_ROWS, PANEL_COLUMNS = 128 };
NN_INLINE int panels_are_faster(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
{
    const ptrdiff_t large = LARGE_BYTES / sizeof(float);
    return m >= PANEL_ROWS && n >= PANEL_COLUMNS && (PACKS || k * n > large);
}

/* Rows in strips: `taller` ones of rows + 1 rows, then others of `rows`. Parts are as equal as
 * possible: 25 rows are 5 tiles of 5, not 4 of 6 and a slow one of 1. */
typedef struct {
    ptrdiff_t count, taller;
    int rows;
} row_strips;

NN_INLINE row_strips split_rows(ptrdiff_t m, ptrdiff_t most_rows)
{
    const ptrdiff_t count = (m + most_rows - 1) / most_rows;
    const row_strips strips = {count, m % count, (int)(m / count)};
    return strips;
}

#define REAL float
#define N(name) name##_f32
#include "tile_template.h"
#undef REAL
#undef N

#define REAL double
#define N(name) name##_f64
#include "tile_template.h"
#undef REAL
#undef N

#endif

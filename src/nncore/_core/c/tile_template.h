/* tile.h for one element type: REAL, with N(name) its suffixed names. */

typedef struct {
    ptrdiff_t k;
    ptrdiff_t a_row, a_col;
    const REAL *b;
    ptrdiff_t b_row;
    ptrdiff_t c_row;
    const REAL *bias; /* of this tile's columns, for START_BIAS */
    int start;
    int far; /* whether rows of b are prefetched, by tiles that have time for it */
} N(tile_args);

/* One tile of rows x vectors accumulators, with b prefetched `ahead` rows before its use unless that
 * is 0. `rows`, `vectors`, `masked` and `ahead` are constants at every call, so the loops unroll and
 * `sum` lives in registers. If these leave none for the mask, it is loaded again where it is used:
 * else compilers keep a sum in memory. */
NN_INLINE void N(tile)(const N(tile_args) *t, const REAL *a, REAL *c, int rows, int vectors,
                       int masked, int ahead, const N(mask) *mask)
{
    enum { L = N(LANES) };
    const int last = vectors - 1;
    const int reload = masked && MASK_REGISTERS > 0 && rows * vectors + vectors + 1 >= MASK_REGISTERS;
    N(vec) sum[8][8];
    NN_UNROLL for (int r = 0; r < rows; r++)
        NN_UNROLL for (int v = 0; v < vectors; v++) {
            const REAL *from = t->start == START_BIAS ? t->bias + v * L : c + r * t->c_row + v * L;
            if (t->start == START_ZERO)
                sum[r][v] = N(splat)(0);
            else
                sum[r][v] = masked && v == last ? N(load_masked)(from, *mask) : N(load)(from);
        }
    const REAL *b = t->b;
    const ptrdiff_t a_row = t->a_row, a_col = t->a_col, b_row = t->b_row;
    for (ptrdiff_t p = t->k; p > 0; p--, a += a_col, b += b_row) {
        N(vec) row[8];
        if (reload) NN_LOAD_AGAIN(mask);
        if (ahead)
            NN_UNROLL for (int v = 0; v < vectors; v++)
                if (v * sizeof(N(vec)) % 64 == 0) NN_PREFETCH(b + ahead * b_row + v * L);
        NN_UNROLL for (int v = 0; v < vectors; v++) {
            row[v] = masked && v == last ? N(load_masked)(b + v * L, *mask) : N(load)(b + v * L);
            if (rows > 1) NN_KEEP(row[v]);
        }
        NN_UNROLL for (int r = 0; r < rows; r++) {
            N(vec) x = N(splat)(a[r * a_row]);
            NN_UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = N(muladd)(x, row[v], sum[r][v]);
        }
    }
    if (reload) NN_LOAD_AGAIN(mask);
    NN_UNROLL for (int r = 0; r < rows; r++)
        NN_UNROLL for (int v = 0; v < vectors; v++) {
            REAL *to = c + r * t->c_row + v * L;
            if (masked && v == last)
                N(store_masked)(to, sum[r][v], *mask);
            else
                N(store)(to, sum[r][v]);
        }
}

/* Strips of rows one below the other, by a loop for each tile size. */
#define STRIPS(R, V, MASKED, AHEAD)                                          \
    for (; strips > 0; strips--, a += (R) * t->a_row, c += (R) * t->c_row)   \
        N(tile)(t, a, c, R, V, MASKED, AHEAD, &mask);
#define CASE(R, V)                                                           \
    case (R) * 16 + (V):                                                     \
        if (ROW_AHEAD > 0 && (R) == 1 && (V) > TILE_VECTORS && t->far) {     \
            if (full) { STRIPS(R, V, 0, ROW_AHEAD) }                         \
            else { STRIPS(R, V, 1, ROW_AHEAD) }                              \
        }                                                                    \
        else if (!full) { STRIPS(R, V, 1, 0) }                               \
        else if (PREFETCH_ROWS > 0 && (R) > 2 && (V) > 1 && t->far) { STRIPS(R, V, 0, PREFETCH_ROWS) } \
        else { STRIPS(R, V, 0, 0) }                                          \
        break;

NN_NOINLINE void N(run_tiles)(const N(tile_args) *t, const REAL *a, REAL *c, ptrdiff_t strips,
                              int rows, int vectors, int last_lanes)
{
    const int full = last_lanes == N(LANES);
    const N(mask) mask = N(leading)(last_lanes);
    switch (rows * 16 + vectors) {
        CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4)
#if NNCORE_LEVEL >= 1
        CASE(1, 5) CASE(1, 6) CASE(1, 7) CASE(1, 8)
#endif
        CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1) CASE(7, 1) CASE(8, 1)
        CASE(2, 2) CASE(3, 2) CASE(4, 2)
#if NNCORE_LEVEL >= 1
        CASE(2, 3) CASE(3, 3) CASE(4, 3)
#endif
#if NNCORE_LEVEL == 3 || NNCORE_LEVEL == 1
        CASE(2, 4) CASE(3, 4) CASE(4, 4)
        CASE(5, 2) CASE(5, 3) CASE(5, 4)
        CASE(6, 2) CASE(6, 3) CASE(6, 4)
#endif
    }
}
#undef CASE
#undef STRIPS

NN_INLINE ptrdiff_t N(ceil_div)(ptrdiff_t x, ptrdiff_t y) { return (x + y - 1) / y; }

/* out (rows, cols) = a, with another row stride. Rows are too short for calls of memcpy. */
NN_NOINLINE void N(copy_rows)(ptrdiff_t rows, ptrdiff_t cols, const REAL *a, ptrdiff_t a_row,
                              REAL *out, ptrdiff_t out_row)
{
    enum { L = N(LANES) };
    const ptrdiff_t whole = cols - cols % L;
    const N(mask) rest = N(leading)(whole < cols ? (int)(cols - whole) : L);
    if (cols <= 0) return;
    for (; rows > 0; rows--, a += a_row, out += out_row) {
        for (ptrdiff_t j = 0; j < whole; j += L) N(store)(out + j, N(load)(a + j));
        if (whole < cols) N(store_masked)(out + whole, N(load_masked)(a + whole, rest), rest);
    }
}

#include "packed_template.h"

NN_NOINLINE void N(product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                            const REAL *a, ptrdiff_t a_row, ptrdiff_t a_col,
                            const REAL *b, ptrdiff_t b_row,
                            REAL *c, ptrdiff_t c_row, int start, const REAL *bias)
{
    enum { L = N(LANES) };
    if (m <= 0 || n <= 0) return;
    if (n == 1 && a_row == 1 && c_row == 1 && start != START_BIAS) { /* a column that is contiguous like a row */
        N(product)(1, m, k, b, 0, b_row, a, a_col, c, m, start, bias);
        return;
    }
    const ptrdiff_t vectors = N(ceil_div)(n, L), most_rows = vectors == 1 ? COLUMN_ROWS : TILE_ROWS;
    if (m <= most_rows && vectors <= TILE_VECTORS && k <= K_BLOCK) { /* a single tile */
        const int wide = PREFETCH_ROWS > 0 && b_row * (ptrdiff_t)sizeof(REAL) > LONGEST_STRIDE;
        const N(tile_args) t = {k, a_row, a_col, b, b_row, c_row, bias, start, wide};
        N(run_tiles)(&t, a, c, 1, (int)m, (int)vectors, (int)(n - (vectors - 1) * L));
        return;
    }
    if (N(is_large)(m, n, k, a_col) && N(packed_product)(m, n, k, a, a_row, a_col, b, b_row, c, c_row, start, bias))
        return;
    const ptrdiff_t panels = N(ceil_div)(vectors, m == 1 ? ROW_VECTORS : TILE_VECTORS);
    const row_strips strips = split_rows(m, most_rows);
    const ptrdiff_t lower = strips.taller * (strips.rows + 1); /* the first row of the other strips */
    const ptrdiff_t stride = b_row * (ptrdiff_t)sizeof(REAL);
    const int far = m > 1 ? stride > LONGEST_STRIDE
                          : n * k > FIRST_CACHE_BYTES / (ptrdiff_t)sizeof(REAL) && stride % SET_STRIDE;
    const int packs = PACKS && strips.count >= PACKED_STRIPS && stride >= PACKED_STRIDE;
    REAL packed[PACKS ? K_BLOCK * TILE_VECTORS * L : 1];
    ptrdiff_t p0 = 0;
    do {
        const ptrdiff_t kb = k - p0 < K_BLOCK ? k - p0 : K_BLOCK;
        ptrdiff_t v0 = 0;
        for (ptrdiff_t panel = 0; panel < panels; panel++) {
            const int nv = (int)((vectors - v0) / (panels - panel));
            const ptrdiff_t j = v0 * L;
            const int last_lanes = v0 + nv == vectors ? (int)(n - (vectors - 1) * L) : L;
            const REAL *part = b + p0 * b_row + j;
            ptrdiff_t part_row = b_row;
            if (packs) {
                part_row = nv * L;
                N(copy_rows)(kb, (nv - 1) * L + last_lanes, part, b_row, packed, part_row);
                part = packed;
            }
            const N(tile_args) t = {kb, a_row, a_col, part, part_row, c_row, bias + (bias ? j : 0),
                                    p0 ? START_C : start, far};
            const REAL *left = a + p0 * a_col;
            if (strips.taller) N(run_tiles)(&t, left, c + j, strips.taller, strips.rows + 1, nv, last_lanes);
            N(run_tiles)(&t, left + lower * a_row, c + lower * c_row + j, strips.count - strips.taller,
                         strips.rows, nv, last_lanes);
            v0 += nv;
        }
        p0 += kb;
    } while (p0 < k);
}

/* The largest of n >= 1 numbers; NaN are ignored unless x[0] is one. 16 lanes, as in
 * real.pxd; compilers do not vectorise a ?: of 16 lanes by themselves. */
NN_INLINE REAL N(row_max)(const REAL *x, ptrdiff_t n)
{
    enum { L = N(LANES), V = 16 / N(LANES) };
    N(vec) top[V];
    REAL lane[16];
    ptrdiff_t i = 0;
    NN_UNROLL for (int v = 0; v < V; v++) top[v] = N(splat)(x[0]);
    for (; i < n - 15; i += 16)
        NN_UNROLL for (int v = 0; v < V; v++) top[v] = N(larger)(top[v], N(load)(x + i + v * L));
    NN_UNROLL for (int v = 0; v < V; v++) N(store)(lane + v * L, top[v]);
    for (; i < n; i++) lane[i % 16] = x[i] > lane[i % 16] ? x[i] : lane[i % 16];
    return N(fold_max)(lane);
}

/* out (cols, rows) = a (rows, cols) transposed. The last blocks end with the matrix and overlap
 * the previous ones. */
NN_NOINLINE void N(transpose)(ptrdiff_t rows, ptrdiff_t cols, const REAL *a, ptrdiff_t a_row,
                              REAL *out, ptrdiff_t out_row)
{
    enum { L = N(LANES) };
    if (cols <= 0) return; /* a loop over the rows could have 2^60 iterations */
    if (rows < L || cols < L) {
        for (ptrdiff_t i = 0; i < rows; i++)
            for (ptrdiff_t j = 0; j < cols; j++) out[j * out_row + i] = a[i * a_row + j];
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i += L) {
        const ptrdiff_t top = i < rows - L ? i : rows - L;
        for (ptrdiff_t j = 0; j < cols; j += L) {
            const ptrdiff_t left = j < cols - L ? j : cols - L;
            N(transpose_block)(a + top * a_row + left, a_row, out + left * out_row + top, out_row);
        }
    }
}

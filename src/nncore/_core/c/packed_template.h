/* Large products for one element type: REAL, with N(name) its suffixed names.
 *
 * Rows of large matrices are far apart: reading parts of them waits for the third cache and for
 * translations of addresses, and columns fall into few sets of the first cache. So a block of a, and
 * one group of panels of b after the other, are copied into the order in which tiles read them. */

/* out = a block of a (rows, kb): strip after strip, each as kb columns. */
NN_NOINLINE void N(pack_strips)(row_strips strips, ptrdiff_t kb, const REAL *a, ptrdiff_t a_row,
                                ptrdiff_t a_col, REAL *out)
{
    enum { AHEAD = 8 };
    for (ptrdiff_t i = 0; i < strips.count; i++) {
        const int rows = strips.rows + (i < strips.taller);
        const REAL *column = a;
        for (ptrdiff_t p = 0; p < kb; p++, column += a_col, out += rows) {
            if (p + AHEAD < kb) NN_PREFETCH(column + AHEAD * a_col);
            if (rows == TILE_ROWS && a_row == 1)
                memcpy(out, column, TILE_ROWS * sizeof(REAL));
            else if (rows == TILE_ROWS)
                NN_UNROLL for (int r = 0; r < TILE_ROWS; r++) out[r] = column[r * a_row];
            else
                for (int r = 0; r < rows; r++) out[r] = column[r * a_row];
        }
        a += rows * a_row;
    }
}

/* out = columns of b (kb, columns): panel after panel, each with all its rows. */
NN_NOINLINE void N(pack_panels)(ptrdiff_t kb, ptrdiff_t columns, const REAL *b, ptrdiff_t b_row, REAL *out)
{
    enum { L = N(LANES), WIDTH = TILE_VECTORS * L, LINE = 64 / sizeof(REAL), AHEAD = 8 };
    const ptrdiff_t whole = columns - columns % WIDTH;
    const REAL *row = b;
    for (ptrdiff_t p = 0; p < kb; p++, row += b_row) {
        if (p + AHEAD < kb)
            for (ptrdiff_t j = 0; j < columns; j += LINE) NN_PREFETCH(row + AHEAD * b_row + j);
        REAL *to = out + p * WIDTH;
        for (ptrdiff_t j = 0; j < whole; j += WIDTH, to += kb * WIDTH)
            NN_UNROLL for (int v = 0; v < TILE_VECTORS; v++) N(store)(to + v * L, N(load)(row + j + v * L));
    }
    N(copy_rows)(kb, columns - whole, b + whole, b_row, out + kb * whole, WIDTH);
}

/* All strips of rows with one panel; a: by rows as *t says, or in strips if `packed`. */
NN_INLINE void N(run_strips)(const N(tile_args) *all, row_strips strips, const REAL *a, int packed,
                             REAL *c, ptrdiff_t columns)
{
    enum { L = N(LANES), LINE = 64 / sizeof(REAL) };
    const int vectors = (int)N(ceil_div)(columns, L);
    N(tile_args) t = *all;
    for (ptrdiff_t i = 0; i < strips.count; i++) {
        const int rows = strips.rows + (i < strips.taller);
        REAL *next = c + rows * t.c_row;
        if (i + 1 < strips.count) /* rows of c are far apart: they are fetched during this tile */
            for (int r = 0; r < strips.rows; r++)
                for (ptrdiff_t j = 0; j < columns; j += LINE) NN_PREFETCH(next + r * t.c_row + j);
        if (packed) t.a_col = rows;
        N(run_tiles)(&t, a, c, 1, rows, vectors, (int)(columns - (vectors - 1) * L));
        a += rows * (packed ? t.k : t.a_row);
        c = next;
    }
}

/* Whether copies make a product faster: tiles read the copies often enough, and b does not fit into
 * the second cache or the columns of a are rows of another matrix, far apart. */
NN_INLINE int N(is_large)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, ptrdiff_t a_col)
{
    enum { WIDTH = TILE_VECTORS * N(LANES) };
    const ptrdiff_t size = sizeof(REAL);
    if (m < PACKED_STRIPS * TILE_ROWS || n <= 2 * WIDTH || k < K_BLOCK / 2) return 0;
    return k * n > LARGE_BYTES / size || (k >= K_BLOCK && a_col > FAR_COLUMN_BYTES / size);
}

/* As product(), by copies of a and b; 0 if there is no memory for them. */
NN_NOINLINE int N(packed_product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                  const REAL *a, ptrdiff_t a_row, ptrdiff_t a_col,
                                  const REAL *b, ptrdiff_t b_row,
                                  REAL *c, ptrdiff_t c_row, int start, const REAL *bias)
{
    enum {
        WIDTH = TILE_VECTORS * N(LANES),
        PANELS = GROUP_BYTES / (WIDTH * sizeof(REAL)) > 0 ? GROUP_BYTES / (WIDTH * sizeof(REAL)) : 1,
        GROUP = PANELS * WIDTH,
        MOST_ROWS = BLOCK_BYTES / (K_BLOCK * sizeof(REAL))
    };
    const ptrdiff_t block_rows = m < MOST_ROWS ? m : MOST_ROWS, depth = k < K_BLOCK ? k : K_BLOCK;
    char *memory = take_memory(PACKED_MEMORY, (GROUP + block_rows) * depth * sizeof(REAL) + 64);
    if (memory == NULL) return 0;
    REAL *panels = (REAL *)(memory + (64 - (uintptr_t)memory % 64) % 64), *block = panels + GROUP * depth;
    for (ptrdiff_t p0 = 0; p0 < k; p0 += K_BLOCK) {
        const ptrdiff_t kb = k - p0 < K_BLOCK ? k - p0 : K_BLOCK;
        for (ptrdiff_t i0 = 0; i0 < m; i0 += MOST_ROWS) {
            const row_strips strips = split_rows(m - i0 < MOST_ROWS ? m - i0 : MOST_ROWS, TILE_ROWS);
            N(pack_strips)(strips, kb, a + i0 * a_row + p0 * a_col, a_row, a_col, block);
            for (ptrdiff_t j0 = 0; j0 < n; j0 += GROUP) {
                const ptrdiff_t columns = n - j0 < GROUP ? n - j0 : GROUP;
                N(pack_panels)(kb, columns, b + p0 * b_row + j0, b_row, panels);
                for (ptrdiff_t j = 0; j < columns; j += WIDTH) {
                    N(tile_args) t = {kb, 1, 0, panels + j * kb, WIDTH, c_row, bias + (bias ? j0 + j : 0),
                                      p0 ? START_C : start, 0};
                    N(run_strips)(&t, strips, block, 1, c + i0 * c_row + j0 + j,
                                  columns - j < WIDTH ? columns - j : WIDTH);
                }
            }
        }
    }
    give_memory(PACKED_MEMORY, memory);
    return 1;
}

/* Products by the same b, one after the other, take it from a copy in panels, made once. */

/* How many numbers the panels of b (k, n) have. */
NN_INLINE ptrdiff_t N(panels_size)(ptrdiff_t n, ptrdiff_t k)
{
    enum { WIDTH = TILE_VECTORS * N(LANES) };
    return k * N(ceil_div)(n, WIDTH) * WIDTH;
}

/* panels = b (k, n), in blocks of rows. */
NN_NOINLINE void N(pack_matrix)(ptrdiff_t n, ptrdiff_t k, const REAL *b, ptrdiff_t b_row, REAL *panels)
{
    for (ptrdiff_t p0 = 0; p0 < k; p0 += K_BLOCK) {
        const ptrdiff_t kb = k - p0 < K_BLOCK ? k - p0 : K_BLOCK;
        N(pack_panels)(kb, n, b + p0 * b_row, b_row, panels);
        panels += N(panels_size)(n, kb);
    }
}

/* As product(), with b from its panels. */
NN_NOINLINE void N(product_of_panels)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                      const REAL *a, ptrdiff_t a_row, ptrdiff_t a_col, const REAL *panels,
                                      REAL *c, ptrdiff_t c_row, int start, const REAL *bias)
{
    enum { L = N(LANES), WIDTH = TILE_VECTORS * L };
    const row_strips strips = split_rows(m, TILE_ROWS), column_strips = split_rows(m, COLUMN_ROWS);
    for (ptrdiff_t p0 = 0; p0 < k; p0 += K_BLOCK) {
        const ptrdiff_t kb = k - p0 < K_BLOCK ? k - p0 : K_BLOCK;
        for (ptrdiff_t j = 0; j < n; j += WIDTH, panels += kb * WIDTH) {
            const N(tile_args) t = {kb, a_row, a_col, panels, WIDTH, c_row, bias + (bias ? j : 0),
                                    p0 ? START_C : start, 0};
            N(run_strips)(&t, n - j > L ? strips : column_strips, a + p0 * a_col, 0, c + j,
                          n - j < WIDTH ? n - j : WIDTH);
        }
    }
}

/* sparse.h for one element type: REAL, with N(name) its suffixed names. */

typedef struct {
    ptrdiff_t lists;         /* of entries, each with a row of c */
    const ptrdiff_t *begin, *end; /* (lists,): where in `row` and `value` */
    ptrdiff_t limit;         /* a list stops at the first row from here on */
    ptrdiff_t *stopped;      /* (lists,): where it did; may be begin, or NULL */
    ptrdiff_t readable;      /* how far `row` can be read, to fetch rows ahead; 0 for not at all */
    const ptrdiff_t *row;
    const REAL *value;
    const REAL *b;
    ptrdiff_t b_row;
    REAL *c;
    ptrdiff_t c_row;
    const REAL *bias; /* for START_BIAS */
    int start;
} N(entry_args);

/* A panel of columns, from column j on; `vectors` and `masked` are constants at every call. */
NN_INLINE void N(entry_panel)(const N(entry_args) *t, ptrdiff_t j, ptrdiff_t *stopped, int vectors, int masked,
                              N(mask) mask)
{
    enum { L = N(LANES), LINE = 64 / sizeof(REAL) };
    const int last = vectors - 1;
    const ptrdiff_t b_row = t->b_row, ahead = t->readable - SPARSE_AHEAD, limit = t->limit;
    const ptrdiff_t *row = t->row;
    const REAL *value = t->value, *b = t->b + j;
    REAL *c = t->c + j;
    N(vec) sum[8];
    for (ptrdiff_t i = 0; i < t->lists; i++, c += t->c_row) {
        ptrdiff_t p = t->begin[i];
        const ptrdiff_t end = t->end[i];
        if (i + 4 < t->lists) {
            NN_PREFETCH(row + t->begin[i + 4]);
            NN_PREFETCH(value + t->begin[i + 4]);
        }
        if (t->start == START_C && (p == end || row[p] >= limit)) continue; /* begin == stopped */
        const REAL *start = t->start == START_BIAS ? t->bias + j : c;
        NN_UNROLL for (int v = 0; v < vectors; v++) {
            if (t->start == START_ZERO)
                sum[v] = N(splat)(0);
            else
                sum[v] = masked && v == last ? N(load_masked)(start + v * L, mask) : N(load)(start + v * L);
        }
        for (; p < end && row[p] < limit; p++) {
            if (p < ahead) {
                const REAL *next = b + row[p + SPARSE_AHEAD] * b_row;
                NN_UNROLL for (int v = 0; v < vectors * L; v += LINE) NN_PREFETCH(next + v);
            }
            const REAL *from = b + row[p] * b_row;
            const N(vec) x = N(splat)(value[p]);
            NN_UNROLL for (int v = 0; v < vectors; v++)
                sum[v] = N(muladd)(
                    x, masked && v == last ? N(load_masked)(from + v * L, mask) : N(load)(from + v * L), sum[v]);
        }
        if (stopped != NULL) stopped[i] = p;
        NN_UNROLL for (int v = 0; v < vectors; v++) {
            if (masked && v == last)
                N(store_masked)(c + v * L, sum[v], mask);
            else
                N(store)(c + v * L, sum[v]);
        }
    }
}

#define CASE(V)                                           \
    case (V):                                             \
        if (full) N(entry_panel)(t, j, stopped, V, 0, mask);   \
        else N(entry_panel)(t, j, stopped, V, 1, mask);        \
        break;

NN_NOINLINE void N(run_entry_panel)(const N(entry_args) *t, ptrdiff_t j, ptrdiff_t *stopped,
                                  int vectors, int last_lanes)
{
    const int full = last_lanes == N(LANES);
    const N(mask) mask = N(leading)(last_lanes);
    switch (vectors) {
        CASE(1) CASE(2) CASE(3) CASE(4)
#if NNCORE_LEVEL >= 1
        CASE(5) CASE(6) CASE(7) CASE(8)
#endif
    }
}
#undef CASE

/* Sums of all lists. Those of START_C begin where they have stopped before. */
NN_NOINLINE void N(sum_entries)(const N(entry_args) *t, ptrdiff_t n)
{
    enum { L = N(LANES) };
    if (n <= 0) return;
    const ptrdiff_t vectors = N(ceil_div)(n, L), panels = N(ceil_div)(vectors, ROW_VECTORS);
    ptrdiff_t v0 = 0;
    for (ptrdiff_t panel = 0; panel < panels; panel++) {
        const int nv = (int)((vectors - v0) / (panels - panel));
        const int last_lanes = v0 + nv == vectors ? (int)(n - (vectors - 1) * L) : L;
        N(run_entry_panel)(t, v0 * L, panel == panels - 1 ? t->stopped : NULL, nv, last_lanes);
        v0 += nv;
    }
}

/* c (lists, n) = bias, or 0 for NULL, + the sums of all lists, from begin[i] to begin[i + 1]. */
NN_NOINLINE void N(sum_lists)(ptrdiff_t lists, const ptrdiff_t *begin, ptrdiff_t readable, const ptrdiff_t *row,
                              const REAL *value, ptrdiff_t n, const REAL *b, REAL *c, const REAL *bias)
{
    const N(entry_args) t = {lists, begin, begin + 1, PTRDIFF_MAX, NULL, readable, row, value, b, n, c, n, bias,
                             bias ? START_BIAS : START_ZERO};
    N(sum_entries)(&t, n);
}

/* c (rows, n) = bias + x @ b for rows x whose entries are in the order of their columns: one part
 * of b after the other, each of which stays in the cache, so that a row of b comes from far away
 * only once.
 * cursor: room for `rows` numbers. packed: NULL, or room for `block` rows of b that begin on lines,
 * for many entries a column. */
NN_NOINLINE void N(sum_blocks)(ptrdiff_t rows, const ptrdiff_t *start, const ptrdiff_t *column, const REAL *value,
                               ptrdiff_t columns, ptrdiff_t n, const REAL *b, const REAL *bias, REAL *c,
                               ptrdiff_t *cursor, REAL *packed, ptrdiff_t block)
{
    enum { LINE = 64 / sizeof(REAL) };
    const ptrdiff_t stride = packed == NULL ? n : (n + LINE - 1) / LINE * LINE;
    N(entry_args) t = {rows, start, start + 1, 0, cursor, 0, column, value, b, stride, c, n, bias, START_BIAS};
    for (ptrdiff_t first = 0; first < columns; first += block) {
        const ptrdiff_t count = block < columns - first ? block : columns - first;
        t.limit = first + count;
        if (packed != NULL) {
            N(copy_rows)(count, n, b + first * n, n, packed, stride);
            t.b = packed - first * stride;
        }
        N(sum_entries)(&t, n);
        t.start = START_C;
        t.begin = cursor;
    }
}

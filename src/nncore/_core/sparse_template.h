/* sparse.h for one element type: REAL, with N(name) its suffixed names. */

typedef struct {
    ptrdiff_t count, readable; /* entries, and how many places of `row` can be read */
    const ptrdiff_t *row;
    const REAL *value;
    const REAL *b;
    ptrdiff_t b_row;
    REAL *c;
    const REAL *bias; /* NULL: from 0 */
} N(entry_args);

/* A panel of columns; `vectors` and `masked` are constants at every call. */
NN_INLINE void N(entry_panel)(const N(entry_args) *t, int vectors, int masked, N(mask) mask)
{
    enum { L = N(LANES), LINE = 64 / sizeof(REAL) };
    const int last = vectors - 1;
    N(vec) sum[8];
    NN_UNROLL for (int v = 0; v < vectors; v++) {
        if (t->bias == NULL)
            sum[v] = N(splat)(0);
        else
            sum[v] = masked && v == last ? N(load_masked)(t->bias + v * L, mask) : N(load)(t->bias + v * L);
    }
    const ptrdiff_t *row = t->row;
    const REAL *b = t->b;
    const ptrdiff_t b_row = t->b_row, count = t->count, ahead = t->readable - SPARSE_AHEAD;
    for (ptrdiff_t p = 0; p < count; p++) {
        if (p < ahead) {
            const REAL *next = b + row[p + SPARSE_AHEAD] * b_row;
            NN_UNROLL for (int v = 0; v < vectors * L; v += LINE) NN_PREFETCH(next + v);
        }
        const REAL *from = b + row[p] * b_row;
        const N(vec) x = N(splat)(t->value[p]);
        NN_UNROLL for (int v = 0; v < vectors; v++)
            sum[v] = N(muladd)(x, masked && v == last ? N(load_masked)(from + v * L, mask) : N(load)(from + v * L),
                               sum[v]);
    }
    NN_UNROLL for (int v = 0; v < vectors; v++) {
        if (masked && v == last)
            N(store_masked)(t->c + v * L, sum[v], mask);
        else
            N(store)(t->c + v * L, sum[v]);
    }
}

#define CASE(V)                                     \
    case (V):                                       \
        if (full) N(entry_panel)(t, V, 0, mask);    \
        else N(entry_panel)(t, V, 1, mask);         \
        break;

NN_NOINLINE void N(run_entry_panel)(const N(entry_args) *t, int vectors, int last_lanes)
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

NN_NOINLINE void N(sum_entries)(ptrdiff_t count, ptrdiff_t readable, const ptrdiff_t *row, const REAL *value,
                                ptrdiff_t n, const REAL *b, ptrdiff_t b_row, REAL *c, const REAL *bias)
{
    enum { L = N(LANES) };
    if (n <= 0) return;
    const ptrdiff_t vectors = N(ceil_div)(n, L), panels = N(ceil_div)(vectors, ROW_VECTORS);
    ptrdiff_t v0 = 0;
    for (ptrdiff_t panel = 0; panel < panels; panel++) {
        const int nv = (int)((vectors - v0) / (panels - panel));
        const ptrdiff_t j = v0 * L;
        const int last_lanes = v0 + nv == vectors ? (int)(n - (vectors - 1) * L) : L;
        const N(entry_args) t = {count, readable, row, value, b + j, b_row, c + j, bias ? bias + j : NULL};
        N(run_entry_panel)(&t, nv, last_lanes);
        v0 += nv;
    }
}

/* sparse.h for one element type: REAL, with N(name) its suffixed names. */

typedef struct {
    ptrdiff_t lists;         /* of entries, each with a row of c */
    const ptrdiff_t *begin, *end; /* (lists,): positions in `row` and `value` */
    ptrdiff_t readable;      /* how far `row` can be read, for prefetching; 0 for none */
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
NN_INLINE void N(entry_panel)(const N(entry_args) *t, ptrdiff_t j, int vectors, int masked, N(mask) mask)
{
    enum { L = N(LANES), LINE = 64 / sizeof(REAL) };
    const int last = vectors - 1;
    const ptrdiff_t b_row = t->b_row, ahead = t->readable - SPARSE_AHEAD;
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
        if (t->start == START_C && p == end) continue;
        const REAL *start = t->start == START_BIAS ? t->bias + j : c;
        NN_UNROLL for (int v = 0; v < vectors; v++) {
            if (t->start == START_ZERO)
                sum[v] = N(splat)(0);
            else
                sum[v] = masked && v == last ? N(load_masked)(start + v * L, mask) : N(load)(start + v * L);
        }
        for (; p < end; p++) {
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
        if (full) N(entry_panel)(t, j, V, 0, mask);   \
        else N(entry_panel)(t, j, V, 1, mask);        \
        break;

NN_NOINLINE void N(run_entry_panel)(const N(entry_args) *t, ptrdiff_t j, int vectors, int last_lanes)
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

/* Sums of all lists; with START_C they are added to c. */
NN_NOINLINE void N(sum_entries)(const N(entry_args) *t, ptrdiff_t n)
{
    enum { L = N(LANES) };
    if (n <= 0) return;
    const ptrdiff_t vectors = N(ceil_div)(n, L), panels = N(ceil_div)(vectors, ROW_VECTORS);
    ptrdiff_t v0 = 0;
    for (ptrdiff_t panel = 0; panel < panels; panel++) {
        const int nv = (int)((vectors - v0) / (panels - panel));
        const int last_lanes = v0 + nv == vectors ? (int)(n - (vectors - 1) * L) : L;
        N(run_entry_panel)(t, v0 * L, nv, last_lanes);
        v0 += nv;
    }
}

/* c (lists, n) = bias, or 0 for NULL, + the sums of all lists, from begin[i] to begin[i + 1]. */
NN_NOINLINE void N(sum_lists)(ptrdiff_t lists, const ptrdiff_t *begin, ptrdiff_t readable, const ptrdiff_t *row,
                              const REAL *value, ptrdiff_t n, const REAL *b, REAL *c, const REAL *bias)
{
    const N(entry_args) t = {lists, begin, begin + 1, readable, row, value, b, n, c, n, bias,
                             bias ? START_BIAS : START_ZERO};
    N(sum_entries)(&t, n);
}

/* Whether all of n numbers are finite. */
NN_NOINLINE int N(all_finite)(ptrdiff_t n, const REAL *x)
{
    int bad = 0;
    for (ptrdiff_t i = 0; i < n; i++) bad |= !(x[i] - x[i] == 0);
    return !bad;
}

/* The blocks of `sum_blocks`, and the layout of its memory. */
typedef struct {
    int sort, pack;
    ptrdiff_t blocks, stride, size; /* in bytes, including 64 for alignment */
    ptrdiff_t *begin;               /* (blocks + 1, rows + 1): positions in `column` and `value` */
    ptrdiff_t *next, *last;         /* (blocks,) each */
    ptrdiff_t *column;
    REAL *value, *packed;
} N(block_plan);

NN_INLINE N(block_plan) N(plan_blocks)(ptrdiff_t rows, ptrdiff_t entries, ptrdiff_t columns, ptrdiff_t n, int shift,
                                       char *memory)
{
    enum { LINE = 64 / sizeof(REAL) };
    N(block_plan) p;
    p.blocks = N(ceil_div)(columns, (ptrdiff_t)1 << shift);
    p.pack = entries >= PACK_FROM * columns;
    p.sort = entries < SORT_BELOW * p.blocks * rows;
    p.stride = p.pack ? N(ceil_div)(n, LINE) * LINE : n;
    const ptrdiff_t room = p.sort ? entries + p.blocks * PIECE : 0;
    char *at = memory + (64 - (uintptr_t)memory % 64) % 64;
    p.packed = (REAL *)at;
    if (p.pack) at += ((ptrdiff_t)1 << shift) * p.stride * sizeof(REAL);
    p.value = (REAL *)at;
    at += N(ceil_div)(room, LINE) * 64;
    p.column = (ptrdiff_t *)at;
    p.begin = p.column + room;
    p.next = p.begin + (p.blocks + 1) * (rows + 1);
    p.last = p.next + p.blocks;
    p.size = (char *)(p.last + p.blocks) - memory + 64;
    return p;
}

/* Bytes of memory for `sum_blocks`. */
NN_NOINLINE ptrdiff_t N(blocks_size)(ptrdiff_t rows, ptrdiff_t entries, ptrdiff_t columns, ptrdiff_t n, int shift)
{
    return N(plan_blocks)(rows, entries, columns, n, shift, NULL).size;
}

/* Store where each row's piece of each block begins; p->next = the number of entries of a block. */
static void N(find_pieces)(const N(block_plan) *p, ptrdiff_t rows, const ptrdiff_t *start, const ptrdiff_t *column,
                           int shift)
{
    memset(p->next, 0, p->blocks * sizeof(ptrdiff_t));
    for (ptrdiff_t i = 0; i < rows; i++) {
        /* One store per entry, as incrementing counters would wait for the previous store. */
        memset(p->last, 0, p->blocks * sizeof(ptrdiff_t));
        for (ptrdiff_t k = start[i]; k < start[i + 1]; k++) p->last[column[k] >> shift] = k + 1;
        ptrdiff_t at = start[i];
        for (ptrdiff_t b = 0; b < p->blocks; b++) {
            const ptrdiff_t last = p->last[b] > at ? p->last[b] : at;
            p->begin[b * (rows + 1) + i] = at;
            p->next[b] += last - at;
            at = last;
        }
        p->begin[p->blocks * (rows + 1) + i] = at;
    }
}

/* Copy the entries, sorted by blocks and within a block by rows. Afterwards, p->begin refers to the
 * copy, and p->next is where its blocks end. */
static void N(sort_pieces)(const N(block_plan) *p, ptrdiff_t rows, const ptrdiff_t *start, const ptrdiff_t *column,
                           const REAL *value)
{
    const ptrdiff_t entries = start[rows];
    ptrdiff_t at = 0;
    for (ptrdiff_t b = 0; b < p->blocks; b++) {
        const ptrdiff_t count = p->next[b];
        p->next[b] = at;
        at += count + PIECE; /* a copied piece may extend beyond the end */
        memset(p->column + at - PIECE, 0, PIECE * sizeof(ptrdiff_t));
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        ptrdiff_t *begin = p->begin + i;
        for (ptrdiff_t b = 0; b < p->blocks; b++, begin += rows + 1) {
            const ptrdiff_t from = begin[0], to = p->next[b], count = begin[rows + 1] - from;
            for (ptrdiff_t k = 0; k < count; k += PIECE) {
                if (from + k + PIECE <= entries) {
                    memcpy(p->column + to + k, column + from + k, PIECE * sizeof(ptrdiff_t));
                    memcpy(p->value + to + k, value + from + k, PIECE * sizeof(REAL));
                } else {
                    memcpy(p->column + to + k, column + from + k, (entries - from - k) * sizeof(ptrdiff_t));
                    memcpy(p->value + to + k, value + from + k, (entries - from - k) * sizeof(REAL));
                }
            }
            begin[0] = to;
            p->next[b] = to + count;
        }
    }
    for (ptrdiff_t b = 0; b < p->blocks; b++) p->begin[b * (rows + 1) + rows] = p->next[b];
}

/* c (rows, n) = bias + x @ b for rows x whose entries are in the order of their columns: one block
 * of 2 ** shift rows of b after the other, each of which stays in the cache, so that a row of b
 * is read from memory only once. Short pieces of rows are sorted by blocks first, as reading them
 * in place would wait for each. For many entries per column, each block is copied so that its rows
 * begin on cache lines. */
NN_NOINLINE void N(sum_blocks)(ptrdiff_t rows, const ptrdiff_t *start, const ptrdiff_t *column, const REAL *value,
                               ptrdiff_t columns, ptrdiff_t n, const REAL *b, const REAL *bias, REAL *c, int shift,
                               char *memory)
{
    const N(block_plan) p = N(plan_blocks)(rows, start[rows], columns, n, shift, memory);
    N(entry_args) t = {rows, p.begin, p.begin + rows + 1, 0, column, value, b, p.stride, c, n, bias, START_BIAS};
    N(find_pieces)(&p, rows, start, column, shift);
    if (p.sort) {
        N(sort_pieces)(&p, rows, start, column, value);
        t.end = p.begin + 1, t.row = p.column, t.value = p.value;
        t.readable = p.pack ? 0 : start[rows] + p.blocks * PIECE;
    }
    for (ptrdiff_t i = 0; i < p.blocks; i++) {
        const ptrdiff_t first = i << shift, block = (ptrdiff_t)1 << shift;
        if (p.pack) {
            N(copy_rows)(block < columns - first ? block : columns - first, n, b + first * n, n, p.packed, p.stride);
            t.b = p.packed - first * p.stride;
        }
        N(sum_entries)(&t, n);
        t.start = START_C;
        t.begin += rows + 1;
        t.end += rows + 1;
    }
}

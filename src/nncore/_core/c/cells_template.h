/* cells.h for one element type: REAL, and N(name) for names with its suffix.
 *
 * A cell has two functions of one row of n units:
 *
 *     forward   the gates, n numbers each, hold the sums of their inputs and get their values; h and
 *               c get the states after the step
 *     backward  the gates get the derivatives of these sums, from dh, that of h; dc, that of c,
 *               becomes that of c_before; what reaches h_before other than by the product with whh
 *               is added to dh_before
 *
 * `extra` (n) is the cell's own: forward stores there what backward reads. In a cell with a
 * recurrent bias it holds the last block of h_before @ whh + bn before forward, and its derivative
 * after backward. A pointer to an array that the cell does not have points to anything. Arrays do
 * not overlap, except that the gates of a cell with only one are h and, in backward, dh. */

/* sigmoid(x) = above(x, e) / (1 + e) with e = exp(-|x|), as in vmath.h. The gates of a cell share one
 * division, which takes longer than all else: their denominators are between 1 and 2. */
NN_VM REAL N(nn_above)(REAL x, REAL e) { return x >= 0 ? 1 : e; }

/* Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; gates i, f, g, o:
 * c = f c_before + i g, h = o tanh(c). */
NN_INLINE void N(lstm_forward)(ptrdiff_t n, REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before,
                               REAL *h, REAL *c)
{
    REAL *in = gates, *forget = in + n, *value = forget + n, *out = value + n;
    (void)h_before;
    NN_INDEPENDENT for (ptrdiff_t j = 0; j < n; j++) {
        const REAL ei = N(nn_decay)(in[j], 1), ef = N(nn_decay)(forget[j], 1), eo = N(nn_decay)(out[j], 1);
        const REAL both = (1 + ei) * (1 + ef), share = 1 / (both * (1 + eo)), rest = share * (1 + eo);
        const REAL i = N(nn_above)(in[j], ei) * (rest * (1 + ef)), f = N(nn_above)(forget[j], ef) * (rest * (1 + ei));
        const REAL o = N(nn_above)(out[j], eo) * (share * both), g = N(nn_tanh)(value[j]);
        const REAL state = N(nn_muladd)(f, c_before[j], i * g), t = N(nn_tanh)(state);
        in[j] = i, forget[j] = f, value[j] = g, out[j] = o;
        c[j] = state, extra[j] = t, h[j] = o * t;
    }
}

NN_INLINE void N(lstm_backward)(ptrdiff_t n, REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before,
                                const REAL *h, const REAL *dh, REAL *dc, REAL *dh_before)
{
    REAL *in = gates, *forget = in + n, *value = forget + n, *out = value + n;
    (void)h_before, (void)h, (void)dh_before;
    NN_INDEPENDENT for (ptrdiff_t j = 0; j < n; j++) {
        const REAL i = in[j], f = forget[j], g = value[j], o = out[j], t = extra[j];
        const REAL d = N(nn_muladd)(dh[j] * o, 1 - t * t, dc[j]);
        in[j] = d * g * i * (1 - i);
        forget[j] = d * c_before[j] * f * (1 - f);
        value[j] = d * i * (1 - g * g);
        out[j] = dh[j] * t * o * (1 - o);
        dc[j] = d * f;
    }
}

/* Cho et al. 2014, with the reset after the product, as cuDNN has it; gates r, z, n:
 * n = tanh(its sum + r extra), h = (1 - z) n + z h_before. */
NN_INLINE void N(gru_forward)(ptrdiff_t n, REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before,
                              REAL *h, REAL *c)
{
    REAL *reset = gates, *keep = reset + n, *value = keep + n;
    (void)c_before, (void)c;
    NN_INDEPENDENT for (ptrdiff_t j = 0; j < n; j++) {
        const REAL er = N(nn_decay)(reset[j], 1), ez = N(nn_decay)(keep[j], 1), share = 1 / ((1 + er) * (1 + ez));
        const REAL r = N(nn_above)(reset[j], er) * (share * (1 + ez)), z = N(nn_above)(keep[j], ez) * (share * (1 + er));
        const REAL v = N(nn_tanh)(N(nn_muladd)(r, extra[j], value[j]));
        reset[j] = r, keep[j] = z, value[j] = v;
        h[j] = N(nn_muladd)(z, h_before[j], (1 - z) * v);
    }
}

NN_INLINE void N(gru_backward)(ptrdiff_t n, REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before,
                               const REAL *h, const REAL *dh, REAL *dc, REAL *dh_before)
{
    REAL *reset = gates, *keep = reset + n, *value = keep + n;
    (void)c_before, (void)h, (void)dc;
    NN_INDEPENDENT for (ptrdiff_t j = 0; j < n; j++) {
        const REAL r = reset[j], z = keep[j], v = value[j], d = dh[j];
        const REAL dv = d * (1 - z) * (1 - v * v);
        keep[j] = d * (h_before[j] - v) * z * (1 - z);
        reset[j] = dv * extra[j] * r * (1 - r);
        value[j] = dv;
        extra[j] = dv * r;
        dh_before[j] = N(nn_muladd)(d, z, dh_before[j]);
    }
}

/* Elman 1990: h = tanh(its sum). */
NN_INLINE void N(tanh_forward)(ptrdiff_t n, REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before,
                               REAL *h, REAL *c)
{
    (void)extra, (void)h_before, (void)c_before, (void)c;
    NN_INDEPENDENT for (ptrdiff_t j = 0; j < n; j++) h[j] = N(nn_tanh)(gates[j]);
}

NN_INLINE void N(tanh_backward)(ptrdiff_t n, REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before,
                                const REAL *h, const REAL *dh, REAL *dc, REAL *dh_before)
{
    (void)extra, (void)h_before, (void)c_before, (void)dc, (void)dh_before;
    NN_INDEPENDENT for (ptrdiff_t j = 0; j < n; j++) gates[j] = dh[j] * N(nn_tanh_slope)(h[j]);
}

/* --- rows that are `row` numbers apart ---------------------------------------------------------- */

/* A function for each cell, so that the calls of a small one do not save what a large one needs.
 * Rows of a single gate are rows of h, whose padding is 0 and stays 0: one long row. */
#define ROWS(CODE, name)                                                                                        \
    NN_NOINLINE void N(name##_forward_rows)(ptrdiff_t rows, ptrdiff_t n, ptrdiff_t row, ptrdiff_t gates_row,    \
                                            REAL *gates, REAL *extra, const REAL *h_before,                     \
                                            const REAL *c_before, REAL *h, REAL *c)                             \
    {                                                                                                           \
        if (CELL_GATES[CODE] == 1) n = rows * row, rows = 1;                                                    \
        for (ptrdiff_t r = 0; r < rows; r++)                                                                    \
            N(name##_forward)(n, gates + r * gates_row, extra + r * row, h_before + r * row,                    \
                              c_before + r * row, h + r * row, c + r * row);                                    \
    }                                                                                                           \
    NN_NOINLINE void N(name##_backward_rows)(ptrdiff_t rows, ptrdiff_t n, ptrdiff_t row, ptrdiff_t gates_row,   \
                                             REAL *gates, REAL *extra, const REAL *h_before,                    \
                                             const REAL *c_before, const REAL *h, const REAL *dh, REAL *dc,     \
                                             REAL *dh_before)                                                   \
    {                                                                                                           \
        if (CELL_GATES[CODE] == 1) n = rows * row, rows = 1;                                                    \
        for (ptrdiff_t r = 0; r < rows; r++)                                                                    \
            N(name##_backward)(n, gates + r * gates_row, extra + r * row, h_before + r * row,                   \
                               c_before + r * row, h + r * row, dh + r * row, dc + r * row,                     \
                               dh_before + r * row);                                                            \
    }
EACH_CELL(ROWS)
#undef ROWS

NN_INLINE void N(cell_forward)(Cell cell, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t row, ptrdiff_t gates_row,
                               REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before, REAL *h, REAL *c)
{
#define CASE(CODE, name) \
    if (cell == CODE) N(name##_forward_rows)(rows, n, row, gates_row, gates, extra, h_before, c_before, h, c);
    EACH_CELL(CASE)
#undef CASE
}

NN_INLINE void N(cell_backward)(Cell cell, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t row, ptrdiff_t gates_row,
                                REAL *gates, REAL *extra, const REAL *h_before, const REAL *c_before, const REAL *h,
                                const REAL *dh, REAL *dc, REAL *dh_before)
{
#define CASE(CODE, name)                                                                                            \
    if (cell == CODE)                                                                                               \
        N(name##_backward_rows)(rows, n, row, gates_row, gates, extra, h_before, c_before, h, dh, dc, dh_before);
    EACH_CELL(CASE)
#undef CASE
}

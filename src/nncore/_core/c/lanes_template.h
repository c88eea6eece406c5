/* lanes.h for one element type: REAL, and N(name) for names with its suffix. */

/* Loops over the lanes of a number, in parts of at most four vectors, which stay in registers. The
 * number of lanes is a constant wherever these are expanded. */
#define PART (lanes / N(LANES) < 4 ? lanes / N(LANES) : 4)
#define EACH_PART for (int l = 0; l < lanes; l += PART * N(LANES))
#define EACH_VECTOR for (int v = 0; v < PART; v++)
#define AT(p) ((p) + l + v * N(LANES))

/* Two versions of a function whose first argument is the number of lanes. */
#define BOTH(name, parameters, arguments)                                             \
    NN_NOINLINE void N(name)parameters                                                \
    {                                                                                 \
        if (lanes == MANY_LANES) {                                                    \
            enum { lanes = MANY_LANES };                                              \
            N(name##_of)arguments;                                                    \
        } else {                                                                      \
            enum { lanes = FEW_LANES };                                               \
            N(name##_of)arguments;                                                    \
        }                                                                             \
    }

/* One number of x for each lane: x[i], or the lanes of number i. */
NN_INLINE N(vec) N(lanes_x)(const REAL *x, ptrdiff_t i, int shared, int lanes, int at)
{
    return shared ? N(splat)(x[i]) : N(load)(x + i * lanes + at);
}

/* into (width, lanes) = row at[l] of x (.., width) for each lane l */
NN_INLINE void N(lanes_take_of)(int lanes, ptrdiff_t width, const REAL *x, const ptrdiff_t *at, REAL *into)
{
    ptrdiff_t start[MANY_LANES];
    for (int l = 0; l < lanes; l++) start[l] = at[l] * width;
    for (ptrdiff_t j = 0; j < width; j++, x++, into += lanes)
        NN_INDEPENDENT for (int l = 0; l < lanes; l++) into[l] = x[start[l]];
}
BOTH(lanes_take, (int lanes, ptrdiff_t width, const REAL *x, const ptrdiff_t *at, REAL *into),
     (lanes, width, x, at, into))

/* x (inputs, lanes) and y (outputs, lanes) = row order[l * apart] of packed rows for each lane l. A packed row has
 * x, y, and room up to a multiple of four numbers. */
NN_INLINE void N(lanes_take_packed_of)(int lanes, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *rows, ptrdiff_t row,
                                       const uint32_t *order, ptrdiff_t apart, REAL *x, REAL *y)
{
    REAL spare[MANY_LANES];
    for (ptrdiff_t j = 0; j < inputs + outputs; j += 4, rows += 4) {
        REAL *into[4];
        for (int k = 0; k < 4; k++) {
            const ptrdiff_t at = j + k;
            into[k] = at < inputs ? x + at * lanes : at < inputs + outputs ? y + (at - inputs) * lanes : spare;
        }
        for (int l = 0; l < lanes; l += 4) {
            const uint32_t *four = order + l * apart;
            N(transpose_four)(rows + four[0] * row, rows + four[apart] * row, rows + four[2 * apart] * row,
                              rows + four[3 * apart] * row, into[0] + l, into[1] + l, into[2] + l, into[3] + l);
        }
    }
}
BOTH(lanes_take_packed,
     (int lanes, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *rows, ptrdiff_t row, const uint32_t *order,
      ptrdiff_t apart, REAL *x, REAL *y),
     (lanes, inputs, outputs, rows, row, order, apart, x, y))

/* z (rows, outputs, lanes) = x (rows, inputs[, lanes]) @ w (inputs, outputs, lanes) + b */
NN_INLINE void N(lanes_forward_of)(int lanes, ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *x,
                                   int shared, const REAL *w, const REAL *b, REAL *z)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += shared ? inputs : inputs * lanes, z += outputs * lanes)
        for (ptrdiff_t o = 0; o < outputs; o++) {
            EACH_PART {
                N(vec) sum[4];
                EACH_VECTOR sum[v] = N(load)(AT(b + o * lanes));
                for (ptrdiff_t i = 0; i < inputs; i++)
                    EACH_VECTOR sum[v] = N(muladd)(N(lanes_x)(x, i, shared, lanes, l + v * N(LANES)),
                                                   N(load)(AT(w + (i * outputs + o) * lanes)), sum[v]);
                EACH_VECTOR N(store)(AT(z + o * lanes), sum[v]);
            }
        }
}
BOTH(lanes_forward,
     (int lanes, ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *x, int shared, const REAL *w,
      const REAL *b, REAL *z),
     (lanes, rows, inputs, outputs, x, shared, w, b, z))

/* dw (inputs, outputs, lanes) = x.T @ d, db (outputs, lanes) = the sums of the rows of d */
NN_INLINE void N(lanes_weights_of)(int lanes, ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *x,
                                   int shared, const REAL *d, REAL *dw, REAL *db)
{
    const ptrdiff_t x_row = inputs, d_row = outputs * lanes;
    for (ptrdiff_t o = 0; o < outputs; o++, d += lanes) {
        EACH_PART {
            N(vec) sum[4];
            EACH_VECTOR sum[v] = N(splat)(0);
            for (ptrdiff_t r = 0; r < rows; r++)
                EACH_VECTOR sum[v] = sum[v] + N(load)(AT(d + r * d_row));
            EACH_VECTOR N(store)(AT(db + o * lanes), sum[v]);
        }
        for (ptrdiff_t i = 0; i < inputs; i++)
            EACH_PART {
                N(vec) sum[4];
                EACH_VECTOR sum[v] = N(splat)(0);
                for (ptrdiff_t r = 0; r < rows; r++)
                    EACH_VECTOR sum[v] = N(muladd)(N(lanes_x)(x, r * x_row + i, shared, lanes, l + v * N(LANES)),
                                                   N(load)(AT(d + r * d_row)), sum[v]);
                EACH_VECTOR N(store)(AT(dw + (i * outputs + o) * lanes), sum[v]);
            }
    }
}
BOTH(lanes_weights,
     (int lanes, ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *x, int shared, const REAL *d,
      REAL *dw, REAL *db),
     (lanes, rows, inputs, outputs, x, shared, d, dw, db))

/* d_before (rows, inputs, lanes) = d @ w.T */
NN_INLINE void N(lanes_inputs_of)(int lanes, ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *d,
                                  const REAL *w, REAL *d_before)
{
    for (ptrdiff_t r = 0; r < rows; r++, d += outputs * lanes, d_before += inputs * lanes)
        for (ptrdiff_t i = 0; i < inputs; i++)
            EACH_PART {
                N(vec) sum[4];
                EACH_VECTOR sum[v] = N(splat)(0);
                for (ptrdiff_t o = 0; o < outputs; o++)
                    EACH_VECTOR sum[v] = N(muladd)(N(load)(AT(d + o * lanes)),
                                                   N(load)(AT(w + (i * outputs + o) * lanes)), sum[v]);
                EACH_VECTOR N(store)(AT(d_before + i * lanes), sum[v]);
            }
}
BOTH(lanes_inputs,
     (int lanes, ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, const REAL *d, const REAL *w, REAL *d_before),
     (lanes, rows, inputs, outputs, d, w, d_before))

/* sums (lanes,) = the first `terms` of 16 partial sums (16, lanes), folded by the tree of simd.h; the others are 0. */
NN_INLINE void N(lanes_fold)(int lanes, int terms, REAL *sums)
{
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width && i + width < terms; i++)
            for (int l = 0; l < lanes; l++) sums[i * lanes + l] += sums[(i + width) * lanes + l];
}

/* As online.pxd: w -= rate x.T @ d, b -= rate d, for one row; d_before = d @ w.T with the old w,
 * unless it is NULL. */
NN_INLINE void N(lanes_online_of)(int lanes, ptrdiff_t inputs, ptrdiff_t outputs, int few, const REAL *x, int shared,
                                  const REAL *d, const REAL *rate, REAL *w, REAL *b, REAL *d_before)
{
    REAL sums[16 * MANY_LANES];
    for (ptrdiff_t i = 0; i < inputs; i++, w += outputs * lanes) {
        if (d_before && outputs > few) { /* the order of row_dot */
            const int terms = outputs < 16 ? (int)outputs : 16;
            for (int l = 0; l < terms * lanes; l++) sums[l] = 0;
            for (ptrdiff_t o = 0; o < outputs; o++)
                for (int l = 0; l < lanes; l++)
                    sums[o % 16 * lanes + l] += d[o * lanes + l] * w[o * lanes + l];
            N(lanes_fold)(lanes, terms, sums);
            for (int l = 0; l < lanes; l++) d_before[i * lanes + l] = sums[l];
        }
        const int whole = d_before && outputs <= few;
        EACH_PART {
            N(vec) step[4], sum[4];
            EACH_VECTOR step[v] = -N(load)(AT(rate)) * N(lanes_x)(x, i, shared, lanes, l + v * N(LANES));
            EACH_VECTOR sum[v] = N(splat)(0);
            for (ptrdiff_t o = 0; o < outputs; o++)
                EACH_VECTOR {
                    const N(vec) slope = N(load)(AT(d + o * lanes)), weight = N(load)(AT(w + o * lanes));
                    sum[v] = N(muladd)(slope, weight, sum[v]);
                    N(store)(AT(w + o * lanes), N(muladd)(step[v], slope, weight));
                }
            if (whole) EACH_VECTOR N(store)(AT(d_before + i * lanes), sum[v]);
        }
    }
    for (ptrdiff_t o = 0; o < outputs; o++)
        for (int l = 0; l < lanes; l++) b[o * lanes + l] -= rate[l] * d[o * lanes + l];
}
BOTH(lanes_online,
     (int lanes, ptrdiff_t inputs, ptrdiff_t outputs, int few, const REAL *x, int shared, const REAL *d,
      const REAL *rate, REAL *w, REAL *b, REAL *d_before),
     (lanes, inputs, outputs, few, x, shared, d, rate, w, b, d_before))

/* --- losses ------------------------------------------------------------------------------------ */

/* The losses of n pairs summed for each lane; dp = the slopes times scale. */
NN_INLINE void N(lanes_loss_for)(int lanes, Loss loss, ptrdiff_t n, const REAL *p, const REAL *t, int shared,
                                 int scaled, REAL scale, REAL *dp, double *total)
{
    double sums[16 * MANY_LANES];
    const int terms = n < 16 ? 1 : 16;
    for (int l = 0; l < terms * lanes; l++) sums[l] = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        double *sum = sums + (n < 16 ? 0 : i % 16) * lanes;
        const REAL *of = p + i * lanes;
        REAL target[MANY_LANES], *slope = dp + i * lanes;
        for (int l = 0; l < lanes; l++) target[l] = shared ? t[i] : t[i * lanes + l];
        for (int l = 0; l < lanes; l++) sum[l] += N(nn_loss)(loss, of[l], target[l]);
        for (int l = 0; l < lanes; l++) slope[l] = N(nn_loss_slope)(loss, of[l], target[l]);
        if (scaled)
            for (int l = 0; l < lanes; l++) slope[l] *= scale;
    }
    lanes_total(lanes, terms, sums, total);
}

NN_INLINE void N(lanes_loss_of)(int lanes, Loss loss, ptrdiff_t n, const REAL *p, const REAL *t, int shared,
                                int scaled, REAL scale, REAL *dp, double *total)
{
#define CASE(CODE, name) \
    if (loss == CODE) N(lanes_loss_for)(lanes, CODE, n, p, t, shared, scaled, scale, dp, total);
    EACH_LOSS(CASE)
#undef CASE
}
BOTH(lanes_loss,
     (int lanes, Loss loss, ptrdiff_t n, const REAL *p, const REAL *t, int shared, int scaled, REAL scale, REAL *dp,
      double *total),
     (lanes, loss, n, p, t, shared, scaled, scale, dp, total))

/* As softmax_cross_entropy_block in losses.pxd, for a row of n logits in each lane; label (lanes,). */
NN_INLINE void N(lanes_cross_entropy_of)(int lanes, ptrdiff_t n, const REAL *z, REAL *dz, const ptrdiff_t *label,
                                         REAL scale, double *loss)
{
    REAL sums[16 * MANY_LANES], top[MANY_LANES];
    double chosen[MANY_LANES];
    const int terms = n < 16 ? (int)n : 16;
    for (int l = 0; l < lanes; l++) top[l] = z[l];
    for (ptrdiff_t j = 1; j < n; j++)
        for (int l = 0; l < lanes; l++) top[l] = z[j * lanes + l] > top[l] ? z[j * lanes + l] : top[l];
    for (int l = 0; l < lanes; l++) chosen[l] = (double)z[label[l] * lanes + l] - (double)top[l];
    for (int l = 0; l < terms * lanes; l++) sums[l] = 0;
    for (ptrdiff_t j = 0; j < n; j++)
        for (int l = 0; l < lanes; l++) {
            const REAL e = N(nn_exp)(z[j * lanes + l] - top[l]);
            dz[j * lanes + l] = e;
            sums[j % 16 * lanes + l] += e;
        }
    N(lanes_fold)(lanes, terms, sums);
    for (int l = 0; l < lanes; l++) loss[l] = nn_log_f64((double)sums[l]) - chosen[l];
    for (int l = 0; l < lanes; l++) top[l] = scale / sums[l];
    for (ptrdiff_t j = 0; j < n; j++)
        for (int l = 0; l < lanes; l++) dz[j * lanes + l] *= top[l];
    for (int l = 0; l < lanes; l++) dz[label[l] * lanes + l] -= scale;
}
BOTH(lanes_cross_entropy,
     (int lanes, ptrdiff_t n, const REAL *z, REAL *dz, const ptrdiff_t *label, REAL scale, double *loss),
     (lanes, n, z, dz, label, scale, loss))

/* --- penalties and norms ------------------------------------------------------------------------ */

/* sums (16, lanes) += the squares of n numbers, in the order of sum_of_squares in real.pxd. */
NN_INLINE void N(lanes_squares_of)(int lanes, ptrdiff_t n, const REAL *x, double *sums)
{
    for (ptrdiff_t j = 0; j < n; j++)
        for (int l = 0; l < lanes; l++)
            sums[j % 16 * lanes + l] += (double)x[j * lanes + l] * (double)x[j * lanes + l];
}
BOTH(lanes_squares, (int lanes, ptrdiff_t n, const REAL *x, double *sums), (lanes, n, x, sums))

/* total += |w|, one number after the other. */
NN_INLINE void N(lanes_sizes_of)(int lanes, ptrdiff_t n, const REAL *w, double *total)
{
    for (ptrdiff_t j = 0; j < n; j++)
        for (int l = 0; l < lanes; l++) total[l] += fabs((double)w[j * lanes + l]);
}
BOTH(lanes_sizes, (int lanes, ptrdiff_t n, const REAL *w, double *total), (lanes, n, w, total))

/* g += the gradient of l1 |w| + square w^2 / 2, where these are not 0. */
NN_INLINE void N(lanes_penalty_of)(int lanes, ptrdiff_t n, const REAL *w, const REAL *square, const REAL *l1, REAL *g)
{
    for (ptrdiff_t j = 0; j < n; j++, w += lanes, g += lanes)
        for (int l = 0; l < lanes; l++) {
            const REAL x = w[l], by = l1[l], with = square[l] > 0 ? g[l] + square[l] * x : g[l];
            g[l] = by > 0 ? with + (x > 0 ? by : x < 0 ? -by : by * x) : with;
        }
}
BOTH(lanes_penalty, (int lanes, ptrdiff_t n, const REAL *w, const REAL *square, const REAL *l1, REAL *g),
     (lanes, n, w, square, l1, g))

/* x *= factor, for each lane its own. */
NN_INLINE void N(lanes_scale_of)(int lanes, ptrdiff_t n, const REAL *factor, REAL *x)
{
    for (ptrdiff_t j = 0; j < n; j++)
        for (int l = 0; l < lanes; l++) x[j * lanes + l] *= factor[l];
}
BOTH(lanes_scale, (int lanes, ptrdiff_t n, const REAL *factor, REAL *x), (lanes, n, factor, x))

#undef PART
#undef EACH_PART
#undef EACH_VECTOR
#undef AT
#undef BOTH

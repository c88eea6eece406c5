/* narrow.h for one element type: REAL, with N(name) its suffixed names. */

NN_INLINE N(narrow) N(narrow_load)(const REAL *p) { N(narrow) v; memcpy(&v, p, sizeof v); return v; }
NN_INLINE void N(narrow_store)(REAL *p, N(narrow) v) { memcpy(p, &v, sizeof v); }

/* Copy rows of n numbers to rows of one vector each, with 0 in the other lanes. */
NN_INLINE void N(pad_rows)(ptrdiff_t rows, ptrdiff_t n, const REAL *a, REAL *out)
{
    for (; rows > 0; rows--, a += n, out += N(NARROW)) N(narrow_store)(out, N(narrow_load_n)(a, (int)n));
}

/* start + x[0] rows[0] + x[1] rows[1] + ...: k rows of one vector each, and numbers x_step apart. */
NN_INLINE N(narrow) N(narrow_sum)(ptrdiff_t k, const REAL *x, ptrdiff_t x_step, const REAL *rows, N(narrow) start)
{
    for (; k > 0; k--, x += x_step, rows += N(NARROW))
        start = N(narrow_muladd)(N(narrow_splat)(*x), N(narrow_load)(rows), start);
    return start;
}

/* out = x[0] rows[0] + ... */
NN_INLINE void N(sum_of_rows)(ptrdiff_t k, const REAL *x, ptrdiff_t x_step, const REAL *rows, REAL *out)
{
    N(narrow_store)(out, N(narrow_sum)(k, x, x_step, rows, N(narrow_splat)(0)));
}

/* Copy rows of one vector each to rows of n numbers. */
NN_INLINE void N(trim_rows)(ptrdiff_t rows, ptrdiff_t n, const REAL *a, REAL *out)
{
    for (; rows > 0; rows--, a += N(NARROW), out += n) N(narrow_store_n)(out, (int)n, N(narrow_load)(a));
}

/* rows[p] += x[p] v: k rows of one vector each. */
NN_INLINE void N(add_to_rows)(ptrdiff_t k, const REAL *x, const REAL *v, REAL *rows)
{
    const N(narrow) all = N(narrow_load)(v);
    for (; k > 0; k--, x++, rows += N(NARROW))
        N(narrow_store)(rows, N(narrow_muladd)(N(narrow_splat)(*x), all, N(narrow_load)(rows)));
}

/* A loop over the lanes of one vector, which the compiler should vectorise as a whole. */
#define EACH_LANE(STATEMENT) NN_WHOLE for (int j = 0; j < N(NARROW); j++) STATEMENT

/* a = f(x @ w + b); b is the row after the rows of w. */
NN_INLINE void N(forward_row)(Activation f, ptrdiff_t inputs, const REAL *x, const REAL *w, REAL *a)
{
    REAL z[N(NARROW)]; /* a register: a store and a load would take longer */
    N(narrow_store)(z, N(narrow_sum)(inputs, x, 1, w, N(narrow_load)(w + inputs * N(NARROW))));
#define CASE(CODE, name) if (f == CODE) EACH_LANE(z[j] = N(nn_##name)(z[j]);) else
    EACH_ACTIVATION(CASE) {}
#undef CASE
    N(narrow_store)(a, N(narrow_load)(z));
}

/* d = d f'(a) */
NN_INLINE void N(slope_row)(Activation f, const REAL *a, REAL *d)
{
#define CASE(CODE, name) if (f == CODE) EACH_LANE(d[j] *= N(nn_##name##_slope)(a[j]);) else
    EACH_ACTIVATION(CASE) {}
#undef CASE
}

/* d = scale times the derivative of the loss of f's output p, in the first n lanes; 0 in the others */
NN_INLINE void N(loss_row)(Loss loss, Activation f, const REAL *p, const REAL *t, REAL scale, int n, REAL *d)
{
    REAL z[N(NARROW)];
    EACH_LANE(z[j] = N(nn_loss_slope)(loss, p[j], t[j]) * (j < n ? scale : 0);)
    N(slope_row)(f, p, z);
    N(narrow_store)(d, N(narrow_load)(z));
}

/* The losses of rows of n pairs, summed; d = the gradient of their mean, scale being 1 / rows. */
NN_INLINE double N(loss_of_rows)(Loss loss, Activation f, ptrdiff_t rows, int n, const REAL *p, const REAL *t,
                                 REAL scale, REAL *d)
{
    double total = 0;
    for (; rows > 0; rows--, p += N(NARROW), t += N(NARROW), d += N(NARROW)) {
        N(loss_row)(loss, f, p, t, scale, n, d);
        for (int j = 0; j < n; j++) total += N(nn_loss)(loss, p[j], t[j]);
    }
    return total;
}

/* The same with a constant for each loss, as in formulas_template.h. */
NN_INLINE double N(loss_rows)(Loss loss, Activation f, ptrdiff_t rows, int n, const REAL *p, const REAL *t, REAL scale,
                              REAL *d)
{
#define CASE(CODE, name) \
    if (loss == CODE) return N(loss_of_rows)(CODE, f, rows, n, p, t, scale, d);
    EACH_LOSS(CASE)
#undef CASE
    return 0;
}

/* d_before = d @ w.T f'(a); columns of w are the rows of `transposed`. */
NN_INLINE void N(backward_row)(Activation f, ptrdiff_t outputs, const REAL *d, const REAL *transposed, const REAL *a,
                               REAL *d_before)
{
    REAL z[N(NARROW)];
    N(narrow_store)(z, N(narrow_sum)(outputs, d, 1, transposed, N(narrow_splat)(0)));
    N(slope_row)(f, a, z);
    N(narrow_store)(d_before, N(narrow_load)(z));
}

/* out = x v */
NN_INLINE void N(scaled_row)(REAL x, const REAL *v, REAL *out) { EACH_LANE(out[j] = x * v[j];) }

/* out -= x v */
NN_INLINE void N(take_from_row)(REAL x, const REAL *v, REAL *out) { EACH_LANE(out[j] -= x * v[j];) }
#undef EACH_LANE

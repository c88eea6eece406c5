/* formulas.h for one element type: REAL, its EPSILON, and N(name) for names with its suffix. */

/* --- activations ------------------------------------------------------------------------------ */

NN_VM REAL N(nn_relu)(REAL z) { return z < 0 ? 0 : z; } /* NaN stays NaN */
NN_VM REAL N(nn_leaky_relu)(REAL z) { return z < 0 ? (REAL)0.01 * z : z; }

NN_VM REAL N(nn_sigmoid_slope)(REAL y) { return y * (1 - y); }
NN_VM REAL N(nn_tanh_slope)(REAL y) { return 1 - y * y; }
NN_VM REAL N(nn_relu_slope)(REAL y) { return y > 0 ? 1 : 0; }
NN_VM REAL N(nn_leaky_relu_slope)(REAL y) { return y > 0 ? 1 : (REAL)0.01; }

/* exp(z) - 1 without the rounding of exp(z) near 1; for z <= 0. */
NN_VM REAL N(nn_expm1)(REAL z)
{
    const REAL t = N(nn_tanh)((REAL)0.5 * z);
    return z > -EPSILON ? z : 2 * t / (1 - t);
}

NN_VM REAL N(nn_elu)(REAL z) { return z < 0 ? N(nn_expm1)(z < 0 ? z : 0) : z; }
NN_VM REAL N(nn_elu_slope)(REAL y) { return y > 0 ? 1 : y + 1; }

/* Klambauer et al. (2017): constants that keep mean 0 and variance 1 from layer to layer. */
#define SELU_SCALE ((REAL)1.0507009873554804934)
#define SELU_ALPHA ((REAL)1.6732632423543772848)
NN_VM REAL N(nn_selu)(REAL z) { return SELU_SCALE * (z < 0 ? SELU_ALPHA * N(nn_expm1)(z < 0 ? z : 0) : z); }
NN_VM REAL N(nn_selu_slope)(REAL y) { return y > 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA; }
#undef SELU_SCALE
#undef SELU_ALPHA

/* ln(1 + x), 0 <= x <= 1: the logarithm of the rounded sum, corrected for what it has lost. */
NN_VM REAL N(nn_log1p)(REAL x)
{
    const REAL sum = 1 + x, got = sum - 1;
    return got == 0 ? x : N(nn_log)(sum) * (x / got);
}

NN_VM REAL N(nn_softplus)(REAL z)
{
    const REAL size = z < 0 ? -z : z;
    return (z < 0 ? 0 : z) + N(nn_log1p)(N(nn_exp)(-size));
}
NN_VM REAL N(nn_softplus_slope)(REAL y)
{
    const REAL inside = -N(nn_expm1)(-(y < 0 ? 0 : y));
    const REAL outside = 1 - N(nn_exp)(-y); /* softplus has no negative outputs */
    return y < -EPSILON ? outside : y < 0 ? y : inside;
}

NN_VM REAL N(nn_hard_sigmoid)(REAL z)
{
    const REAL y = z * (REAL)(1 / 6.0) + (REAL)0.5;
    return y < 0 ? 0 : y > 1 ? 1 : y; /* NaN stays NaN */
}
NN_VM REAL N(nn_hard_sigmoid_slope)(REAL y) { return y > 0 && y < 1 ? (REAL)(1 / 6.0) : 0; }

/* z sigmoid(z) as z / (1 + e) or z e / (1 + e), with e = exp(-|z|). */
NN_VM REAL N(nn_silu)(REAL z)
{
    const REAL low = z < -760 ? -760 : z; /* where it is 0 */
    return (z < 0 ? N(nn_decay)(z, low) : z) / (1 + N(nn_decay)(z, 1));
}
/* s (1 + z (1 - s)) with s = sigmoid(z); for z > 0, 1 minus the slope at -z. */
NN_VM REAL N(nn_silu_slope)(REAL z)
{
    const REAL size = z < 0 ? -z : z, whole = 1 + N(nn_decay)(z, 1);
    const REAL low = N(nn_decay)(z, whole - (size > 760 ? 760 : size)) / (whole * whole);
    return z < 0 ? low : 1 - low;
}

/* z Phi(z) = max(z, 0) - t (1 - Phi(t)) with t = |z|, without cancellation. */
NN_VM REAL N(nn_gelu)(REAL z)
{
    const REAL t = N(nn_tail_size)(z);
    return (z < 0 ? (REAL)-0.0 : z) - t * N(nn_scaled_tail)(t) * N(nn_bell)(t);
}
/* Phi(z) + z phi(z); for z > 0, 1 minus the slope at -z. */
NN_VM REAL N(nn_gelu_slope)(REAL z)
{
    const REAL t = N(nn_tail_size)(z), density = (REAL)0.39894228040143267794; /* 1 / sqrt(2 pi) */
    const REAL low = N(nn_muladd)(-density, t, N(nn_scaled_tail)(t)) * N(nn_bell)(t);
    return z < 0 ? low : 1 - low;
}

/* --- losses ----------------------------------------------------------------------------------- */

/* p clipped to [epsilon, 1 - epsilon], so that logs and quotients are finite. */
NN_VM REAL N(nn_probability)(REAL p)
{
    p = p < EPSILON ? EPSILON : p;
    return p > 1 - EPSILON ? 1 - EPSILON : p;
}

NN_VM double N(nn_squared_error)(REAL p, REAL t) { const double d = p - t; return d * d; }
NN_VM REAL N(nn_squared_error_slope)(REAL p, REAL t) { return 2 * (p - t); }

NN_VM double N(nn_half_squared_error)(REAL p, REAL t) { const double d = p - t; return 0.5 * d * d; }
NN_VM REAL N(nn_half_squared_error_slope)(REAL p, REAL t) { return p - t; }

NN_VM double N(nn_absolute_error)(REAL p, REAL t) { return fabs((double)(p - t)); }
NN_VM REAL N(nn_absolute_error_slope)(REAL p, REAL t)
{
    const REAL d = p - t;
    return d > 0 ? 1 : d < 0 ? -1 : d; /* 0 and NaN as they are */
}

/* d^2/2 where |d| <= 1, |d| - 1/2 beyond (Huber 1964, delta = 1) */
NN_VM double N(nn_huber)(REAL p, REAL t)
{
    const double d = p - t;
    return fabs(d) > 1 ? fabs(d) - 0.5 : 0.5 * d * d;
}
NN_VM REAL N(nn_huber_slope)(REAL p, REAL t)
{
    const REAL d = p - t;
    return d > 1 ? 1 : d < -1 ? -1 : d;
}

NN_VM double N(nn_binary_cross_entropy)(REAL p, REAL t)
{
    const double q = N(nn_probability)(p);
    return -((double)t * nn_log_f64(q) + (1.0 - (double)t) * nn_log_f64(1.0 - q));
}
NN_VM REAL N(nn_binary_cross_entropy_slope)(REAL p, REAL t)
{
    const REAL q = N(nn_probability)(p);
    return (q - t) / (q * (1 - q));
}

/* Binary cross-entropy of sigmoid(p), from the logits p. */
NN_VM double N(nn_sigmoid_cross_entropy)(REAL p, REAL t)
{
    const double z = p;
    return (z < 0 ? 0.0 : z) - z * (double)t + nn_softplus_minus(fabs(z));
}
NN_VM REAL N(nn_sigmoid_cross_entropy_slope)(REAL p, REAL t) { return N(nn_sigmoid)(p) - t; }

/* Half the Poisson deviance of the mean exp(p), from its log p. */
NN_VM double N(nn_half_poisson_deviance)(REAL p, REAL t)
{
    const double z = p, q = t;
    return nn_exp_f64(z) - q * z + ((q == 0 ? 0.0 : q * nn_log_f64(q)) - q);
}
NN_VM REAL N(nn_half_poisson_deviance_slope)(REAL p, REAL t) { return N(nn_exp)(p) - t; }

/* ln cosh d = |d| + ln(1 + exp(-2 |d|)) - ln 2; near 0, d^2/2 - d^4/12 + ..., where that loses digits. */
NN_VM double N(nn_log_cosh)(REAL p, REAL t)
{
    const double d = (double)(p - t), size = fabs(d), square = d * d;
    const double far = size + nn_log1p_f64(nn_exp_f64(-2 * size)) - 0.6931471805599453094;
    const double near = square * (0.5 - square * (1 / 12.0 - square * (1 / 45.0 - square * (17 / 2520.0))));
    return size < 0.02 ? near : far;
}
NN_VM REAL N(nn_log_cosh_slope)(REAL p, REAL t) { return N(nn_tanh)(p - t); }

/* max(0, 1 - t p); the slope at the kink is 0. */
NN_VM double N(nn_hinge)(REAL p, REAL t)
{
    const double margin = 1 - (double)t * (double)p;
    return margin < 0 ? 0 : margin; /* NaN stays NaN */
}
NN_VM REAL N(nn_hinge_slope)(REAL p, REAL t)
{
    const REAL product = t * p;
    return product < 1 ? -t : product >= 1 ? 0 : product;
}

/* max(0, 1 - t p)^2 */
NN_VM double N(nn_squared_hinge)(REAL p, REAL t)
{
    const double margin = 1 - (double)t * (double)p;
    return margin < 0 ? 0 : margin * margin;
}
NN_VM REAL N(nn_squared_hinge_slope)(REAL p, REAL t)
{
    const REAL margin = 1 - t * p;
    return -2 * t * (margin < 0 ? 0 : margin);
}

/* t ln(t / p), 0 for t = 0; p is at least epsilon. */
NN_VM double N(nn_kl_divergence)(REAL p, REAL t)
{
    const double q = p < EPSILON ? EPSILON : p, wide = t;
    return wide == 0 ? 0 : wide * (nn_log_f64(wide) - nn_log_f64(q));
}
NN_VM REAL N(nn_kl_divergence_slope)(REAL p, REAL t) { return -t / (p < EPSILON ? EPSILON : p); }

/* Lin et al. (2017), gamma = 2, from the logits p: binary cross-entropy times (1 - probability of t)^2.
 * With q = sigmoid(p): t q'^2 s(-p) + (1 - t) q^2 s(p), q' = 1 - q, s = softplus. */
NN_VM double N(nn_focal)(REAL p, REAL t)
{
    const double z = p, wide = t, q = nn_sigmoid_f64(z), other = nn_sigmoid_f64(-z);
    const double low = nn_softplus_f64(-z), high = nn_softplus_f64(z);
    return wide * (other * other * low) + (1 - wide) * (q * q * high);
}
NN_VM REAL N(nn_focal_slope)(REAL p, REAL t)
{
    const REAL q = N(nn_sigmoid)(p), other = N(nn_sigmoid)(-p);
    const REAL low = N(nn_softplus)(-p), high = N(nn_softplus)(p);
    return -t * (other * other * (2 * q * low + other)) + (1 - t) * (q * q * (2 * other * high + q));
}

/* --- by code ---------------------------------------------------------------------------------- */

/* y = f(z), n numbers; y may be z. */
static void N(activate)(Activation f, ptrdiff_t n, const REAL *z, REAL *y)
{
#define CASE(CODE, name)                                             \
    if (f == CODE) {                                                 \
        for (ptrdiff_t i = 0; i < n; i++) y[i] = N(nn_##name)(z[i]); \
        return;                                                      \
    }
    EACH_ACTIVATION(CASE)
#undef CASE
    if (y != z)
        for (ptrdiff_t i = 0; i < n; i++) y[i] = z[i];
}

/* dz = dy f'(z), n numbers, with f' computed from y, or from z in place of y; dz may be dy or y. */
static void N(activate_backward)(Activation f, ptrdiff_t n, const REAL *dy, const REAL *y, REAL *dz)
{
#define CASE(CODE, name)                                                             \
    if (f == CODE) {                                                                 \
        for (ptrdiff_t i = 0; i < n; i++) dz[i] = dy[i] * N(nn_##name##_slope)(y[i]); \
        return;                                                                      \
    }
    EACH_ACTIVATION(CASE)
#undef CASE
    if (dz != dy)
        for (ptrdiff_t i = 0; i < n; i++) dz[i] = dy[i];
}

NN_VM double N(nn_loss)(Loss loss, REAL p, REAL t)
{
#define CASE(CODE, name) \
    if (loss == CODE) return N(nn_##name)(p, t);
    EACH_LOSS(CASE)
#undef CASE
    return 0;
}

/* The derivative of a loss by the prediction p. */
NN_VM REAL N(nn_loss_slope)(Loss loss, REAL p, REAL t)
{
#define CASE(CODE, name) \
    if (loss == CODE) return N(nn_##name##_slope)(p, t);
    EACH_LOSS(CASE)
#undef CASE
    return 0;
}

/* The losses of n pairs summed over 16 lanes, as in real.pxd; dp = the slopes. */
NN_VM double N(nn_summed_loss)(Loss loss, const REAL *p, const REAL *t, REAL *dp, ptrdiff_t n)
{
    double lane[16] = {0};
    for (ptrdiff_t i = 0; i < n; i++) dp[i] = N(nn_loss_slope)(loss, p[i], t[i]);
    if (n < 16) { /* the lanes would take longer than the terms */
        for (ptrdiff_t i = 0; i < n; i++) lane[0] += N(nn_loss)(loss, p[i], t[i]);
        return lane[0];
    }
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++) lane[j] += N(nn_loss)(loss, p[i + j], t[i + j]);
    for (; i < n; i++) lane[i % 16] += N(nn_loss)(loss, p[i], t[i]);
    return fold_sum_f64(lane);
}

/* The same with a constant loss in each call, so that its loops have no branches. */
static double N(elementwise_loss)(Loss loss, const REAL *p, const REAL *t, REAL *dp, ptrdiff_t n)
{
#define CASE(CODE, name) \
    if (loss == CODE) return N(nn_summed_loss)(CODE, p, t, dp, n);
    EACH_LOSS(CASE)
#undef CASE
    return 0;
}

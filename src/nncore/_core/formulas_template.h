/* formulas.h for one element type: REAL, its EPSILON, and N(name) for names with its suffix. */

/* --- activations ------------------------------------------------------------------------------ */

NN_VM REAL N(nn_relu)(REAL z) { return z < 0 ? 0 : z; } /* this way round, NaN stays NaN */
NN_VM REAL N(nn_leaky_relu)(REAL z) { return z < 0 ? (REAL)0.01 * z : z; }

NN_VM REAL N(nn_sigmoid_slope)(REAL y) { return y * (1 - y); }
NN_VM REAL N(nn_tanh_slope)(REAL y) { return 1 - y * y; }
NN_VM REAL N(nn_relu_slope)(REAL y) { return y > 0 ? 1 : 0; }
NN_VM REAL N(nn_leaky_relu_slope)(REAL y) { return y > 0 ? 1 : (REAL)0.01; }

/* --- losses ----------------------------------------------------------------------------------- */

/* p kept off 0 and 1 by the type's epsilon, so that logs and quotients are finite. */
NN_VM REAL N(nn_probability)(REAL p)
{
    p = p < EPSILON ? EPSILON : p;
    return p > 1 - EPSILON ? 1 - EPSILON : p;
}

/* The derivative of a loss by the prediction p, t being the target. */
NN_VM REAL N(nn_loss_slope)(Loss loss, REAL p, REAL t)
{
    const REAL d = p - t;
    if (loss == SQUARED_ERROR) return 2 * d;
    if (loss == HALF_SQUARED_ERROR) return d;
    if (loss == ABSOLUTE_ERROR) return d > 0 ? 1 : d < 0 ? -1 : d; /* 0 and NaN as they are */
    if (loss == HUBER) return d > 1 ? 1 : d < -1 ? -1 : d;
    if (loss == SIGMOID_CROSS_ENTROPY) return N(nn_sigmoid)(p) - t;
    if (loss == HALF_POISSON_DEVIANCE) return N(nn_exp)(p) - t;
    const REAL q = N(nn_probability)(p);
    return (q - t) / (q * (1 - q));
}

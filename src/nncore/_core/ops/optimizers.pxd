# cython: cdivision=True
"""Optimizer steps and clipping, in place on flat vectors.

CONTRIBUTING describes how to add one.
"""
from libc.math cimport INFINITY, pow, sqrt
from nncore._core.ops.real cimport muladd, approx_sqrt, real, rsqrt, sum_of_squares

cdef extern from "<float.h>" nogil:
    float FLT_MIN
    double DBL_MIN

cdef extern from "<math.h>" nogil:
    float sqrtf(float x)

cdef extern from "registry.h" nogil:
    ctypedef enum Optimizer:
        SGD
        MOMENTUM
        NESTEROV
        RMSPROP
        ADAGRAD
        ADAM
        ADAMW
        AMSGRAD
        NADAM
        LION
        RPROP

    cdef enum:
        MAX_SLOTS


cdef enum:
    ADAM_BLOCK = 64  # the fastest of 32 to 256; four AVX-512 vectors of float32


cdef struct Rule:
    Optimizer kind
    double learning_rate
    double decay         # momentum, RMSprop's decay, Adam's beta1
    double decay2        # Adam's beta2
    double epsilon
    double weight_decay  # AdamW's and Lion's
    double momentum_decay  # NAdam's
    double shrink        # Rprop's factors of its step sizes, and their bounds
    double growth
    double smallest_step
    double largest_step
    bint epsilon_hat     # Adam's epsilon is added before the correction for bias
    double clip_value    # gradients are clipped to [-clip_value, clip_value]


cdef inline real root(real x) noexcept nogil:
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef inline double smallest_normal(real like) noexcept nogil:
    if real is float:
        return FLT_MIN
    else:
        return DBL_MIN


cdef inline real clipped(real g, real limit) noexcept nogil:
    """g clipped to [-limit, limit]; NaN stays NaN."""
    g = limit if g > limit else g
    return -limit if g < -limit else g


cdef inline void sgd(real *w, const real *g, Py_ssize_t n, real rate, real limit) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] -= rate * clipped(g[i], limit)


cdef inline void momentum(
    real *w, const real *g, real *v, Py_ssize_t n, real rate, real mu, real limit
) noexcept nogil:
    """v = mu v + g; w -= rate v."""
    cdef Py_ssize_t i
    for i in range(n):
        v[i] = mu * v[i] + clipped(g[i], limit)
        w[i] -= rate * v[i]


cdef inline void nesterov(
    real *w, const real *g, real *v, Py_ssize_t n, real rate, real mu, real limit
) noexcept nogil:
    """v = mu v + g; w -= rate (g + mu v)."""
    cdef real x
    cdef Py_ssize_t i
    for i in range(n):
        x = clipped(g[i], limit)
        v[i] = mu * v[i] + x
        w[i] -= rate * (x + mu * v[i])


cdef inline void rmsprop(
    real *w, const real *g, real *s, Py_ssize_t n, real rate, double decay, real eps, real limit
) noexcept nogil:
    """s = decay s + (1 - decay) g^2; w -= rate g / (sqrt s + eps)."""
    cdef real rho = <real>decay, rest = <real>(1.0 - decay), x
    cdef Py_ssize_t i
    for i in range(n):
        x = clipped(g[i], limit)
        s[i] = rho * s[i] + rest * (x * x)
        w[i] -= rate * x / (root(s[i]) + eps)


cdef inline void adagrad(
    real *w, const real *g, real *s, Py_ssize_t n, real rate, real eps, real limit
) noexcept nogil:
    """s += g^2; w -= rate g / sqrt(s + eps)."""
    cdef real x
    cdef Py_ssize_t i
    if eps >= smallest_normal(eps):
        # Division and square root would take most of the step's time; s + eps is
        # normal, as rsqrt requires.
        for i in range(n):
            x = clipped(g[i], limit)
            s[i] = muladd(x, x, s[i])
            w[i] = muladd(-rate * x, rsqrt(s[i] + eps), w[i])
    else:
        for i in range(n):
            x = clipped(g[i], limit)
            s[i] += x * x
            w[i] -= rate * x / root(s[i] + eps)


cdef inline void adam(
    real *w, const real *g, real *m, real *s, real *top, Py_ssize_t n, long long step,
    double rate, double beta1, double beta2, real eps, real shrink, real limit,
) noexcept nogil:
    """m, s: running means of g and g^2; w = shrink w - rate m' / (sqrt s' + eps),
    m' and s' the means corrected for their bias (Kingma and Ba 2015). If top is not NULL, it is
    the largest s so far and used in its place (AMSGrad: Reddi et al. 2018)."""
    cdef real b1 = <real>beta1, b2 = <real>beta2
    cdef real c1 = <real>(1.0 - beta1), c2 = <real>(1.0 - beta2)
    cdef real scale = <real>(rate / (1.0 - pow(beta1, step)))
    cdef real unbias = <real>(1.0 / sqrt(1.0 - pow(beta2, step)))
    cdef real x
    cdef Py_ssize_t i = 0
    if eps >= <real>1e-12:
        while i + ADAM_BLOCK <= n:  # a constant length, for which the compiler unrolls loops
            adam_block(w + i, g + i, m + i, s + i, from_number(top, i), ADAM_BLOCK,
                       b1, b2, c1, c2, scale, unbias, eps, shrink, limit)
            i += ADAM_BLOCK
        adam_block(w + i, g + i, m + i, s + i, from_number(top, i), n - i,
                   b1, b2, c1, c2, scale, unbias, eps, shrink, limit)
    else:
        for i in range(n):
            x = clipped(g[i], limit)
            m[i] = b1 * m[i] + c1 * x
            s[i] = b2 * s[i] + c2 * (x * x)
            x = s[i]
            if top != NULL:
                x = top[i] = larger(top[i], x)
            w[i] = shrink * w[i] - scale * m[i] / (root(x) * unbias + eps)


cdef inline real *from_number(real *slot, Py_ssize_t i) noexcept nogil:
    return slot + i if slot != NULL else NULL


cdef inline real larger(real a, real b) noexcept nogil:
    """The larger of two numbers; NaN if one of them is."""
    return b if b > a or b != b else a


cdef inline void adam_block(
    real *w, const real *g, real *m, real *s, real *top, Py_ssize_t n,
    real b1, real b2, real c1, real c2, real scale, real unbias, real eps, real shrink, real limit,
) noexcept nogil:
    """Adam on at most ADAM_BLOCK numbers; the error of approx_sqrt is far below eps, and exact
    square roots would take half of the time. In several loops, as the operations on a number in
    a single one form a chain too long for a processor to overlap with those on the next."""
    cdef real[ADAM_BLOCK] temporary
    cdef real x
    cdef Py_ssize_t i
    if limit < INFINITY:
        for i in range(n):
            temporary[i] = clipped(g[i], limit)
        g = temporary
    for i in range(n):
        x = g[i]
        m[i] = b1 * m[i] + c1 * x
        s[i] = b2 * s[i] + c2 * (x * x)
    if top != NULL:
        for i in range(n):
            top[i] = larger(top[i], s[i])
        s = top
    for i in range(n):
        temporary[i] = approx_sqrt(s[i]) * unbias + eps
    for i in range(n):
        w[i] = shrink * w[i] - scale * m[i] / temporary[i]


cdef inline double nadam_momentum(const Rule *rule, double step) noexcept nogil:
    """mu_t = beta1 (1 - 0.96^(t decay) / 2)."""
    return rule.decay * (1.0 - 0.5 * pow(0.96, step * rule.momentum_decay))


cdef inline double nadam_product(const Rule *rule, long long step) noexcept nogil:
    """mu_1 mu_2 .. mu_t, computed again at each step, so that it is not part of the state.

    Most factors are not computed: after about 54 steps the product is negligible beside 1, or,
    after a few thousand steps at most, the momentum no longer changes.
    """
    cdef double product = 1, power = 1, by = pow(0.96, rule.momentum_decay)
    cdef double negligible = 5.551115123125783e-17  # 2^-54
    cdef long long t = 0
    while t < step and product >= negligible and power >= negligible:
        power *= by
        product *= rule.decay * (1.0 - 0.5 * power)
        t += 1
    return product * pow(rule.decay, <double>(step - t)) if power < negligible else product


cdef inline void nadam(
    const Rule *rule, real *w, const real *g, real *m, real *s, Py_ssize_t n, long long step,
    real eps, real limit,
) noexcept nogil:
    """m, s: running means of g and g^2; w -= (a g + b m) / (sqrt s' + eps), s' the mean square
    corrected for its bias, a = rate (1 - mu) / (1 - product of mu), b = rate mu' /
    (1 - product of mu mu'), mu and mu' the momenta of this step and the next (Dozat 2016)."""
    cdef real b1 = <real>rule.decay, b2 = <real>rule.decay2
    cdef real c1 = <real>(1.0 - rule.decay), c2 = <real>(1.0 - rule.decay2)
    cdef double mu = nadam_momentum(rule, step), coming = nadam_momentum(rule, step + 1.0)
    cdef double product = nadam_product(rule, step)
    cdef real of_g = <real>(rule.learning_rate * (1.0 - mu) / (1.0 - product))
    cdef real of_m = <real>(rule.learning_rate * coming / (1.0 - product * coming))
    cdef real unbias = <real>(1.0 / sqrt(1.0 - pow(rule.decay2, step)))
    cdef real x
    cdef Py_ssize_t i
    for i in range(n):
        x = clipped(g[i], limit)
        m[i] = b1 * m[i] + c1 * x
        s[i] = b2 * s[i] + c2 * (x * x)
        w[i] -= (of_g * x + of_m * m[i]) / (root(s[i]) * unbias + eps)


cdef inline real sign(real x) noexcept nogil:
    """-1, 1, or x itself if it is 0 or NaN."""
    x = 1 if x > 0 else x
    return -1 if x < 0 else x


cdef inline void lion(
    real *w, const real *g, real *m, Py_ssize_t n, double rate, double beta1, double beta2,
    real shrink, real limit,
) noexcept nogil:
    """w = shrink w - rate sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g
    (Chen et al. 2023)."""
    cdef real b1 = <real>beta1, b2 = <real>beta2, by = <real>rate
    cdef real c1 = <real>(1.0 - beta1), c2 = <real>(1.0 - beta2), x
    cdef Py_ssize_t i
    for i in range(n):
        x = clipped(g[i], limit)
        w[i] = shrink * w[i] - by * sign(b1 * m[i] + c1 * x)
        m[i] = b2 * m[i] + c2 * x


cdef inline void rprop(
    const Rule *rule, real *w, const real *g, real *before, real *size, Py_ssize_t n, real limit
) noexcept nogil:
    """w -= size * sign g, where a size grows while the gradient keeps its sign, and shrinks when
    it changes, in which case the gradient counts as 0 (Riedmiller and Braun 1993). before: the
    gradients of the previous step; a size is 0 until its gradient is not 0."""
    cdef real shrink = <real>rule.shrink, growth = <real>rule.growth, x, y, by
    cdef real low = <real>rule.smallest_step, high = <real>rule.largest_step
    cdef real first = <real>rule.learning_rate
    cdef Py_ssize_t i
    for i in range(n):
        x = clipped(g[i], limit)
        y = sign(x) * sign(before[i])
        by = first if size[i] == 0 else size[i]
        by *= growth if y > 0 else (shrink if y < 0 else <real>1)
        by = low if by < low else by
        by = high if by > high else by
        size[i] = size[i] if x == 0 else by
        before[i] = x = 0 if y < 0 else x
        w[i] -= by * sign(x)


cdef inline void optimizer_step(
    const Rule *rule, real *w, const real *g, real **slots, Py_ssize_t at, Py_ssize_t n,
    long long step,
) noexcept nogil:
    """One update of n numbers of w by their gradients g, both from number `at` of the flat vectors.

    slots: the optimizer's state, a flat vector each. step counts from 1.
    """
    cdef real rate = <real>rule.learning_rate, decay = <real>rule.decay, eps = <real>rule.epsilon
    cdef real limit = <real>rule.clip_value, shrink = 1
    if rule.epsilon_hat:
        eps = <real>(rule.epsilon / sqrt(1.0 - pow(rule.decay2, step)))
    if rule.kind == SGD:
        sgd(w, g, n, rate, limit)
    elif rule.kind == MOMENTUM:
        momentum(w, g, slots[0] + at, n, rate, decay, limit)
    elif rule.kind == NESTEROV:
        nesterov(w, g, slots[0] + at, n, rate, decay, limit)
    elif rule.kind == RMSPROP:
        rmsprop(w, g, slots[0] + at, n, rate, rule.decay, eps, limit)
    elif rule.kind == ADAGRAD:
        adagrad(w, g, slots[0] + at, n, rate, eps, limit)
    elif rule.kind == LION:
        shrink = <real>(1.0 - rule.learning_rate * rule.weight_decay)
        lion(w, g, slots[0] + at, n, rule.learning_rate, rule.decay, rule.decay2, shrink, limit)
    elif rule.kind == RPROP:
        rprop(rule, w, g, slots[0] + at, slots[1] + at, n, limit)
    elif rule.kind == AMSGRAD:
        adam(w, g, slots[0] + at, slots[1] + at, slots[2] + at, n, step,
             rule.learning_rate, rule.decay, rule.decay2, eps, shrink, limit)
    elif rule.kind == NADAM:
        nadam(rule, w, g, slots[0] + at, slots[1] + at, n, step, eps, limit)
    else:
        if rule.kind == ADAMW:
            shrink = <real>(1.0 - rule.learning_rate * rule.weight_decay)
        adam(w, g, slots[0] + at, slots[1] + at, NULL, n, step,
             rule.learning_rate, rule.decay, rule.decay2, eps, shrink, limit)


cdef inline bint skips_zeros(const Rule *rule) noexcept nogil:
    """Whether a gradient of 0 changes neither weight nor state.

    Not if epsilon is subnormal in float32 and may thus be treated as 0: 0 / 0 is not 0.
    """
    return rule.kind == SGD or rule.kind == ADAGRAD and rule.epsilon >= 1.1754943508222875e-38


cdef inline void clip_by_value(real *g, Py_ssize_t n, real limit) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = clipped(g[i], limit)


cdef inline double clip_by_norm(real *g, Py_ssize_t n, double limit) noexcept nogil:
    """Scale g so that its Euclidean norm is at most limit; return the norm before."""
    cdef double norm = sqrt(sum_of_squares(g, n))
    cdef real scale
    cdef Py_ssize_t i
    if norm > limit:
        scale = <real>(limit / norm)
        for i in range(n):
            g[i] *= scale
    return norm

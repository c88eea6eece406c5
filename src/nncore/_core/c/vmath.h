/* exp, tanh, sigmoid, log and rsqrt for float and double, written so that a
 * loop y[i] = f(x[i]) vectorises: no calls, no tables, no branches (every ?:
 * is a blend).  Where the level has fused multiply-add (level.h) it is used explicitly
 * and nothing is left to contraction, so a vector body, its scalar tail and
 * every vector width give the same bits.  Compile without -ffast-math.
 *
 * Polynomials are minimax fits, coefficients rounded to the working precision;
 * each states its relative error in the final function and its interval. */
#ifndef NN_VMATH_H
#define NN_VMATH_H

#include <stdint.h>
#include <string.h>
#include "level.h"

#if NNCORE_FUSED
#  define NN_FMAF(a, b, c) __builtin_fmaf((a), (b), (c))
#  define NN_FMA(a, b, c)  __builtin_fma((a), (b), (c))
#else
#  define NN_FMAF(a, b, c) ((a) * (b) + (c))
#  define NN_FMA(a, b, c)  ((a) * (b) + (c))
#endif

#ifdef __GNUC__
#  define NN_VM static inline __attribute__((always_inline, unused))
#elif defined(_MSC_VER)
#  define NN_VM static __forceinline
#else
#  define NN_VM static inline
#endif

NN_VM float  nn_muladd_f32(float a, float b, float c)    { return NN_FMAF(a, b, c); }
NN_VM double nn_muladd_f64(double a, double b, double c) { return NN_FMA(a, b, c); }

NN_VM uint32_t nn_bits_f32(float x)    { uint32_t u; memcpy(&u, &x, 4); return u; }
NN_VM float    nn_from_u32(uint32_t u) { float x;    memcpy(&x, &u, 4); return x; }
NN_VM uint64_t nn_bits_f64(double x)   { uint64_t u; memcpy(&u, &x, 8); return u; }
NN_VM double   nn_from_u64(uint64_t u) { double x;   memcpy(&x, &u, 8); return x; }

#define NN_INF_F32 nn_from_u32(0x7f800000u)
#define NN_NAN_F32 nn_from_u32(0x7fc00000u)
#define NN_INF_F64 nn_from_u64(0x7ff0000000000000u)
#define NN_NAN_F64 nn_from_u64(0x7ff8000000000000u)

/* ---- exp ---------------------------------------------------------------
 * x = n ln2 + r, |r| <= ln2/2.  Adding 1.5*2^23 + b rounds to an integer and
 * leaves n + b in the low bits, a shift away from the exponent field of 2^n.
 * No single float holds every 2^n needed (n = -150 .. 128), so the result is
 * scaled by 2^floor(n/2) and then 2^ceil(n/2): exact except the last product,
 * which rounds once into the subnormals or overflows.  The high part of ln2 is
 * short enough that n * hi is exact.  Clamps are (limit cmp x) ? limit : x so
 * that NaN stays NaN. */

/* e^(x - n ln2) for |x - n ln2| <= ln2/2 */
NN_VM float nn_exp_reduced_f32(float x, float n)
{
    float r = NN_FMAF(n, -0x1.62e4p-1f, x);
    r = NN_FMAF(n, -0x1.7f7d1cp-20f, r);
    /* e^r = 1 + r + r^2 Q(r), relative error 2^-28.2 on |r| <= ln2/2; in pairs (Estrin), as small
     * arrays wait for one chain of operations */
    float z = r * r;
    float p = NN_FMAF(0x1.6a4d58p-10f, r, 0x1.12398ep-7f);
    p = NN_FMAF(p, z, NN_FMAF(0x1.5558b0p-5f, r, 0x1.555492p-3f));
    p = NN_FMAF(p, z, NN_FMAF(0x1.fffffcp-2f, r, 1.0f));
    return NN_FMAF(p, r, 1.0f);
}

NN_VM float nn_exp_f32(float x)
{
    const float magic = 12583166.0f;                      /* 1.5*2^23 + 2*127 */
    x = 89.0f < x ? 89.0f : x;
    x = -104.0f > x ? -104.0f : x;
    float t = NN_FMAF(x, 0x1.715476p+0f, magic);           /* 1 / ln2 */
    float p = nn_exp_reduced_f32(x, t - magic);
    uint32_t u = nn_bits_f32(t), h = u >> 1 << 23;
    return p * nn_from_u32(h) * nn_from_u32((u << 23) - h);
}

NN_VM double nn_exp_reduced_f64(double x, double n)
{
    double r = NN_FMA(n, -0x1.62e42fefa3800p-1, x);
    r = NN_FMA(n, -0x1.ef35793c76730p-45, r);
    /* relative error 2^-57.9 on |r| <= ln2/2 */
    double p = 0x1.ada5654e0e5b7p-26;
    p = NN_FMA(p, r, 0x1.28ae09e2d3155p-22);
    p = NN_FMA(p, r, 0x1.71df0c6c2bc92p-19);
    p = NN_FMA(p, r, 0x1.a0199954e062fp-16);
    p = NN_FMA(p, r, 0x1.a01a01361100fp-13);
    p = NN_FMA(p, r, 0x1.6c16c184792d0p-10);
    p = NN_FMA(p, r, 0x1.11111111256c6p-7);
    p = NN_FMA(p, r, 0x1.55555555506b9p-5);
    p = NN_FMA(p, r, 0x1.5555555555504p-3);
    p = NN_FMA(p, r, 0x1.000000000000ap-1);
    p = NN_FMA(p, r, 1.0);
    return NN_FMA(p, r, 1.0);
}

NN_VM double nn_exp_f64(double x)
{
    const double magic = 6755399441057790.0;              /* 1.5*2^52 + 2*1023 */
    x = 710.0 < x ? 710.0 : x;
    x = -746.0 > x ? -746.0 : x;
    double t = NN_FMA(x, 0x1.71547652b82fep+0, magic);
    double p = nn_exp_reduced_f64(x, t - magic);
    uint64_t u = nn_bits_f64(t), h = u >> 1 << 52;
    return p * nn_from_u64(h) * nn_from_u64((u << 52) - h);
}

/* ---- exp(-|x|) ---------------------------------------------------------
 * times a factor, with one rounding where the product is subnormal: as n <= 0,
 * 2^(n+64) and a constant 2^-64 (128 for double) do the scaling.  It is 0 for
 * |x| >= 120 (double: 760) and factors of up to 760. */

NN_VM float nn_decay_f32(float x, float factor)
{
    const float magic = 12583103.0f;                      /* 1.5*2^23 + 127 + 64 */
    float a = nn_from_u32(nn_bits_f32(x) | 0x80000000u);
    a = -120.0f > a ? -120.0f : a;
    float t = NN_FMAF(a, 0x1.715476p+0f, magic);
    float p = nn_exp_reduced_f32(a, t - magic);
    return factor * (p * nn_from_u32(nn_bits_f32(t) << 23)) * 0x1p-64f;
}

NN_VM double nn_decay_f64(double x, double factor)
{
    const double magic = 6755399441056895.0;              /* 1.5*2^52 + 1023 + 128 */
    double a = nn_from_u64(nn_bits_f64(x) | 0x8000000000000000u);
    a = -760.0 > a ? -760.0 : a;
    double t = NN_FMA(a, 0x1.71547652b82fep+0, magic);
    double p = nn_exp_reduced_f64(a, t - magic);
    return factor * (p * nn_from_u64(nn_bits_f64(t) << 52)) * 0x1p-128;
}

/* ---- sigmoid -----------------------------------------------------------
 * With e = exp(-|x|) <= 1: 1/(1+e) for x >= 0, e/(1+e) for x < 0; the second
 * keeps full relative accuracy down to the subnormals. */

NN_VM float nn_sigmoid_f32(float x)
{
    float e = nn_decay_f32(x, 1.0f);
    return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

NN_VM double nn_sigmoid_f64(double x)
{
    double e = nn_decay_f64(x, 1.0);
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}

/* ---- tanh --------------------------------------------------------------
 * a = |x| below 0.7 (double: 0.625): odd polynomial.  Otherwise 1 - 2/(e^2a + 1),
 * where the small quotient damps the error of e^2a, so one reduction constant
 * (a = n ln2/2 + r) is enough.  e^2a + 1 = w s + (s + 1) with s = 2^n and
 * w = e^2r - 1 spares the rounding of 1 + w.  The sign is restored last. */

NN_VM float nn_tanh_f32(float x)
{
    const float magic = 12583039.0f;
    uint32_t u = nn_bits_f32(x), sign = u & 0x80000000u;
    float a = nn_from_u32(u & 0x7fffffffu);
    a = 10.0f < a ? 10.0f : a;                            /* tanh(10) rounds to 1 */

    float t = NN_FMAF(a, 0x1.715476p+1f, magic);           /* 2 / ln2 */
    float s = nn_from_u32(nn_bits_f32(t) << 23);
    float r = NN_FMAF(t - magic, -0x1.62e430p-2f, a);
    /* e^2r = 1 + 2r + r^2 Q(r), relative error 2^-28.2 on |r| <= ln2/4 */
    float z = r * r;
    float p = NN_FMAF(0x1.6a4d58p-4f, r, 0x1.12398ep-2f);
    p = NN_FMAF(p, z, NN_FMAF(0x1.5558b0p-1f, r, 0x1.555492p+0f));
    p = NN_FMAF(p, z, NN_FMAF(0x1.fffffcp+0f, r, 2.0f));
    float big = 1.0f - 2.0f / NN_FMAF(p * r, s, s + 1.0f);

    /* tanh a = a + a^3 P(a^2), relative error 2^-25.9 on [0, 0.7] */
    z = a * a;
    float q = -0x1.50e892p-8f;
    q = NN_FMAF(q, z, 0x1.493b5cp-6f);
    q = NN_FMAF(q, z, -0x1.b6c3aap-5f);
    q = NN_FMAF(q, z, 0x1.10fb0cp-3f);
    q = NN_FMAF(q, z, -0x1.5554f6p-2f);
    float odd = NN_FMAF(a * z, q, a);

    return nn_from_u32(nn_bits_f32(a < 0.7f ? odd : big) | sign);
}

NN_VM double nn_tanh_f64(double x)
{
    const double magic = 6755399441056767.0;
    uint64_t u = nn_bits_f64(x), sign = u & 0x8000000000000000u;
    double a = nn_from_u64(u & 0x7fffffffffffffffu);
    a = 20.0 < a ? 20.0 : a;                              /* tanh(20) rounds to 1 */

    double t = NN_FMA(a, 0x1.71547652b82fep+1, magic);
    double s = nn_from_u64(nn_bits_f64(t) << 52);
    double r = NN_FMA(t - magic, -0x1.62e42fefa39efp-2, a);
    /* e^2r = 1 + 2r + r^2 Q(r), relative error 2^-57.9 on |r| <= ln2/4 */
    double p = 0x1.ada5654e0e5b7p-15;
    p = NN_FMA(p, r, 0x1.28ae09e2d3155p-12);
    p = NN_FMA(p, r, 0x1.71df0c6c2bc92p-10);
    p = NN_FMA(p, r, 0x1.a0199954e062fp-8);
    p = NN_FMA(p, r, 0x1.a01a01361100fp-6);
    p = NN_FMA(p, r, 0x1.6c16c184792d0p-4);
    p = NN_FMA(p, r, 0x1.11111111256c6p-2);
    p = NN_FMA(p, r, 0x1.55555555506b9p-1);
    p = NN_FMA(p, r, 0x1.5555555555504p+0);
    p = NN_FMA(p, r, 0x1.000000000000ap+1);
    p = NN_FMA(p, r, 2.0);
    double big = 1.0 - 2.0 / NN_FMA(p * r, s, s + 1.0);

    /* tanh a = a + a^3 P(a^2), relative error 2^-56.4 on [0, 0.625] */
    double z = a * a;
    double q = -0x1.0da36b27ab98cp-16;
    q = NN_FMA(q, z, 0x1.438f17c69fa84p-14);
    q = NN_FMA(q, z, -0x1.df5482f183851p-13);
    q = NN_FMA(q, z, 0x1.3365f1b8b4172p-11);
    q = NN_FMA(q, z, -0x1.7d689d9c6f053p-10);
    q = NN_FMA(q, z, 0x1.d6cf27736ac8fp-9);
    q = NN_FMA(q, z, -0x1.226e16267c878p-7);
    q = NN_FMA(q, z, 0x1.664f477a9c786p-6);
    q = NN_FMA(q, z, -0x1.ba1ba1b504aa8p-5);
    q = NN_FMA(q, z, 0x1.111111110aca1p-3);
    q = NN_FMA(q, z, -0x1.55555555554ffp-2);
    double odd = NN_FMA(a * z, q, a);

    return nn_from_u64(nn_bits_f64(a < 0.625 ? odd : big) | sign);
}

/* ---- log ---------------------------------------------------------------
 * x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); subnormals are scaled
 * up first.  The biased exponent becomes a float by placing it in the mantissa
 * of 2^23 (2^52) and subtracting, which needs no integer conversion.
 * k times the high part of ln2 is exact. */

NN_VM float nn_log_f32(float x)
{
    int sub = x < 0x1p-126f;
    float v = sub ? x * 0x1p+23f : x;
    uint32_t u = nn_bits_f32(v) + (0x3f800000u - 0x3f3504f3u);
    float k = nn_from_u32(u >> 23 | 0x4b000000u) - (sub ? 8388758.0f : 8388735.0f);
    float f = nn_from_u32((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    /* log(1+f) = f - f^2/2 + f^3 P(f), relative error 2^-27.3 */
    float p = -0x1.38c8cep-4f;
    p = NN_FMAF(p, f, 0x1.055ebep-3f);
    p = NN_FMAF(p, f, -0x1.0d8266p-3f);
    p = NN_FMAF(p, f, 0x1.22d930p-3f);
    p = NN_FMAF(p, f, -0x1.547288p-3f);
    p = NN_FMAF(p, f, 0x1.99a01cp-3f);
    p = NN_FMAF(p, f, -0x1.000226p-2f);
    p = NN_FMAF(p, f, 0x1.555554p-2f);
    p = NN_FMAF(p, f, -0.5f);
    float y = NN_FMAF(p, f * f, k * 0x1.7f7d1cp-20f) + f;
    y = NN_FMAF(k, 0x1.62e4p-1f, y);
    y = x < NN_INF_F32 ? y : x;                           /* inf, NaN */
    y = x < 0.0f ? NN_NAN_F32 : y;
    return x == 0.0f ? -NN_INF_F32 : y;
}

NN_VM double nn_log_f64(double x)
{
    int sub = x < 0x1p-1022;
    double v = sub ? x * 0x1p+52 : x;
    uint64_t u = nn_bits_f64(v) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    double k = nn_from_u64(u >> 52 | 0x4330000000000000u)
             - (sub ? 4503599627371571.0 : 4503599627371519.0);
    double f = nn_from_u64((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    /* With s = f/(2+f): log(1+f) = 2 atanh(s) = f - h + s (h + z R(z)), h = f^2/2,
     * z = s^2; relative error 2^-59.5 */
    double s = f / (2.0 + f), z = s * s, h = 0.5 * f * f;
    double p = 0x1.2f024308f89c9p-3;
    p = NN_FMA(p, z, 0x1.39a20cf7a0022p-3);
    p = NN_FMA(p, z, 0x1.74663b9772bcdp-3);
    p = NN_FMA(p, z, 0x1.c71c521a4c685p-3);
    p = NN_FMA(p, z, 0x1.24924941db12bp-2);
    p = NN_FMA(p, z, 0x1.999999997ff66p-2);
    p = NN_FMA(p, z, 0x1.5555555555592p-1);
    double y = NN_FMA(k, 0x1.ef35793c76730p-45, NN_FMA(s, NN_FMA(p, z, h), -h)) + f;
    y = NN_FMA(k, 0x1.62e42fefa3800p-1, y);
    y = x < NN_INF_F64 ? y : x;
    y = x < 0.0 ? NN_NAN_F64 : y;
    return x == 0.0 ? -NN_INF_F64 : y;
}

/* ln(1 + e^-x) for x >= 0. A separate function, as compilers would stop inlining the double exp
 * elsewhere if callers used it once more in an unrolled loop. */
NN_VM double nn_softplus_minus(double x) { return nn_log_f64(1.0 + nn_exp_f64(-x)); }

/* ---- the tail of the normal distribution ---------------------------------
 * 1 - Phi(t) = exp(-t^2/2) R(t) for t >= 0.  R falls slowly, and (t + 5/4) R(t)
 * hardly changes: it is a polynomial of u = (t - 5)/(t + 5), which
 * tools/normal_tail.py computes, and the tail is accurate down to the subnormals.
 * The square is rounded, and exp makes t^2/2 times as much of that; what it has
 * lost is found by splitting t in two halves. */

/* |x|, but no more than where the tail is 0. */
NN_VM float nn_tail_size_f32(float x)
{
    float t = nn_from_u32(nn_bits_f32(x) & 0x7fffffffu);
    return 16.0f < t ? 16.0f : t;
}

NN_VM double nn_tail_size_f64(double x)
{
    double t = nn_from_u64(nn_bits_f64(x) & 0x7fffffffffffffffu);
    return 40.0 < t ? 40.0 : t;
}

/* exp(-t^2/2), 0 <= t <= 16 */
NN_VM float nn_bell_f32(float t)
{
    float high = nn_from_u32(nn_bits_f32(t) & 0xfffff000u), low = t - high, square = t * t;
    float lost = ((high * high - square) + 2.0f * high * low) + low * low;
    float e = nn_exp_f32(-0.5f * square);
    return NN_FMAF(e, -0.5f * lost, e);
}

/* 0 <= t <= 40 */
NN_VM double nn_bell_f64(double t)
{
    double high = nn_from_u64(nn_bits_f64(t) & 0xfffffffff8000000u), low = t - high, square = t * t;
    double lost = ((high * high - square) + 2.0 * high * low) + low * low;
    double e = nn_exp_f64(-0.5 * square);
    return NN_FMA(e, -0.5 * lost, e);
}

/* R(t), 0 <= t <= 16 */
NN_VM float nn_scaled_tail_f32(float t)
{
    float u = (t - 5.0f) / (t + 5.0f);
    /* (t + 5/4) R(t), relative error 2^-24.8 on [0, 16] */
    float p = 0x1.aabf46p-13f;
    p = NN_FMAF(p, u, 0x1.06da84p-16f);
    p = NN_FMAF(p, u, -0x1.b01f94p-10f);
    p = NN_FMAF(p, u, 0x1.84afd6p-8f);
    p = NN_FMAF(p, u, -0x1.a739ep-7f);
    p = NN_FMAF(p, u, 0x1.321b9p-6f);
    p = NN_FMAF(p, u, -0x1.d91994p-7f);
    p = NN_FMAF(p, u, -0x1.4ed7d4p-7f);
    p = NN_FMAF(p, u, 0x1.ebe8eep-5f);
    p = NN_FMAF(p, u, -0x1.04f308p-3f);
    p = NN_FMAF(p, u, 0x1.ec4896p-2f);
    return p / (t + 1.25f);
}

/* 0 <= t <= 40 */
NN_VM double nn_scaled_tail_f64(double t)
{
    double u = (t - 5.0) / (t + 5.0);
    /* relative error 2^-53.4 on [0, 40] */
    double p = -0x1.40989216afd4ep-32;
    p = NN_FMA(p, u, -0x1.64a11b02de612p-34);
    p = NN_FMA(p, u, 0x1.1f12ed5ad047dp-28);
    p = NN_FMA(p, u, 0x1.bd246daf5d508p-29);
    p = NN_FMA(p, u, -0x1.00812041dac91p-25);
    p = NN_FMA(p, u, -0x1.deb702d46d4d8p-26);
    p = NN_FMA(p, u, 0x1.92316b827564ap-23);
    p = NN_FMA(p, u, 0x1.3a19d09059a5ap-23);
    p = NN_FMA(p, u, -0x1.4ed9a8873060cp-20);
    p = NN_FMA(p, u, -0x1.00518c86a184p-22);
    p = NN_FMA(p, u, 0x1.255bc538023e5p-17);
    p = NN_FMA(p, u, -0x1.1452f41258e96p-17);
    p = NN_FMA(p, u, -0x1.bfada6e30cd95p-15);
    p = NN_FMA(p, u, 0x1.5eb3778c38b0ep-13);
    p = NN_FMA(p, u, 0x1.5af5bc096a415p-15);
    p = NN_FMA(p, u, -0x1.a8fbdc63f36f2p-10);
    p = NN_FMA(p, u, 0x1.84736adfdedddp-8);
    p = NN_FMA(p, u, -0x1.a77265b3f473ap-7);
    p = NN_FMA(p, u, 0x1.321c3a9d6924ep-6);
    p = NN_FMA(p, u, -0x1.d9140d6f74d2dp-7);
    p = NN_FMA(p, u, -0x1.4ed7f8c39bde6p-7);
    p = NN_FMA(p, u, 0x1.ebe8e26b67151p-5);
    p = NN_FMA(p, u, -0x1.04f3080b418b7p-3);
    p = NN_FMA(p, u, 0x1.ec4896da77b19p-2);
    return p / (t + 1.25);
}

/* ---- rsqrt -------------------------------------------------------------
 * 1/sqrt(x) for x >= the smallest normal number, +inf or NaN; any other x
 * (zero, subnormal, negative) gives a meaningless number.  Halving the exponent with an
 * integer subtraction gives y within 3.5%; then with h = 1 - x y^2,
 * 1/sqrt(x) = y (1-h)^(-1/2) = y + y h q(h). */

/* 1/sqrt(x) of a finite x. */
NN_VM float nn_rsqrt_finite_f32(float x)
{
    float y = nn_from_u32(0x5f374780u - (nn_bits_f32(x) >> 1));
    float h = NN_FMAF(-(x * y), y, 1.0f);
    /* relative error 2^-30.0 on |h| <= 0.0683 */
    float q = 0x1.fb086ep-3f;
    q = NN_FMAF(q, h, 0x1.19811ap-2f);
    q = NN_FMAF(q, h, 0x1.3fff5cp-2f);
    q = NN_FMAF(q, h, 0x1.7fff72p-2f);
    q = NN_FMAF(q, h, 0.5f);
    return NN_FMAF(y * h, q, y);
}

NN_VM double nn_rsqrt_finite_f64(double x)
{
    double y = nn_from_u64(0x5fe6e8f000000000u - (nn_bits_f64(x) >> 1));
    double h = NN_FMA(-(x * y), y, 1.0);
    /* first step: q minimax, relative error 2^-15.2 on |h| <= 0.0683 */
    y = NN_FMA(y * h, NN_FMA(h, 0x1.8115e9f9bfabap-2, 0x1.008f6c2372ba2p-1), y);
    /* second: Taylor, remainder 35/128 h^4 < 2^-58 */
    h = NN_FMA(-(x * y), y, 1.0);
    return NN_FMA(y * h, NN_FMA(h, NN_FMA(h, 0.3125, 0.375), 0.5), y);
}

NN_VM float  nn_rsqrt_f32(float x)  { return x == NN_INF_F32 ? 0.0f : nn_rsqrt_finite_f32(x); }
NN_VM double nn_rsqrt_f64(double x) { return x == NN_INF_F64 ? 0.0 : nn_rsqrt_finite_f64(x); }

/* The square root of x if it is a normal number, 0 or infinity; NaN for NaN; otherwise less, but
 * not below 0 unless x is. Integers are clamped, as gcc compiles a clamp of floats to two or three
 * branches and then blends every operation. */
NN_VM float nn_approx_sqrt_f32(float x)
{
    int32_t u = (int32_t)nn_bits_f32(x);
    u = u < 0x00800000 ? 0x00800000 : u; /* the smallest normal number */
    u = u > 0x7f7fffff ? 0x7f7fffff : u; /* the largest */
    return x * nn_rsqrt_finite_f32(nn_from_u32((uint32_t)u));
}

NN_VM double nn_approx_sqrt_f64(double x)
{
    int64_t u = (int64_t)nn_bits_f64(x);
    u = u < 0x0010000000000000 ? 0x0010000000000000 : u;
    u = u > 0x7fefffffffffffff ? 0x7fefffffffffffff : u;
    return x * nn_rsqrt_finite_f64(nn_from_u64((uint64_t)u));
}

#endif

/* The vector unit of one build: `vec_f32` and `vec_f64` with the few operations
 * that tile.h needs, by NNCORE_LEVEL: 2 AVX-512, 1 AVX2 + FMA, 0 whatever the
 * compiler's own 16-byte vectors give, or single numbers where it has none.
 *
 * A mask says how many leading lanes of a vector exist. A masked load gives 0 in
 * the others and never touches their memory; a masked store leaves them alone. */
#ifndef NNCORE_SIMD_H
#define NNCORE_SIMD_H

#include <stddef.h>
#include <string.h>

#ifdef NNCORE_NATIVE
#undef NNCORE_LEVEL /* as wide as this compiler says that this processor is */
#endif
#if !defined(NNCORE_LEVEL) && defined(__AVX512VL__) && defined(__FMA__)
#define NNCORE_LEVEL 2
#elif !defined(NNCORE_LEVEL) && defined(__AVX2__) && defined(__FMA__)
#define NNCORE_LEVEL 1
#elif !defined(NNCORE_LEVEL)
#define NNCORE_LEVEL 0
#endif

#if defined(__GNUC__)
#define NN_INLINE static inline __attribute__((always_inline))
#define NN_NOINLINE static __attribute__((noinline, unused))
#define NN_UNROLL _Pragma("GCC unroll 16")
#else
#define NN_INLINE static inline
#define NN_NOINLINE static
#define NN_UNROLL
#endif

#if NNCORE_LEVEL == 2

#include <immintrin.h>
enum { LANES_f32 = 16, LANES_f64 = 8, REGISTERS = 32 };
typedef __m512 vec_f32;
typedef __m512d vec_f64;
typedef __mmask16 mask_f32;
typedef __mmask8 mask_f64;

NN_INLINE mask_f32 leading_f32(int n) { return (mask_f32)(0xffffu >> (16 - n)); }
NN_INLINE mask_f64 leading_f64(int n) { return (mask_f64)(0xffu >> (8 - n)); }
NN_INLINE vec_f32 load_f32(const float *p) { return _mm512_loadu_ps(p); }
NN_INLINE vec_f64 load_f64(const double *p) { return _mm512_loadu_pd(p); }
NN_INLINE void store_f32(float *p, vec_f32 v) { _mm512_storeu_ps(p, v); }
NN_INLINE void store_f64(double *p, vec_f64 v) { _mm512_storeu_pd(p, v); }
NN_INLINE vec_f32 load_masked_f32(const float *p, mask_f32 m) { return _mm512_maskz_loadu_ps(m, p); }
NN_INLINE vec_f64 load_masked_f64(const double *p, mask_f64 m) { return _mm512_maskz_loadu_pd(m, p); }
NN_INLINE void store_masked_f32(float *p, vec_f32 v, mask_f32 m) { _mm512_mask_storeu_ps(p, m, v); }
NN_INLINE void store_masked_f64(double *p, vec_f64 v, mask_f64 m) { _mm512_mask_storeu_pd(p, m, v); }
NN_INLINE vec_f32 splat_f32(float x) { return _mm512_set1_ps(x); }
NN_INLINE vec_f64 splat_f64(double x) { return _mm512_set1_pd(x); }
NN_INLINE vec_f32 muladd_f32(vec_f32 a, vec_f32 b, vec_f32 c) { return _mm512_fmadd_ps(a, b, c); }
NN_INLINE vec_f64 muladd_f64(vec_f64 a, vec_f64 b, vec_f64 c) { return _mm512_fmadd_pd(a, b, c); }

#elif NNCORE_LEVEL == 1

#include <immintrin.h>
enum { LANES_f32 = 8, LANES_f64 = 4, REGISTERS = 16 };
typedef __m256 vec_f32;
typedef __m256d vec_f64;
typedef __m256i mask_f32;
typedef __m256i mask_f64;

NN_INLINE mask_f32 leading_f32(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
NN_INLINE mask_f64 leading_f64(int n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
NN_INLINE vec_f32 load_f32(const float *p) { return _mm256_loadu_ps(p); }
NN_INLINE vec_f64 load_f64(const double *p) { return _mm256_loadu_pd(p); }
NN_INLINE void store_f32(float *p, vec_f32 v) { _mm256_storeu_ps(p, v); }
NN_INLINE void store_f64(double *p, vec_f64 v) { _mm256_storeu_pd(p, v); }
NN_INLINE vec_f32 load_masked_f32(const float *p, mask_f32 m) { return _mm256_maskload_ps(p, m); }
NN_INLINE vec_f64 load_masked_f64(const double *p, mask_f64 m) { return _mm256_maskload_pd(p, m); }
NN_INLINE void store_masked_f32(float *p, vec_f32 v, mask_f32 m) { _mm256_maskstore_ps(p, m, v); }
NN_INLINE void store_masked_f64(double *p, vec_f64 v, mask_f64 m) { _mm256_maskstore_pd(p, m, v); }
NN_INLINE vec_f32 splat_f32(float x) { return _mm256_set1_ps(x); }
NN_INLINE vec_f64 splat_f64(double x) { return _mm256_set1_pd(x); }
NN_INLINE vec_f32 muladd_f32(vec_f32 a, vec_f32 b, vec_f32 c) { return _mm256_fmadd_ps(a, b, c); }
NN_INLINE vec_f64 muladd_f64(vec_f64 a, vec_f64 b, vec_f64 c) { return _mm256_fmadd_pd(a, b, c); }

#else

#if defined(__GNUC__)
enum { LANES_f32 = 4, LANES_f64 = 2, REGISTERS = 16 };
typedef float vec_f32 __attribute__((vector_size(16)));
typedef double vec_f64 __attribute__((vector_size(16)));
NN_INLINE vec_f32 splat_f32(float x) { return (vec_f32){x, x, x, x}; }
NN_INLINE vec_f64 splat_f64(double x) { return (vec_f64){x, x}; }
#else
enum { LANES_f32 = 1, LANES_f64 = 1, REGISTERS = 16 };
typedef float vec_f32;
typedef double vec_f64;
NN_INLINE vec_f32 splat_f32(float x) { return x; }
NN_INLINE vec_f64 splat_f64(double x) { return x; }
#endif
typedef int mask_f32;
typedef int mask_f64;

NN_INLINE mask_f32 leading_f32(int n) { return n; }
NN_INLINE mask_f64 leading_f64(int n) { return n; }
NN_INLINE vec_f32 load_f32(const float *p) { vec_f32 v; memcpy(&v, p, sizeof v); return v; }
NN_INLINE vec_f64 load_f64(const double *p) { vec_f64 v; memcpy(&v, p, sizeof v); return v; }
NN_INLINE void store_f32(float *p, vec_f32 v) { memcpy(p, &v, sizeof v); }
NN_INLINE void store_f64(double *p, vec_f64 v) { memcpy(p, &v, sizeof v); }
NN_INLINE vec_f32 load_masked_f32(const float *p, mask_f32 m) {
    float lanes[LANES_f32] = {0};
    for (int i = 0; i < m; i++) lanes[i] = p[i];
    return load_f32(lanes);
}
NN_INLINE vec_f64 load_masked_f64(const double *p, mask_f64 m) {
    double lanes[LANES_f64] = {0};
    for (int i = 0; i < m; i++) lanes[i] = p[i];
    return load_f64(lanes);
}
NN_INLINE void store_masked_f32(float *p, vec_f32 v, mask_f32 m) {
    float lanes[LANES_f32];
    store_f32(lanes, v);
    for (int i = 0; i < m; i++) p[i] = lanes[i];
}
NN_INLINE void store_masked_f64(double *p, vec_f64 v, mask_f64 m) {
    double lanes[LANES_f64];
    store_f64(lanes, v);
    for (int i = 0; i < m; i++) p[i] = lanes[i];
}
/* Without FMA hardware a fused multiply-add is a slow library call: round twice. */
NN_INLINE vec_f32 muladd_f32(vec_f32 a, vec_f32 b, vec_f32 c) { return a * b + c; }
NN_INLINE vec_f64 muladd_f64(vec_f64 a, vec_f64 b, vec_f64 c) { return a * b + c; }

#endif

/* Square blocks of LANES x LANES transposed in registers, by interleaving ever larger parts:
 * pairs of rows, then pairs of pairs, until whole halves and quarters change places. */
#if NNCORE_LEVEL == 2

NN_INLINE void transpose_registers_f32(vec_f32 *r) {
    vec_f32 s[16];
    NN_UNROLL for (int i = 0; i < 16; i += 2) {
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    NN_UNROLL for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    NN_UNROLL for (int i = 0; i < 4; i++) {
        s[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x44);
        s[i + 4] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x44);
        s[i + 8] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xee);
        s[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xee);
    }
    NN_UNROLL for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(s[i], s[i + 4], 0x88);
        r[i + 4] = _mm512_shuffle_f32x4(s[i], s[i + 4], 0xdd);
        r[i + 8] = _mm512_shuffle_f32x4(s[i + 8], s[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(s[i + 8], s[i + 12], 0xdd);
    }
}

NN_INLINE void transpose_registers_f64(vec_f64 *r) {
    vec_f64 s[8];
    NN_UNROLL for (int i = 0; i < 8; i += 2) {
        s[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
    }
    NN_UNROLL for (int i = 0; i < 2; i++) {
        r[i] = _mm512_shuffle_f64x2(s[i], s[i + 2], 0x44);
        r[i + 2] = _mm512_shuffle_f64x2(s[i + 4], s[i + 6], 0x44);
        r[i + 4] = _mm512_shuffle_f64x2(s[i], s[i + 2], 0xee);
        r[i + 6] = _mm512_shuffle_f64x2(s[i + 4], s[i + 6], 0xee);
    }
    NN_UNROLL for (int i = 0; i < 2; i++) {
        s[i] = _mm512_shuffle_f64x2(r[i], r[i + 2], 0x88);
        s[i + 2] = _mm512_shuffle_f64x2(r[i], r[i + 2], 0xdd);
        s[i + 4] = _mm512_shuffle_f64x2(r[i + 4], r[i + 6], 0x88);
        s[i + 6] = _mm512_shuffle_f64x2(r[i + 4], r[i + 6], 0xdd);
    }
    NN_UNROLL for (int i = 0; i < 8; i++) r[i] = s[i];
}

#elif NNCORE_LEVEL == 1

NN_INLINE void transpose_registers_f32(vec_f32 *r) {
    vec_f32 s[8];
    NN_UNROLL for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    NN_UNROLL for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    NN_UNROLL for (int i = 0; i < 4; i++) {
        s[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        s[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    NN_UNROLL for (int i = 0; i < 8; i++) r[i] = s[i];
}

NN_INLINE void transpose_registers_f64(vec_f64 *r) {
    vec_f64 s[4];
    NN_UNROLL for (int i = 0; i < 4; i += 2) {
        s[i] = _mm256_unpacklo_pd(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_pd(r[i], r[i + 1]);
    }
    NN_UNROLL for (int i = 0; i < 2; i++) {
        r[i] = _mm256_permute2f128_pd(s[i], s[i + 2], 0x20);
        r[i + 2] = _mm256_permute2f128_pd(s[i], s[i + 2], 0x31);
    }
}

#endif

/* 16 lanes folded by a fixed tree, always the first half with the second, so that the bits
 * are the same on every level. larger(a, b) is b > a ? b : a, which passes over a NaN in b. */
#if NNCORE_LEVEL >= 1

#define NN_FOLD(NAME, OP)                                                                      \
    NN_INLINE float NAME##_f32(const float *lane) {                                            \
        __m256 a = _mm256_##OP##_ps(_mm256_loadu_ps(lane + 8), _mm256_loadu_ps(lane));         \
        __m128 b = _mm_##OP##_ps(_mm256_extractf128_ps(a, 1), _mm256_castps256_ps128(a));      \
        b = _mm_##OP##_ps(_mm_movehl_ps(b, b), b);                                             \
        return _mm_cvtss_f32(_mm_##OP##_ss(_mm_movehdup_ps(b), b));                            \
    }                                                                                          \
    NN_INLINE double NAME##_f64(const double *lane) {                                          \
        __m256d a = _mm256_##OP##_pd(_mm256_loadu_pd(lane + 8), _mm256_loadu_pd(lane));        \
        __m256d b = _mm256_##OP##_pd(_mm256_loadu_pd(lane + 12), _mm256_loadu_pd(lane + 4));   \
        __m128d c;                                                                             \
        a = _mm256_##OP##_pd(b, a);                                                            \
        c = _mm_##OP##_pd(_mm256_extractf128_pd(a, 1), _mm256_castpd256_pd128(a));             \
        return _mm_cvtsd_f64(_mm_##OP##_sd(_mm_unpackhi_pd(c, c), c));                         \
    }
NN_FOLD(fold_sum, add)
NN_FOLD(fold_max, max)

#else

#define NN_FOLD(NAME, REAL, EXPRESSION)                        \
    NN_INLINE REAL NAME(const REAL *lane) {                    \
        REAL x[8];                                             \
        for (int i = 0; i < 8; i++) {                          \
            const REAL a = lane[i], b = lane[i + 8];           \
            x[i] = EXPRESSION;                                 \
        }                                                      \
        for (int width = 4; width > 0; width /= 2)             \
            for (int i = 0; i < width; i++) {                  \
                const REAL a = x[i], b = x[i + width];         \
                x[i] = EXPRESSION;                             \
            }                                                  \
        return x[0];                                           \
    }
NN_FOLD(fold_sum_f32, float, a + b)
NN_FOLD(fold_sum_f64, double, a + b)
NN_FOLD(fold_max_f32, float, b > a ? b : a)
NN_FOLD(fold_max_f64, double, b > a ? b : a)

#endif
#undef NN_FOLD
#endif

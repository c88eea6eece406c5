/* The vector unit of one build: `vec_f32` and `vec_f64` with the few operations
 * that tile.h needs, for level.h's NNCORE_LEVEL; at level 0 the compiler's 16-byte
 * vectors, or single numbers if it has none.
 *
 * A mask is the number of leading lanes in use, at least 1. A masked load sets the others to 0
 * without accessing their memory; a masked store does not change it. */
#ifndef NNCORE_SIMD_H
#define NNCORE_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "level.h"

#if defined(__GNUC__)
#define NN_INLINE static inline __attribute__((always_inline))
#define NN_NOINLINE static __attribute__((noinline, unused))
#define NN_UNROLL _Pragma("GCC unroll 16")
#define NN_PREFETCH(address) __builtin_prefetch(address)
#if defined(__clang__)
#define NN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)") /* no iteration reads another's results */
#else
#define NN_INDEPENDENT _Pragma("GCC ivdep")
#endif
#else
#define NN_INLINE static inline
#define NN_NOINLINE static
#define NN_UNROLL
#define NN_PREFETCH(address) ((void)(address))
#define NN_INDEPENDENT __pragma(loop(ivdep))
#endif

/* Keeps a vector in its register. Compilers otherwise load it again for every multiply-add that
 * reads it, and two loads per cycle are then the limit. AVX-512 was not measured; on ARM no
 * multiply-add reads memory. */
#if defined(__GNUC__) && NNCORE_LEVEL == 2
#define NN_KEEP(vector) __asm__("" : "+x"(vector))
#else
#define NN_KEEP(vector) ((void)(vector))
#endif

/* What a pointer points to has to be loaded again after this. */
#if defined(__GNUC__)
#define NN_LOAD_AGAIN(pointer) __asm__ volatile("" : "+r"(pointer))
#else
#define NN_LOAD_AGAIN(pointer) ((void)(pointer))
#endif

/* The number of registers if masks are in the same ones as vectors, else 0. */
enum { MASK_REGISTERS = NNCORE_LEVEL == 2 ? 16 : 0 };

#if NNCORE_LEVEL == 3

#include <immintrin.h>
enum { LANES_f32 = 16, LANES_f64 = 8 };
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
NN_INLINE vec_f32 larger_f32(vec_f32 a, vec_f32 b) { return _mm512_max_ps(b, a); }
NN_INLINE vec_f64 larger_f64(vec_f64 a, vec_f64 b) { return _mm512_max_pd(b, a); }

#elif NNCORE_LEVEL == 2

#include <immintrin.h>
enum { LANES_f32 = 8, LANES_f64 = 4 };
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
NN_INLINE vec_f32 larger_f32(vec_f32 a, vec_f32 b) { return _mm256_max_ps(b, a); }
NN_INLINE vec_f64 larger_f64(vec_f64 a, vec_f64 b) { return _mm256_max_pd(b, a); }

#elif NNCORE_LEVEL == 1

#include <arm_neon.h>
enum { LANES_f32 = 4, LANES_f64 = 2 };
typedef float32x4_t vec_f32;
typedef float64x2_t vec_f64;
typedef int mask_f32;
typedef int mask_f64;

NN_INLINE mask_f32 leading_f32(int n) { return n; }
NN_INLINE mask_f64 leading_f64(int n) { return n; }
NN_INLINE vec_f32 load_f32(const float *p) { return vld1q_f32(p); }
NN_INLINE vec_f64 load_f64(const double *p) { return vld1q_f64(p); }
NN_INLINE void store_f32(float *p, vec_f32 v) { vst1q_f32(p, v); }
NN_INLINE void store_f64(double *p, vec_f64 v) { vst1q_f64(p, v); }
NN_INLINE vec_f32 load_masked_f32(const float *p, mask_f32 m) {
    vec_f32 v = vdupq_n_f32(0);
    if (m > 3) return vld1q_f32(p);
    if (m == 1) return vld1q_lane_f32(p, v, 0);
    v = vcombine_f32(vld1_f32(p), vdup_n_f32(0));
    return m == 3 ? vld1q_lane_f32(p + 2, v, 2) : v;
}
NN_INLINE vec_f64 load_masked_f64(const double *p, mask_f64 m) {
    return m > 1 ? vld1q_f64(p) : vld1q_lane_f64(p, vdupq_n_f64(0), 0);
}
NN_INLINE void store_masked_f32(float *p, vec_f32 v, mask_f32 m) {
    if (m > 3) {
        vst1q_f32(p, v);
        return;
    }
    if (m > 1) vst1_f32(p, vget_low_f32(v));
    if (m == 1) vst1q_lane_f32(p, v, 0);
    if (m == 3) vst1q_lane_f32(p + 2, v, 2);
}
NN_INLINE void store_masked_f64(double *p, vec_f64 v, mask_f64 m) {
    if (m > 1)
        vst1q_f64(p, v);
    else
        vst1q_lane_f64(p, v, 0);
}
NN_INLINE vec_f32 splat_f32(float x) { return vdupq_n_f32(x); }
NN_INLINE vec_f64 splat_f64(double x) { return vdupq_n_f64(x); }
NN_INLINE vec_f32 muladd_f32(vec_f32 a, vec_f32 b, vec_f32 c) { return vfmaq_f32(c, a, b); }
NN_INLINE vec_f64 muladd_f64(vec_f64 a, vec_f64 b, vec_f64 c) { return vfmaq_f64(c, a, b); }
NN_INLINE vec_f32 larger_f32(vec_f32 a, vec_f32 b) { return vbslq_f32(vcgtq_f32(b, a), b, a); }
NN_INLINE vec_f64 larger_f64(vec_f64 a, vec_f64 b) { return vbslq_f64(vcgtq_f64(b, a), b, a); }

#else

#if defined(__GNUC__)
enum { LANES_f32 = 4, LANES_f64 = 2 };
typedef float vec_f32 __attribute__((vector_size(16)));
typedef double vec_f64 __attribute__((vector_size(16)));
NN_INLINE vec_f32 splat_f32(float x) { return (vec_f32){x, x, x, x}; }
NN_INLINE vec_f64 splat_f64(double x) { return (vec_f64){x, x}; }
typedef int32_t whole_f32 __attribute__((vector_size(16)));
typedef int64_t whole_f64 __attribute__((vector_size(16)));
NN_INLINE vec_f32 larger_f32(vec_f32 a, vec_f32 b) {
    const whole_f32 which = b > a;
    return (vec_f32)((which & (whole_f32)b) | (~which & (whole_f32)a));
}
NN_INLINE vec_f64 larger_f64(vec_f64 a, vec_f64 b) {
    const whole_f64 which = b > a;
    return (vec_f64)((which & (whole_f64)b) | (~which & (whole_f64)a));
}
#else
enum { LANES_f32 = 1, LANES_f64 = 1 };
typedef float vec_f32;
typedef double vec_f64;
NN_INLINE vec_f32 splat_f32(float x) { return x; }
NN_INLINE vec_f64 splat_f64(double x) { return x; }
NN_INLINE vec_f32 larger_f32(vec_f32 a, vec_f32 b) { return b > a ? b : a; }
NN_INLINE vec_f64 larger_f64(vec_f64 a, vec_f64 b) { return b > a ? b : a; }
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
NN_INLINE vec_f32 muladd_f32(vec_f32 a, vec_f32 b, vec_f32 c) { return a * b + c; }
NN_INLINE vec_f64 muladd_f64(vec_f64 a, vec_f64 b, vec_f64 c) { return a * b + c; }

#endif

/* Transpose blocks of LANES x LANES: each register is loaded with the same few columns of rows
 * that are a 128-bit part apart, so that only cheap exchanges within these parts remain. `a` is
 * the first number of the block, and `out` that of its first column. */
#if NNCORE_LEVEL >= 2

NN_INLINE vec_f32 load_parts_f32(const float *a, ptrdiff_t a_row) {
#if NNCORE_LEVEL == 3
    vec_f32 v = _mm512_castps128_ps512(_mm_loadu_ps(a));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(a + 4 * a_row), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(a + 8 * a_row), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(a + 12 * a_row), 3);
#else
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a)), _mm_loadu_ps(a + 4 * a_row), 1);
#endif
}

NN_INLINE vec_f64 load_parts_f64(const double *a, ptrdiff_t a_row) {
#if NNCORE_LEVEL == 3
    vec_f64 v = _mm512_castpd128_pd512(_mm_loadu_pd(a));
    v = _mm512_insertf64x2(v, _mm_loadu_pd(a + 2 * a_row), 1);
    v = _mm512_insertf64x2(v, _mm_loadu_pd(a + 4 * a_row), 2);
    return _mm512_insertf64x2(v, _mm_loadu_pd(a + 6 * a_row), 3);
#else
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(a)), _mm_loadu_pd(a + 2 * a_row), 1);
#endif
}

/* out0 to out3 = the columns of four rows of four numbers */
NN_INLINE void transpose_four_f32(const float *row0, const float *row1, const float *row2, const float *row3,
                                  float *out0, float *out1, float *out2, float *out3) {
    const __m128 a = _mm_loadu_ps(row0), b = _mm_loadu_ps(row1), c = _mm_loadu_ps(row2), d = _mm_loadu_ps(row3);
    const __m128 ab = _mm_unpacklo_ps(a, b), cd = _mm_unpacklo_ps(c, d);
    const __m128 ab2 = _mm_unpackhi_ps(a, b), cd2 = _mm_unpackhi_ps(c, d);
    _mm_storeu_ps(out0, _mm_movelh_ps(ab, cd));
    _mm_storeu_ps(out1, _mm_movehl_ps(cd, ab));
    _mm_storeu_ps(out2, _mm_movelh_ps(ab2, cd2));
    _mm_storeu_ps(out3, _mm_movehl_ps(cd2, ab2));
}

NN_INLINE void transpose_four_f64(const double *row0, const double *row1, const double *row2, const double *row3,
                                  double *out0, double *out1, double *out2, double *out3) {
    const __m256d a = _mm256_loadu_pd(row0), b = _mm256_loadu_pd(row1);
    const __m256d c = _mm256_loadu_pd(row2), d = _mm256_loadu_pd(row3);
    const __m256d ab = _mm256_unpacklo_pd(a, b), cd = _mm256_unpacklo_pd(c, d);
    const __m256d ab2 = _mm256_unpackhi_pd(a, b), cd2 = _mm256_unpackhi_pd(c, d);
    _mm256_storeu_pd(out0, _mm256_permute2f128_pd(ab, cd, 0x20));
    _mm256_storeu_pd(out1, _mm256_permute2f128_pd(ab2, cd2, 0x20));
    _mm256_storeu_pd(out2, _mm256_permute2f128_pd(ab, cd, 0x31));
    _mm256_storeu_pd(out3, _mm256_permute2f128_pd(ab2, cd2, 0x31));
}

#if NNCORE_LEVEL == 3
#define NN_VECTOR(OP) _mm512_##OP
#else
#define NN_VECTOR(OP) _mm256_##OP
#endif

NN_INLINE void transpose_block_f32(const float *a, ptrdiff_t a_row, float *out, ptrdiff_t out_row) {
    NN_UNROLL for (int j = 0; j < LANES_f32; j += 4, a += 4, out += 4 * out_row) {
        vec_f32 r0 = load_parts_f32(a, a_row), r1 = load_parts_f32(a + a_row, a_row);
        vec_f32 r2 = load_parts_f32(a + 2 * a_row, a_row), r3 = load_parts_f32(a + 3 * a_row, a_row);
        vec_f32 s0 = NN_VECTOR(unpacklo_ps)(r0, r1), s1 = NN_VECTOR(unpackhi_ps)(r0, r1);
        vec_f32 s2 = NN_VECTOR(unpacklo_ps)(r2, r3), s3 = NN_VECTOR(unpackhi_ps)(r2, r3);
        store_f32(out, NN_VECTOR(shuffle_ps)(s0, s2, 0x44));
        store_f32(out + out_row, NN_VECTOR(shuffle_ps)(s0, s2, 0xee));
        store_f32(out + 2 * out_row, NN_VECTOR(shuffle_ps)(s1, s3, 0x44));
        store_f32(out + 3 * out_row, NN_VECTOR(shuffle_ps)(s1, s3, 0xee));
    }
}

NN_INLINE void transpose_block_f64(const double *a, ptrdiff_t a_row, double *out, ptrdiff_t out_row) {
    NN_UNROLL for (int j = 0; j < LANES_f64; j += 2, a += 2, out += 2 * out_row) {
        vec_f64 r0 = load_parts_f64(a, a_row), r1 = load_parts_f64(a + a_row, a_row);
        store_f64(out, NN_VECTOR(unpacklo_pd)(r0, r1));
        store_f64(out + out_row, NN_VECTOR(unpackhi_pd)(r0, r1));
    }
}
#undef NN_VECTOR

#elif NNCORE_LEVEL == 1

NN_INLINE void transpose_four_f32(const float *row0, const float *row1, const float *row2, const float *row3,
                                  float *out0, float *out1, float *out2, float *out3) {
    const float32x4x2_t ab = vtrnq_f32(vld1q_f32(row0), vld1q_f32(row1)); /* columns 0, 2 and 1, 3 of two rows */
    const float32x4x2_t cd = vtrnq_f32(vld1q_f32(row2), vld1q_f32(row3));
    vst1q_f32(out0, vcombine_f32(vget_low_f32(ab.val[0]), vget_low_f32(cd.val[0])));
    vst1q_f32(out1, vcombine_f32(vget_low_f32(ab.val[1]), vget_low_f32(cd.val[1])));
    vst1q_f32(out2, vcombine_f32(vget_high_f32(ab.val[0]), vget_high_f32(cd.val[0])));
    vst1q_f32(out3, vcombine_f32(vget_high_f32(ab.val[1]), vget_high_f32(cd.val[1])));
}

NN_INLINE void transpose_block_f32(const float *a, ptrdiff_t a_row, float *out, ptrdiff_t out_row) {
    transpose_four_f32(a, a + a_row, a + 2 * a_row, a + 3 * a_row,
                       out, out + out_row, out + 2 * out_row, out + 3 * out_row);
}

NN_INLINE void transpose_block_f64(const double *a, ptrdiff_t a_row, double *out, ptrdiff_t out_row) {
    const vec_f64 x = vld1q_f64(a), y = vld1q_f64(a + a_row);
    vst1q_f64(out, vtrn1q_f64(x, y));
    vst1q_f64(out + out_row, vtrn2q_f64(x, y));
}

NN_INLINE void transpose_four_f64(const double *row0, const double *row1, const double *row2, const double *row3,
                                  double *out0, double *out1, double *out2, double *out3) {
    for (int i = 0; i < 4; i += 2) {
        const vec_f64 a = vld1q_f64(i ? row2 : row0), b = vld1q_f64(i ? row3 : row1);
        const vec_f64 a2 = vld1q_f64((i ? row2 : row0) + 2), b2 = vld1q_f64((i ? row3 : row1) + 2);
        vst1q_f64(out0 + i, vtrn1q_f64(a, b));
        vst1q_f64(out1 + i, vtrn2q_f64(a, b));
        vst1q_f64(out2 + i, vtrn1q_f64(a2, b2));
        vst1q_f64(out3 + i, vtrn2q_f64(a2, b2));
    }
}

#else

NN_INLINE void transpose_block_f32(const float *a, ptrdiff_t a_row, float *out, ptrdiff_t out_row) {
    for (int i = 0; i < LANES_f32; i++)
        for (int j = 0; j < LANES_f32; j++) out[j * out_row + i] = a[i * a_row + j];
}
NN_INLINE void transpose_block_f64(const double *a, ptrdiff_t a_row, double *out, ptrdiff_t out_row) {
    for (int i = 0; i < LANES_f64; i++)
        for (int j = 0; j < LANES_f64; j++) out[j * out_row + i] = a[i * a_row + j];
}

#define NN_TRANSPOSE_FOUR(REAL, NAME)                                                                              \
    NN_INLINE void NAME(const REAL *row0, const REAL *row1, const REAL *row2, const REAL *row3, REAL *out0,         \
                        REAL *out1, REAL *out2, REAL *out3) {                                                      \
        const REAL *rows[4] = {row0, row1, row2, row3};                                                            \
        for (int i = 0; i < 4; i++) out0[i] = rows[i][0], out1[i] = rows[i][1], out2[i] = rows[i][2], out3[i] = rows[i][3]; \
    }
NN_TRANSPOSE_FOUR(float, transpose_four_f32)
NN_TRANSPOSE_FOUR(double, transpose_four_f64)
#undef NN_TRANSPOSE_FOUR

#endif

/* 16 lanes folded by a fixed tree, always the first half with the second, so that the bits
 * are the same on every level. larger(a, b) is b > a ? b : a, which ignores a NaN in b. */
#if NNCORE_LEVEL >= 2

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

/* Training produces subnormal numbers: running means of gradients that have become 0, or
 * probabilities of e^-90. They take a processor a hundred times longer than others and are
 * irrelevant, so training loops treat them as 0. The mode is separate for each thread;
 * `flush_subnormals` returns the previous one. */
#if defined(__SSE2__) || defined(_M_X64)
#include <immintrin.h>
NN_INLINE unsigned long long flush_subnormals(void) {
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* results (FTZ) and operands (DAZ) */
    return before;
}
NN_INLINE unsigned long long keep_subnormals(void) {
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before & ~0x8040u);
    return before;
}
NN_INLINE void restore_subnormals(unsigned long long before) { _mm_setcsr((unsigned)before); }
#elif defined(__aarch64__) && defined(__GNUC__)
NN_INLINE unsigned long long floating_mode(void) {
    unsigned long long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
NN_INLINE void restore_subnormals(unsigned long long mode) { __asm__ volatile("msr fpcr, %0" ::"r"(mode)); }
NN_INLINE unsigned long long flush_subnormals(void) {
    const unsigned long long before = floating_mode();
    restore_subnormals(before | 1ull << 24); /* FZ */
    return before;
}
NN_INLINE unsigned long long keep_subnormals(void) {
    const unsigned long long before = floating_mode();
    restore_subnormals(before & ~(1ull << 24));
    return before;
}
#else
NN_INLINE unsigned long long flush_subnormals(void) { return 0; }
NN_INLINE unsigned long long keep_subnormals(void) { return 0; }
NN_INLINE void restore_subnormals(unsigned long long before) { (void)before; }
#endif
#endif

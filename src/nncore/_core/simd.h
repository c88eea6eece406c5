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

#if NNCORE_LEVEL >= 1

/* Square blocks transposed in registers: interleave pairs, then quarters, then halves. */
enum { BLOCK_f32 = 8, BLOCK_f64 = 4 };

NN_INLINE void transpose_block_f32(const float *a, ptrdiff_t a_row, float *out, ptrdiff_t out_row) {
    __m256 r[8], s[8];
    NN_UNROLL for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(a + i * a_row);
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
        _mm256_storeu_ps(out + i * out_row, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(out + (i + 4) * out_row, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

NN_INLINE void transpose_block_f64(const double *a, ptrdiff_t a_row, double *out, ptrdiff_t out_row) {
    __m256d r[4], s[4];
    NN_UNROLL for (int i = 0; i < 4; i++) r[i] = _mm256_loadu_pd(a + i * a_row);
    NN_UNROLL for (int i = 0; i < 4; i += 2) {
        s[i] = _mm256_unpacklo_pd(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_pd(r[i], r[i + 1]);
    }
    NN_UNROLL for (int i = 0; i < 2; i++) {
        _mm256_storeu_pd(out + i * out_row, _mm256_permute2f128_pd(s[i], s[i + 2], 0x20));
        _mm256_storeu_pd(out + (i + 2) * out_row, _mm256_permute2f128_pd(s[i], s[i + 2], 0x31));
    }
}

#else

enum { BLOCK_f32 = 1, BLOCK_f64 = 1 };
NN_INLINE void transpose_block_f32(const float *a, ptrdiff_t a_row, float *out, ptrdiff_t out_row) {
    (void)a_row, (void)out_row;
    *out = *a;
}
NN_INLINE void transpose_block_f64(const double *a, ptrdiff_t a_row, double *out, ptrdiff_t out_row) {
    (void)a_row, (void)out_row;
    *out = *a;
}

#endif
#endif

/* Rows of a few numbers, one vector each, for networks of a few units. AVX-512 uses vectors of half
 * its width, whose stores and loads have a lower latency. */
#ifndef NNCORE_NARROW_H
#define NNCORE_NARROW_H

#include <string.h>
#include "formulas.h"
#include "simd.h"

#if defined(__GNUC__)
#define NN_WHOLE _Pragma("GCC unroll 1") _Pragma("GCC ivdep")
#else
#define NN_WHOLE
#endif

#if NNCORE_LEVEL >= 2

enum { NARROW_f32 = 8, NARROW_f64 = 4 };
typedef __m256 narrow_f32;
typedef __m256d narrow_f64;
NN_INLINE narrow_f32 narrow_splat_f32(float x) { return _mm256_set1_ps(x); }
NN_INLINE narrow_f64 narrow_splat_f64(double x) { return _mm256_set1_pd(x); }
NN_INLINE narrow_f32 narrow_muladd_f32(narrow_f32 a, narrow_f32 b, narrow_f32 c) { return _mm256_fmadd_ps(a, b, c); }
NN_INLINE narrow_f64 narrow_muladd_f64(narrow_f64 a, narrow_f64 b, narrow_f64 c) { return _mm256_fmadd_pd(a, b, c); }

/* As in simd.h: the first n lanes are used, and the memory of the others is not accessed. */
NN_INLINE __m256i narrow_mask_f32(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
NN_INLINE __m256i narrow_mask_f64(int n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
NN_INLINE narrow_f32 narrow_load_n_f32(const float *p, int n) { return _mm256_maskload_ps(p, narrow_mask_f32(n)); }
NN_INLINE narrow_f64 narrow_load_n_f64(const double *p, int n) { return _mm256_maskload_pd(p, narrow_mask_f64(n)); }
NN_INLINE void narrow_store_n_f32(float *p, int n, narrow_f32 v) { _mm256_maskstore_ps(p, narrow_mask_f32(n), v); }
NN_INLINE void narrow_store_n_f64(double *p, int n, narrow_f64 v) { _mm256_maskstore_pd(p, narrow_mask_f64(n), v); }

#else

enum { NARROW_f32 = LANES_f32, NARROW_f64 = LANES_f64 };
typedef vec_f32 narrow_f32;
typedef vec_f64 narrow_f64;
NN_INLINE narrow_f32 narrow_splat_f32(float x) { return splat_f32(x); }
NN_INLINE narrow_f64 narrow_splat_f64(double x) { return splat_f64(x); }
NN_INLINE narrow_f32 narrow_muladd_f32(narrow_f32 a, narrow_f32 b, narrow_f32 c) { return muladd_f32(a, b, c); }
NN_INLINE narrow_f64 narrow_muladd_f64(narrow_f64 a, narrow_f64 b, narrow_f64 c) { return muladd_f64(a, b, c); }
NN_INLINE narrow_f32 narrow_load_n_f32(const float *p, int n) { return load_masked_f32(p, leading_f32(n)); }
NN_INLINE narrow_f64 narrow_load_n_f64(const double *p, int n) { return load_masked_f64(p, leading_f64(n)); }
NN_INLINE void narrow_store_n_f32(float *p, int n, narrow_f32 v) { store_masked_f32(p, v, leading_f32(n)); }
NN_INLINE void narrow_store_n_f64(double *p, int n, narrow_f64 v) { store_masked_f64(p, v, leading_f64(n)); }

#endif

#define REAL float
#define N(name) name##_f32
#include "narrow_template.h"
#undef REAL
#undef N

#define REAL double
#define N(name) name##_f64
#include "narrow_template.h"
#undef REAL
#undef N

#endif

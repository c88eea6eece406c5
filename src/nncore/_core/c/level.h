/* What one build of the core computes with, decided here and nowhere else:
 *
 *     NNCORE_LEVEL  2 AVX-512, 1 AVX2 + FMA, 0 whatever every processor of its kind has
 *     NNCORE_FUSED  whether a * b + c is rounded once: 1 or 0, the same in every header
 *
 * setup.py names the level; other flags, such as -march=native among the user's, do not change the
 * bits of it. Only a native build takes what the compiler says of its processor, and with it the
 * level whose bits it gives. Every 64-bit ARM has fused steps, so that there the one level gives
 * the bits of AVX2. 32-bit ARM has them or not, and x86-64 without a level has not: both round
 * twice, even where the compiler may use them. */
#ifndef NNCORE_LEVEL_H
#define NNCORE_LEVEL_H

#include <float.h>

#ifdef NNCORE_NATIVE
#undef NNCORE_LEVEL
#endif
#if !defined(NNCORE_LEVEL) && defined(__AVX512VL__) && defined(__FMA__)
#define NNCORE_LEVEL 2
#elif !defined(NNCORE_LEVEL) && defined(__AVX2__) && defined(__FMA__)
#define NNCORE_LEVEL 1
#elif !defined(NNCORE_LEVEL)
#define NNCORE_LEVEL 0
#endif

#if NNCORE_LEVEL >= 1 || (defined(__aarch64__) && defined(__GNUC__))
#define NNCORE_FUSED 1
#else
#define NNCORE_FUSED 0 /* without the instruction, a fused step is a library call, 50 times slower */
#endif

/* exp and its kin round to an integer by adding 1.5 * 2^23 and taking it away again. Where float
 * expressions are kept in double or in the 80 bits of the x87, nothing is rounded by that and the
 * results are far off, without a word. 0 is each type in its own precision; 16 says the same and
 * that there are numbers of 16 bits, which nncore does not use. */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "nncore needs float and double evaluated in their own precision: on 32-bit x86, -msse2 -mfpmath=sse"
#endif

#ifdef _MSC_VER
#pragma fp_contract(off) /* gcc and Clang have -ffp-contract=off */
#endif

#endif

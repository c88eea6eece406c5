/* The instructions that one build of the core uses, decided here and nowhere else:
 *
 *     NNCORE_LEVEL  3 AVX-512, 2 AVX2 + FMA, 1 NEON of 64-bit ARM, 0 the baseline of any processor
 *     NNCORE_FUSED  whether a * b + c is rounded once: 1 or 0, the same in every header
 *
 * setup.py sets the level; other flags, such as the user's -march=native, do not change its bits.
 * Only a native build uses what the compiler reports about the processor, and gives the bits of the
 * corresponding level. All levels but the baseline have fused multiply-add, and the same bits. 32-bit
 * ARM may lack it, and so may x86-64: the baseline rounds twice, even if the compiler could use fused
 * instructions. */
#ifndef NNCORE_LEVEL_H
#define NNCORE_LEVEL_H

#include <float.h>

#ifdef NNCORE_NATIVE
#undef NNCORE_LEVEL
#endif
#if !defined(NNCORE_LEVEL) && defined(__AVX512VL__) && defined(__FMA__)
#define NNCORE_LEVEL 3
#elif !defined(NNCORE_LEVEL) && defined(__AVX2__) && defined(__FMA__)
#define NNCORE_LEVEL 2
#elif !defined(NNCORE_LEVEL) && defined(__aarch64__) && defined(__GNUC__)
#define NNCORE_LEVEL 1
#elif !defined(NNCORE_LEVEL)
#define NNCORE_LEVEL 0
#endif

#if NNCORE_LEVEL >= 1
#define NNCORE_FUSED 1
#else
#define NNCORE_FUSED 0 /* without the instruction, fma is a library call, 50 times slower */
#endif

/* exp and related functions round to an integer by adding and subtracting 1.5 * 2^23. If float
 * expressions are evaluated in double or in the 80 bits of the x87, this does not round, and the
 * results are silently wrong. 0 means that each type has its own precision; 16 means the same, with
 * 16-bit floats, which nncore does not use. */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "nncore needs float and double evaluated in their own precision: on 32-bit x86, -msse2 -mfpmath=sse"
#endif

#ifdef _MSC_VER
#pragma fp_contract(off) /* gcc and Clang have -ffp-contract=off */
#endif

#endif

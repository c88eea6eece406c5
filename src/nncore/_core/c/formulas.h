/* Activations of one number and their slopes, computed from the output y or, if SLOPE_FROM_INPUT,
 * from the input z; losses of one prediction p for the target t, in double, and their slopes by p.
 * registry.h, which the build writes, lists them by name: EACH_ACTIVATION and EACH_LOSS apply a
 * macro to all. */
#ifndef NNCORE_FORMULAS_H
#define NNCORE_FORMULAS_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include "simd.h"
#include "vmath.h"

#include "registry.h"

/* Doubles first: losses of both types are computed in double. */
#define REAL double
#define EPSILON DBL_EPSILON
#define N(name) name##_f64
#include "formulas_template.h"
#undef REAL
#undef EPSILON
#undef N

#define REAL float
#define EPSILON FLT_EPSILON
#define N(name) name##_f32
#include "formulas_template.h"
#undef REAL
#undef EPSILON
#undef N

#endif

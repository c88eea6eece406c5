/* Activations of one number, their slopes, taken from the output y as everywhere in nncore, and the
 * slopes of losses. */
#ifndef NNCORE_FORMULAS_H
#define NNCORE_FORMULAS_H

#include <float.h>
#include "vmath.h"

typedef enum { IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, SOFTMAX } Activation;

typedef enum {
    SQUARED_ERROR,
    HALF_SQUARED_ERROR,
    ABSOLUTE_ERROR,
    HUBER,                 /* d^2/2 where |d| <= 1, |d| - 1/2 beyond (Huber 1964, delta = 1) */
    BINARY_CROSS_ENTROPY,
    SIGMOID_CROSS_ENTROPY, /* BINARY_CROSS_ENTROPY of sigmoid(p), from the logits p */
    HALF_POISSON_DEVIANCE, /* of exp(p), from the logs of means p */
    SOFTMAX_CROSS_ENTROPY  /* not element-wise: see softmax_cross_entropy_block */
} Loss;

#define REAL float
#define EPSILON FLT_EPSILON
#define N(name) name##_f32
#include "formulas_template.h"
#undef REAL
#undef EPSILON
#undef N

#define REAL double
#define EPSILON DBL_EPSILON
#define N(name) name##_f64
#include "formulas_template.h"
#undef REAL
#undef EPSILON
#undef N

#endif

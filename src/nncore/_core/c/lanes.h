/* Many networks of one architecture side by side: network number l is in lane l of every vector.
 *
 * The numbers of a block of networks are arrays (..., lanes): each number is followed by those of the
 * other networks. Every sum runs in the order in which the code for a single network computes it, so
 * a network gets the same bits in any lane and alone. Blocks have FEW_LANES or MANY_LANES networks;
 * several vectors at once hide the latency of a single one. Rows that all networks read are not
 * repeated: `shared` says that x and targets have no lanes. A single network uses lanes for the rows
 * of a cross-entropy (losses.pxd). */
#ifndef NNCORE_LANES_H
#define NNCORE_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "formulas.h"

enum { FEW_LANES = 16, MANY_LANES = 64 };

/* total (lanes,) = 16 partial sums (16, lanes) folded by the tree of simd.h, of which `terms` are not 0. */
NN_INLINE void lanes_total(int lanes, int terms, double *sums, double *total)
{
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width && i + width < terms; i++)
            for (int l = 0; l < lanes; l++) sums[i * lanes + l] += sums[(i + width) * lanes + l];
    for (int l = 0; l < lanes; l++) total[l] = sums[l];
}

NN_NOINLINE void lanes_fold_squares(int lanes, double *sums, double *total) { lanes_total(lanes, 16, sums, total); }

#define REAL float
#define N(name) name##_f32
#include "lanes_template.h"
#undef REAL
#undef N

#define REAL double
#define N(name) name##_f64
#include "lanes_template.h"
#undef REAL
#undef N

#endif

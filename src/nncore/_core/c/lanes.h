/* Many networks of one architecture side by side: network number l is in lane l of every vector.
 *
 * The numbers of a block of networks are arrays (..., lanes): each number is followed by those of the
 * other networks. Every sum runs in the order in which the code for a single network computes it, so
 * a network gets the same bits in any lane and alone. Blocks have FEW_LANES or MANY_LANES networks;
 * several vectors at once hide the latency of a single one. Rows that all networks read are not
 * repeated: `shared` says that x and targets have no lanes. */
#ifndef NNCORE_LANES_H
#define NNCORE_LANES_H

#include <math.h>
#include <stddef.h>
#include "formulas.h"

enum { FEW_LANES = 16, MANY_LANES = 64 };

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

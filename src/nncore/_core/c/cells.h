/* The recurrent cells, such as LSTM: what the units of a layer compute in a time step from the sums
 * of their inputs, and its derivative. Their formulas are in cells_template.h, their names and sizes
 * in registry.py; registry.h, which the build writes, lists them: EACH_CELL applies a macro to all. */
#ifndef NNCORE_CELLS_H
#define NNCORE_CELLS_H

#include <stddef.h>
#include "formulas.h"

#define REAL float
#define N(name) name##_f32
#include "cells_template.h"
#undef REAL
#undef N

#define REAL double
#define N(name) name##_f64
#include "cells_template.h"
#undef REAL
#undef N

#endif

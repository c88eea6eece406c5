/* What the headers of src/nncore/_core compute, as one hash a line: for comparing builds. Compiled by
 * test_build.py with several flags; includes itself once for each element type. */
#ifndef REAL

#include <stdio.h>
#include "formulas.h"
#include "narrow.h"
#include "tile.h"

enum { COUNT = 30000, ROWS = 7, DEPTH = 301, COLUMNS = 37 };

static uint64_t state;

static uint64_t next_bits(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state ^ state >> 29;
}

/* Numbers in [-1, 1), which every processor makes exactly. */
static double next(void) { return (double)(int64_t)(next_bits() >> 11) * 0x1p-52 - 1.0; }

static uint64_t hashed(uint64_t hash, uint64_t bits)
{
    for (int byte = 0; byte < 8; byte++, bits >>= 8) hash = (hash ^ (bits & 255)) * 1099511628211u;
    return hash;
}

/* Every NaN counts as the same one: processors give them different signs. */
static uint64_t bits_f32(float x) { return x == x ? nn_bits_f32(x) : 0x7fc00000u; }
static uint64_t bits_f64(double x) { return x == x ? nn_bits_f64(x) : 0x7ff8000000000000u; }
static float any_f32(void) { return nn_from_u32((uint32_t)(next_bits() >> 32)); }
static double any_f64(void) { return nn_from_u64(next_bits()); }

#define PRINT(NAME, N_VALUES, VALUES)                                            \
    do {                                                                         \
        uint64_t hash = 14695981039346656037u;                                   \
        for (ptrdiff_t i = 0; i < (N_VALUES); i++) hash = hashed(hash, N(bits)((VALUES)[i])); \
        printf("%s %s %016llx\n", NAME, TYPE, (unsigned long long)hash);         \
    } while (0)

#define EACH(NAME, VALUE)                                   \
    do {                                                    \
        for (ptrdiff_t i = 0; i < COUNT; i++) y[i] = VALUE; \
        PRINT(NAME, COUNT, y);                              \
    } while (0)

#define REAL float
#define TYPE "float32"
#define N(name) name##_f32
#include "header_bits.c"
#undef REAL
#undef TYPE
#undef N

#define REAL double
#define TYPE "float64"
#define N(name) name##_f64
#include "header_bits.c"

int main(void)
{
    elementary_f32(), elementary_f64();
    losses_f32(), losses_f64();
    products_f32(), products_f64();
    rows_f32(), rows_f64();
    return 0;
}

#else

static REAL N(x)[COUNT], N(z)[COUNT], N(out)[COUNT];

/* Half of them of any size and kind, half where exp is neither 0 nor infinite. */
static void N(fill)(REAL size)
{
    state = 20260101;
    for (ptrdiff_t i = 0; i < COUNT; i++) {
        N(x)[i] = i % 2 && size > 2 ? N(any)() : (REAL)next() * size;
        N(z)[i] = (REAL)next();
    }
}

static void N(elementary)(void)
{
    REAL *x = N(x), *z = N(z), *y = N(out);
    N(fill)(90);
    EACH("exp", N(nn_exp)(x[i]));
    EACH("log", N(nn_log)(x[i]));
    EACH("tanh", N(nn_tanh)(x[i] * z[i]));
    EACH("sigmoid", N(nn_sigmoid)(x[i]));
    EACH("rsqrt", N(nn_rsqrt)(z[i] * z[i] + 1));
    EACH("root", N(nn_approx_sqrt)(x[i]));
    EACH("muladd", N(nn_muladd)(x[i], z[i], z[COUNT - 1 - i]));
}

static void N(losses)(void)
{
    REAL *x = N(x), *z = N(z), *y = N(out);
    N(fill)(2);
    for (int loss = SQUARED_ERROR; loss < SOFTMAX_CROSS_ENTROPY; loss++) {
        char name[] = "loss 0";
        name[5] = (char)('0' + loss);
        EACH(name, N(nn_loss_slope)((Loss)loss, x[i], z[i] * z[i]));
    }
}

/* The whole, a row, a column and a few columns: a tile of every kind. */
static void N(products)(void)
{
    const ptrdiff_t sizes[][2] = {{ROWS, COLUMNS}, {1, COLUMNS}, {ROWS, 1}, {ROWS, 3}, {1, 1}};
    REAL *a = N(x), *b = N(z), *c = N(out);
    N(fill)(1);
    for (int start = START_ZERO; start <= START_C; start++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            const ptrdiff_t m = sizes[s][0], n = sizes[s][1];
            for (ptrdiff_t i = 0; i < m * n; i++) c[i] = (REAL)0.25;
            N(product)(m, n, DEPTH, a, DEPTH, 1, b, n, c, n, start, b);
            PRINT("product", m * n, c);
        }
}

/* Vectors of two numbers or more, the first two of which every level has. */
static void N(rows)(void)
{
    REAL rows[DEPTH * N(NARROW)], *y = N(out);
    N(fill)(1);
    for (ptrdiff_t i = 0; i < DEPTH; i++)
        for (ptrdiff_t j = 0; j < N(NARROW); j++) rows[i * N(NARROW) + j] = N(z)[2 * i + j % 2];
    N(sum_of_rows)(DEPTH, N(x), 1, rows, y);
    PRINT("narrow rows", 2, y);
    N(add_to_rows)(DEPTH, N(x), rows, rows);
    PRINT("narrow update", 2, rows + N(NARROW));
    y[0] = N(row_max)(N(x), COUNT - 5);
    y[1] = N(fold_sum)(N(x));
    PRINT("folds", 2, y);
}

#endif

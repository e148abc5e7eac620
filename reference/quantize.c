#include "reference/quantize.h"

#include <float.h>

/* The nearest integer, ties to even, of a magnitude below 2^22: what is added leaves a number no
 * room for a fraction. */
static float nearest(float value) { return value + 0x1.8p23F - 0x1.8p23F; }

struct rounding rounding_of(const struct tensor *x, size_t row, size_t terms, enum dtype dtype)
{
    struct rounding r = {.dtype = dtype};
    if (dtype != DTYPE_I8 || terms == 0)
        return r;
    float low = (float)real_at(x, row, 0), high = low;
    bool nan = false;
    for (size_t k = 0; k < terms; k++) {
        const float value = (float)real_at(x, row, k);
        nan = nan || isnan(value);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    const float spread = high - low;
    const bool finite = !nan && spread <= FLT_MAX;
    const bool spreads = finite && spread >= SPREAD_LEAST;
    r.low = low;
    r.scale = spreads ? spread / 255 : finite ? 0 : NAN;
    r.inverse = spreads ? 255 / spread : 0;
    return r;
}

struct affine quantize_weights(int8_t *to, const float *from, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(from[i]));
    const bool spreads = most >= SPREAD_LEAST;
    const float inverse = spreads ? 127 / most : 0;
    for (size_t i = 0; i < count; i++)
        to[i] = (int8_t)nearest(from[i] * inverse);
    return (struct affine){spreads ? most / 127 : 0, 0};
}

struct affine quantize_table(int8_t *to, const float *from, size_t count)
{
    float low = count ? from[0] : 0, high = low;
    for (size_t i = 0; i < count; i++) {
        low = fminf(low, from[i]);
        high = fmaxf(high, from[i]);
    }
    const float spread = high - low;
    const bool spreads = spread >= SPREAD_LEAST;
    const float inverse = spreads ? 255 / spread : 0, scale = spreads ? spread / 255 : 0;
    for (size_t i = 0; i < count; i++) {
        const float shifted = from[i] - low, step = shifted * inverse;
        to[i] = (int8_t)(nearest(step) - 128);
    }
    return (struct affine){scale, low + 128 * scale};
}

/* The loops of rounding.h, once for each instruction set: rounding.c includes this with
 * LEVEL(name), the name at this level, and TARGET, the attribute that asks for it. */

static TARGET void LEVEL(bf16)(uint16_t *restrict to, const float *restrict x, size_t terms)
{
    for (size_t k = 0; k < terms; k++)
        to[k] = bf16_of(x[k]);
}

/* A NaN is less than nothing, so the least and the largest pass it by. */
static TARGET struct rounding LEVEL(range)(const float *x, size_t terms)
{
    struct rounding rounding = {.dtype = DTYPE_I8};
    if (terms == 0)
        return rounding;
    numbers low = (numbers){0} + x[0], high = low;
    masks nan = {0};
    for (size_t k = 0; k < terms; k += COLUMNS) {
        numbers v = (numbers){0} + x[k];
        if (k + COLUMNS <= terms)
            v = *(const numbers *)(x + k);
        else
            for (size_t l = 1; k + l < terms; l++)
                v[l] = x[k + l];
        const masks less = v<low, more = v> high;
        low = (numbers)((less & (masks)v) | (~less & (masks)low));
        high = (numbers)((more & (masks)v) | (~more & (masks)high));
        nan |= v != v;
    }
    for (size_t l = 0; l < COLUMNS; l++) {
        low[0] = low[l] < low[0] ? low[l] : low[0];
        high[0] = high[l] > high[0] ? high[l] : high[0];
        nan[0] |= nan[l];
    }
    const float spread = high[0] - low[0];
    const bool finite = !nan[0] && spread <= FLT_MAX;
    const bool spreads = finite && spread >= SPREAD_LEAST;
    rounding.low = low[0];
    rounding.scale = spreads ? spread / 255 : finite ? 0 : NAN;
    rounding.inverse = spreads ? 255 / spread : 0;
    return rounding;
}

/* Adding 1.5 * 2^23 rounds to an integer, ties to even, and leaves it in the lowest bits. */
static inline TARGET uint32_t LEVEL(integer)(float x, const struct rounding *rounding)
{
    const float shifted = x - rounding->low, step = shifted * rounding->inverse;
    union {
        float value;
        uint32_t bits;
    } sum = {.value = step + 12582912.0f};
    return sum.bits & 255;
}

static TARGET void LEVEL(u8)(uint8_t *restrict to, const float *restrict x, size_t terms,
                             const struct rounding *rounding)
{
    const struct rounding r = *rounding;
    for (size_t k = 0; k < terms; k++)
        to[k] = (uint8_t)LEVEL(integer)(x[k], &r);
}

static TARGET void LEVEL(i16)(int16_t *restrict to, const float *restrict x, size_t terms,
                              const struct rounding *rounding)
{
    const struct rounding r = *rounding;
    for (size_t k = 0; k < terms; k++)
        to[k] = (int16_t)LEVEL(integer)(x[k], &r);
}

static const struct rounder LEVEL(rounder) = {LEVEL(bf16), LEVEL(range), LEVEL(u8), LEVEL(i16)};

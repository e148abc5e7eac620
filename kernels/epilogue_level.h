/* The loops of epilogue.h, once for each instruction set: epilogue.c includes this with
 * LEVEL(name), the name at this level; TARGET, the attribute that asks for it; MULTIPLY_ADD(a, b,
 * c), fused where the level has it. */

static inline TARGET float LEVEL(logistic)(float x)
{
    /* exp(t) for t = -x: 2^n times a polynomial in what is left, at most ln(2)/2. Beyond the limits
     * the quotient is 0 or 1 to within the smallest normal number. */
    float t = -x;
    t = t > 88.0f ? 88.0f : t;
    t = t < -87.0f ? -87.0f : t;
    /* 1.5 * 2^23: adding it rounds to an integer n, whose bits are the sum's last ones then. */
    const float shift = 12582912.0f;
    const union {
        float value;
        uint32_t bits;
    } shifted = {MULTIPLY_ADD(t, 1.44269504f, shift)};
    float n = shifted.value - shift;
    float r = MULTIPLY_ADD(n, -0.693359375f, t);
    r = MULTIPLY_ADD(n, 2.12194440e-4f, r);
    float e = 1.0f / 5040;
    e = MULTIPLY_ADD(e, r, 1.0f / 720);
    e = MULTIPLY_ADD(e, r, 1.0f / 120);
    e = MULTIPLY_ADD(e, r, 1.0f / 24);
    e = MULTIPLY_ADD(e, r, 1.0f / 6);
    e = MULTIPLY_ADD(e, r, 0.5f);
    e = MULTIPLY_ADD(e, r, 1.0f);
    e = MULTIPLY_ADD(e, r, 1.0f);
    const union {
        uint32_t bits;
        float value;
    } power = {.bits = (shifted.bits + 127) << 23};
    return 1 / (1 + e * power.value);
}

static inline TARGET float LEVEL(meaning)(const struct integers *from, const struct rounding *row,
                                          const int32_t *products, size_t o)
{
    return MULTIPLY_ADD(row->low, from->total[o],
                        from->scale[o] * (row->scale * (float)products[o]));
}

static TARGET void LEVEL(dequantize)(float *y, size_t ld, const struct integers *integers,
                                     const float *start, float floor, size_t rows, size_t outs)
{
    const struct integers from = *integers;
    const size_t fresh = start ? outs : 0, added = outs - fresh;
    for (size_t r = 0; r < rows; r++) {
        float *restrict to = y + r * ld;
        const int32_t *products = from.sums + r * from.ld;
        const struct rounding row = from.rounding[r];
        for (size_t o = 0; o < fresh; o++) {
            const float sum = start[o] + LEVEL(meaning)(&from, &row, products, o);
            to[o] = sum < floor ? floor : sum;
        }
        for (size_t o = 0; o < added; o++)
            to[o] += LEVEL(meaning)(&from, &row, products, o);
    }
}

static TARGET void LEVEL(bias)(float *y, size_t ld, const float *bias, size_t rows, size_t outs)
{
    for (size_t r = 0; r < rows; r++) {
        float *restrict row = y + r * ld;
        for (size_t o = 0; o < outs; o++)
            row[o] += bias[o];
    }
}

static TARGET void LEVEL(relu)(float *y, size_t ld, const float *bias, size_t rows, size_t outs)
{
    for (size_t r = 0; r < rows; r++) {
        float *restrict row = y + r * ld;
        for (size_t o = 0; o < outs; o++) {
            float sum = row[o] + bias[o];
            row[o] = 0 > sum ? 0 : sum;
        }
    }
}

static TARGET void LEVEL(gate)(float *z, size_t ld, const float *c, struct rows f, struct rows m,
                               size_t rows, size_t outs)
{
    for (size_t r = 0; r < rows; r++) {
        float *restrict row = z + r * ld;
        const float *f_row = f.data + r * f.ld, *m_row = m.data + r * m.ld;
        for (size_t o = 0; o < outs; o++)
            row[o] = MULTIPLY_ADD(LEVEL(logistic)(row[o] + c[o]), m_row[o], f_row[o]);
    }
}

static TARGET void LEVEL(units)(float *logit, struct rows hidden, const float *u, const float *w,
                                size_t rows, size_t units)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = hidden.data + r * hidden.ld;
        sums sum = {0};
        size_t h = 0;
        for (; h + CHAINS <= units; h += CHAINS) {
            sums unit = *(const sums *)(row + h) + *(const sums *)(u + h);
            unit = (sums)((masks)unit & ~(unit < 0));
            sum += *(const sums *)(w + h) * unit;
        }
        for (size_t l = 0; h + l < units; l++) {
            float unit = row[h + l] + u[h + l];
            sum[l] += w[h + l] * (0 > unit ? 0 : unit);
        }
        for (size_t half = CHAINS / 2; half > 0; half /= 2)
            for (size_t l = 0; l < half; l++)
                sum[l] += sum[l + half];
        logit[r] += sum[0];
    }
}

static TARGET void LEVEL(predict)(float *p, size_t ld, const float *logit, size_t rows)
{
    for (size_t r = 0; r < rows; r += CHAINS) {
        size_t count = rows - r < CHAINS ? rows - r : CHAINS;
        float lane[CHAINS] = {0};
        for (size_t l = 0; l < count; l++)
            lane[l] = logit[r + l];
        for (size_t l = 0; l < CHAINS; l++)
            lane[l] = LEVEL(logistic)(lane[l]);
        for (size_t l = 0; l < count; l++)
            p[(r + l) * ld] = lane[l];
    }
}

static const struct epilogue LEVEL(epilogue) = {
    LEVEL(dequantize), LEVEL(bias), LEVEL(relu), LEVEL(gate), LEVEL(units), LEVEL(predict),
};

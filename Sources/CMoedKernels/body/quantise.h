/* Quantising weight panels: one lane per weight row, one group of columns at a time.
 *
 * For each row the grid (scale, minimum) with the smallest squared error is looked for: the whole range of
 * the group and smaller ones, each refined by the least-squares fit to the codes it gives (a first step of
 * Lloyd's iteration). Both numbers are rounded to bf16 before codes are chosen, so that this rounding costs
 * nothing. */

/* The weights that codes stand for; one value a lane. */
typedef struct grid {
    f32x16 scale;
    f32x16 minimum; /* weight of code `low` */
} grid;

/* Sums over one group, for the error and the fit. */
typedef struct fit {
    f32x16 error, codes, squares, products;
} fit;

INLINE f32x16 min16(f32x16 a, f32x16 b) { return select16(a < b, a, b); }

/* The nearest bf16, ties to even, of finite values. */
INLINE f32x16 bf16_round(f32x16 value) {
    u32x16 bits = (u32x16)value;
    return (f32x16)((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
}

/* The nearest integer, ties to even, of values whose magnitude is below 2^22. */
INLINE f32x16 nearest(f32x16 value) {
    const f32x16 shifter = splat(0x1.8p23f);
    return (value + shifter) - shifter;
}

INLINE f32x16 code16(f32x16 x, grid to, f32x16 inverse, float low, float high) {
    f32x16 place = (x - to.minimum) * inverse;
    return nearest(min16(max16(place, splat(low)), splat(high)));
}

/* 1 / scale; 0 for scales so small that all weights are the minimum. */
INLINE f32x16 grid_inverse(grid to) {
    return select16(to.scale > splat(0x1p-120f), splat(1) / to.scale, splat(0));
}

INLINE fit measure(const f32x16 *x, size_t count, grid to, float low, float high) {
    f32x16 inverse = grid_inverse(to);
    fit sums = {splat(0), splat(0), splat(0), splat(0)};
    for (size_t k = 0; k < count; k++) {
        f32x16 code = code16(x[k], to, inverse, low, high);
        f32x16 off = fma16(code, to.scale, to.minimum) - x[k];
        sums.error = fma16(off, off, sums.error);
        sums.codes = sums.codes + code;
        sums.squares = fma16(code, code, sums.squares);
        sums.products = fma16(code, x[k], sums.products);
    }
    return sums;
}

/* Where `other` fits better it becomes `best`. */
INLINE fit keep_better(
    grid *best, f32x16 *error, const f32x16 *x, size_t count, grid other, float low, float high) {
    other.scale = bf16_round(other.scale);
    other.minimum = bf16_round(other.minimum);
    fit sums = measure(x, count, other, low, high);
    i32x16 better = sums.error < *error;
    best->scale = select16(better, other.scale, best->scale);
    best->minimum = select16(better, other.minimum, best->minimum);
    *error = select16(better, sums.error, *error);
    return sums;
}

/* Codes 0...15 of scale * code + minimum. */
INLINE grid best_grid_int4(const f32x16 *x, size_t count) {
    f32x16 lowest = x[0], highest = x[0], total = splat(0), n = splat((float)count);
    for (size_t k = 0; k < count; k++) {
        lowest = min16(x[k], lowest);
        highest = max16(x[k], highest);
        total = total + x[k];
    }
    f32x16 error = splat(INFINITY), range = highest - lowest;
    grid best = {splat(0), bf16_round(lowest)};
    for (int step = 0; step < 9; step++) {
        f32x16 cut = range * splat(0.025f * (float)step); /* at each end, of the whole range */
        grid whole = {(range - cut - cut) / splat(15), lowest + cut};
        fit sums = keep_better(&best, &error, x, count, whole, 0, 15);
        f32x16 spread = n * sums.squares - sums.codes * sums.codes;
        f32x16 slope = (n * sums.products - sums.codes * total) / spread;
        i32x16 usable = (spread > splat(0)) & (slope > splat(0));
        grid fitted = {select16(usable, slope, whole.scale), whole.minimum};
        fitted.minimum = select16(usable, (total - slope * sums.codes) / n, whole.minimum);
        keep_better(&best, &error, x, count, fitted, 0, 15);
    }
    return best;
}

/* Codes -127...127 of scale * code. */
INLINE grid best_grid_int8(const f32x16 *x, size_t count) {
    f32x16 largest = splat(0);
    for (size_t k = 0; k < count; k++) largest = max16(max16(x[k], -x[k]), largest);
    f32x16 error = splat(INFINITY);
    grid best = {splat(0), splat(0)};
    for (int step = 0; step < 4; step++) {
        /* Half a bf16 step apart: beyond a few of them the largest weight is cut too much. */
        grid whole = {largest / splat(127) * splat(1.002f - 0.002f * (float)step), splat(0)};
        fit sums = keep_better(&best, &error, x, count, whole, -127, 127);
        f32x16 slope = sums.products / sums.squares;
        grid fitted = {select16(sums.squares > splat(0), slope, whole.scale), splat(0)};
        keep_better(&best, &error, x, count, fitted, -127, 127);
    }
    return best;
}

INLINE void store_bf16(uint16_t *target, f32x16 value) {
    u16x16 half = __builtin_convertvector((u32x16)value >> 16, u16x16);
    memcpy(target, &half, sizeof half);
}

/* The codes of four columns, one byte each, the first lowest; columns from `count` on are code `none`. */
INLINE u32x16 quad_codes(const f32x16 *x, size_t k, size_t count, grid to, f32x16 inverse, int bits) {
    u32x16 quad = (u32x16)splat(0);
    for (size_t j = 0; j < 4; j++) {
        i32x16 code = (i32x16)(u32x16)splat(0);
        if (k + j < count)
            code = __builtin_convertvector(
                code16(x[k + j], to, inverse, bits == 8 ? -127 : 0, bits == 8 ? 127 : 15), i32x16);
        if (bits == 8) code += 128;
        quad |= (u32x16)code << (uint32_t)(8 * j);
    }
    return quad;
}

/* A panel from `rows` rows of `columns` weights. */
INLINE void quantise(
    uint8_t *panel, const float *source, size_t rows, size_t columns, const int bits, size_t group) {
    size_t groups = (columns + group - 1) / group;
    memset(panel, 0, moed_panel_bytes(bits, columns, group));
    for (size_t g = 0; g < groups; g++) {
        f32x16 x[MOED_GROUP_MAX];
        size_t count = columns - g * group < group ? columns - g * group : group;
        for (size_t k = 0; k < count; k++) {
            float lanes[MOED_PANEL] = {0};
            for (size_t row = 0; row < rows; row++) lanes[row] = source[row * columns + g * group + k];
            x[k] = load(lanes);
        }
        grid to = bits == 8 ? best_grid_int8(x, count) : best_grid_int4(x, count);
        f32x16 inverse = grid_inverse(to);
        moed_group_place place = moed_group_at(bits, columns, group, g);
        uint16_t *scales = (uint16_t *)(panel + place.scales);
        store_bf16(scales, to.scale);
        if (bits == 4) store_bf16(scales + MOED_PANEL, to.minimum);
        for (size_t k = 0; k < group; k += bits == 8 ? 4 : 8) {
            u32x16 quad = quad_codes(x, k, count, to, inverse, bits);
            if (bits == 4) quad |= quad_codes(x, k + 4, count, to, inverse, bits) << 4;
            memcpy(panel + place.codes + k * MOED_PANEL * (size_t)bits / 8, &quad, sizeof quad);
        }
    }
}

static void quantise_int8(void *panel, const float *source, size_t rows, size_t columns, size_t group) {
    quantise(panel, source, rows, columns, 8, group);
}

static void quantise_int4(void *panel, const float *source, size_t rows, size_t columns, size_t group) {
    quantise(panel, source, rows, columns, 4, group);
}

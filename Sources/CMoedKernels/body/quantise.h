/* Quantising weight panels: one lane per weight row, one group of columns at a time.
 *
 * For each row the grid (scale, minimum) with the smallest squared error is looked for, of int4: the whole range of
 * the group and smaller ones, each refined by the least-squares fit to the codes it gives (a first step of
 * Lloyd's iteration). When all of a row's grids are known, so is its unit; then the nearest that can be stored are
 * compared, and codes are chosen for what is stored, so that this rounding costs next to nothing. */

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
INLINE fit keep_better(grid *best, f32x16 *error, const f32x16 *x, size_t count, grid other, float low, float high) {
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
    grid best = {splat(0), lowest};
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
    return (grid){largest / splat(127), splat(0)};
}

/* The unit of which scales and minima can be numbers of one byte, with some room above the largest scale wanted. */
INLINE f32x16 unit_for(f32x16 largest_scale, f32x16 largest_minimum) {
    f32x16 unit = max16(largest_scale / splat(248), largest_minimum / splat(127 * MOED_MINIMUM_UNITS));
    return select16(unit > splat(0x1p-110f), unit, splat(0));
}

/* What numbers as they are stored stand for. */
INLINE grid in_weights(grid stored, f32x16 unit) {
    return (grid){stored.scale * unit, stored.minimum * (unit * splat(MOED_MINIMUM_UNITS))};
}

/* Of the grids around `wanted` that can be stored the one that fits best, in units (minima in steps of
 * MOED_MINIMUM_UNITS). A smaller scale keeps the middle of the range where it is. Larger scales round more on average,
 * but one of many happens to lie well for these weights: with int8 that is 7 % of the error. */
INLINE grid best_in_units(const f32x16 *x, size_t count, grid wanted, f32x16 unit, const int bits) {
    const float low = bits == 8 ? -127 : 0, high = bits == 8 ? 127 : 15;
    f32x16 inverse = select16(unit > splat(0), splat(1) / unit, splat(0)), error = splat(INFINITY);
    grid best = {splat(0), splat(0)};
    for (int more = bits == 8 ? -2 : -4; more <= (bits == 8 ? 13 : 8); more++) {
        f32x16 scale = nearest(wanted.scale * inverse) + splat((float)more);
        scale = min16(max16(scale, splat(0)), splat(255));
        f32x16 below = wanted.minimum + (wanted.scale - scale * unit) * splat((low + high) / 2);
        below = below * inverse * splat(1.0f / MOED_MINIMUM_UNITS) - splat(0.5f);
        for (int up = 0; up < (bits == 8 ? 1 : 2); up++) {
            f32x16 minimum = bits == 8 ? splat(0) : nearest(below + splat((float)up));
            minimum = min16(max16(minimum, splat(-127)), splat(127));
            fit sums = measure(x, count, in_weights((grid){scale, minimum}, unit), low, high);
            i32x16 better = sums.error < error;
            best.scale = select16(better, scale, best.scale);
            best.minimum = select16(better, minimum, best.minimum);
            error = select16(better, sums.error, error);
        }
    }
    return best;
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

/* Group g of `rows` rows, one lane a row; gives the number of its columns. */
INLINE size_t gather(f32x16 *x, const float *source, size_t rows, size_t columns, size_t group, size_t g) {
    size_t count = columns - g * group < group ? columns - g * group : group;
    for (size_t k = 0; k < count; k++) {
        float lanes[MOED_PANEL] = {0};
        for (size_t row = 0; row < rows; row++) lanes[row] = source[row * columns + g * group + k];
        x[k] = load(lanes);
    }
    return count;
}

/* A panel from `rows` rows of `columns` weights. Until a group's codes are made, its wanted grid is at their place. */
INLINE void quantise(
    uint8_t *panel, const float *source, size_t rows, size_t columns, const int bits, size_t group) {
    size_t groups = (columns + group - 1) / group;
    f32x16 x[MOED_GROUP_MAX], scale = splat(0), minimum = splat(0);
    memset(panel, 0, moed_panel_bytes(bits, columns, group));
    for (size_t g = 0; g < groups; g++) {
        size_t count = gather(x, source, rows, columns, group, g);
        grid wanted = bits == 8 ? best_grid_int8(x, count) : best_grid_int4(x, count);
        memcpy(panel + moed_group_at(bits, columns, group, g).codes, &wanted, sizeof wanted);
        scale = max16(wanted.scale, scale);
        minimum = max16(max16(wanted.minimum, -wanted.minimum), minimum);
    }
    const f32x16 unit = unit_for(scale, minimum);
    store((float *)panel, unit);
    for (size_t g = 0; g < groups; g++) {
        moed_group_place place = moed_group_at(bits, columns, group, g);
        size_t count = gather(x, source, rows, columns, group, g);
        grid to;
        memcpy(&to, panel + place.codes, sizeof to);
        to = best_in_units(x, count, to, unit, bits);
        u8x16 scales = __builtin_convertvector(to.scale, u8x16);
        i8x16 minima = __builtin_convertvector(to.minimum, i8x16);
        memcpy(panel + place.scales, &scales, sizeof scales);
        if (bits == 4) memcpy(panel + place.scales + MOED_PANEL, &minima, sizeof minima);
        to = in_weights(to, unit);
        f32x16 inverse = grid_inverse(to);
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

/* Keys and values in the formats of the KV cache: stored token by token, widened block by block. */

/* To half floats, ties to even. A number that is too large becomes the largest; what is infinite or no number
 * becomes none, so that it cannot pass for one. Integer arithmetic, so that all variants agree: not every
 * processor has an instruction for it. */
INLINE u16x16 narrow_halves(f32x16 x) {
    i32x16 bits = (i32x16)x, size = bits & 0x7fffffff, none = size >= 0x7f800000;
    i32x16 largest = splat_int(0x477fe000), large = size > largest;
    size = (large & largest) | (~large & size);
    i32x16 normal = (size - (112 << 23) + 0xfff + (size >> 13 & 1)) >> 13;
    /* The last bit of 0.5 counts 2^-24, as that of subnormal halves: the sum rounds to it. */
    i32x16 small = (i32x16)((f32x16)size + splat(0.5f)) - (i32x16)splat(0.5f);
    i32x16 is_small = size < 0x38800000; /* 2^-14 */
    i32x16 half = (is_small & small) | (~is_small & normal);
    half = (none & 0x7e00) | (~none & half);
    return __builtin_convertvector(half | (bits >> 16 & 0x8000), u16x16);
}

INLINE f32x16 widen_codes(const int8_t *source) {
    i8x16 codes;
    memcpy(&codes, source, sizeof codes);
    return __builtin_convertvector(codes, f32x16);
}

/* x [count] as codes -127...127; returns their scale. Where a value is infinite or not a number, codes are 0
 * and the scale is not a number. */
INLINE float narrow_codes(int8_t *codes, const float *x, size_t count) {
    i32x16 most = splat_int(0);
    for (size_t d = 0; d < count; d += MOED_PANEL) {
        i32x16 bits = (i32x16)load_part(x + d, count - d, 0) & 0x7fffffff, more = bits > most;
        most = (more & bits) | (~more & most);
    }
    float largest = max_bits(most);
    int finite = largest <= 0x1.fffffep127f;
    float inverse = finite && largest > 0x1p-100f ? 127.0f / largest : 0;
    const f32x16 shifter = splat(0x1.8p23f); /* adding it rounds to an integer, in the low bits */
    for (size_t d = 0; d < count; d += MOED_PANEL) {
        f32x16 value = inverse > 0 ? load_part(x + d, count - d, 0) : splat(0);
        i32x16 code = (i32x16)(value * splat(inverse) + shifter) - (i32x16)shifter;
        i8x16 narrow = __builtin_convertvector(code, i8x16);
        memcpy(codes + d, &narrow, count - d < MOED_PANEL ? count - d : sizeof narrow);
    }
    return !finite ? NAN : inverse > 0 ? largest / 127.0f : 0;
}

INLINE size_t padded(size_t head_dim) { return (head_dim + MOED_PANEL - 1) / MOED_PANEL * MOED_PANEL; }

static void store_halves(uint16_t *block, size_t slot, const float *key, const float *value, size_t head_dim) {
    uint16_t *values = block + head_dim * MOED_KV_BLOCK + slot * padded(head_dim);
    for (size_t d = 0; d < head_dim; d += MOED_PANEL) {
        size_t count = head_dim - d < MOED_PANEL ? head_dim - d : MOED_PANEL;
        u16x16 keys = narrow_halves(load_part(key + d, count, 0));
        for (size_t i = 0; i < count; i++) block[(d + i) * MOED_KV_BLOCK + slot] = keys[i];
        u16x16 narrow = narrow_halves(load_part(value + d, count, 0));
        memcpy(values + d, &narrow, sizeof narrow);
    }
}

static void store_codes(int8_t *block, size_t slot, const float *key, const float *value, size_t head_dim) {
    size_t width = padded(head_dim);
    float *scales = (float *)(block + MOED_KV_BLOCK * (head_dim + width));
    int8_t codes[MOED_HEAD_DIM_MAX];
    scales[slot] = narrow_codes(codes, key, head_dim);
    for (size_t d = 0; d < head_dim; d++) block[d * MOED_KV_BLOCK + slot] = codes[d];
    int8_t *values = block + head_dim * MOED_KV_BLOCK + slot * width;
    scales[MOED_KV_BLOCK + slot] = narrow_codes(values, value, head_dim);
}

static void kv_store(
    void *block, int32_t format, size_t slot, const float *key, const float *value, size_t head_dim) {
    if (format == MOED_KV_F16) return store_halves(block, slot, key, value, head_dim);
    if (format == MOED_KV_INT8) return store_codes(block, slot, key, value, head_dim);
    float *floats = block;
    for (size_t d = 0; d < head_dim; d++) floats[d * MOED_KV_BLOCK + slot] = key[d];
    memcpy(floats + head_dim * MOED_KV_BLOCK + slot * padded(head_dim), value, head_dim * sizeof *value);
}

/* One head of a block as f32: K^T [head_dim][32], V [32][padded]. */
typedef struct kv_floats {
    const float *keys;
    const float *values;
} kv_floats;

/* Where the others are widened to. */
typedef struct kv_scratch {
    float keys[MOED_HEAD_DIM_MAX * MOED_KV_BLOCK];
    float values[MOED_KV_BLOCK * MOED_HEAD_DIM_MAX];
} kv_scratch;

/* The block's first `tokens` places; keys behind them may be anything. */
INLINE kv_floats widen_block(
    const void *block, int32_t format, size_t tokens, size_t head_dim, kv_scratch *scratch) {
    size_t width = padded(head_dim), keys = head_dim * MOED_KV_BLOCK;
    if (format == MOED_KV_F16) {
        const uint16_t *halves = block;
        for (size_t i = 0; i < keys; i += MOED_PANEL) store(scratch->keys + i, widen_halves(halves + i));
        for (size_t i = 0; i < tokens * width; i += MOED_PANEL)
            store(scratch->values + i, widen_halves(halves + keys + i));
    } else if (format == MOED_KV_INT8) {
        const int8_t *codes = block;
        const float *scales = (const float *)(codes + MOED_KV_BLOCK * (head_dim + width));
        f32x16 low = load(scales), high = load(scales + 16);
        for (size_t i = 0; i < keys; i += MOED_KV_BLOCK) {
            store(scratch->keys + i, widen_codes(codes + i) * low);
            store(scratch->keys + i + 16, widen_codes(codes + i + 16) * high);
        }
        for (size_t t = 0; t < tokens; t++)
            for (size_t d = 0; d < width; d += MOED_PANEL)
                store(
                    scratch->values + t * width + d,
                    widen_codes(codes + keys + t * width + d) * splat(scales[MOED_KV_BLOCK + t]));
    } else {
        const float *floats = block;
        return (kv_floats){floats, floats + keys};
    }
    return (kv_floats){scratch->keys, scratch->values};
}

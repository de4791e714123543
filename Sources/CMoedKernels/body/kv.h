/* Keys and values as floats: stored token by token, halves widened where they are used. */

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

/* -1 where a finite number is beyond the largest half. */
INLINE i32x16 beyond_halves(f32x16 x) {
    i32x16 size = (i32x16)x & 0x7fffffff;
    return (size > splat_int(0x477fe000)) & (size < splat_int(0x7f800000));
}

INLINE size_t padded(size_t head_dim) { return (head_dim + MOED_PANEL - 1) / MOED_PANEL * MOED_PANEL; }

/* Returns the number of keys and values that became the largest half. */
static size_t store_halves(uint16_t *block, size_t position, const float *key, const float *value, size_t head_dim) {
    i32x16 clamped = splat_int(0);
    uint16_t *values = block + head_dim * MOED_KV_BLOCK + position * padded(head_dim);
    for (size_t d = 0; d < head_dim; d += MOED_PANEL) {
        size_t count = head_dim - d < MOED_PANEL ? head_dim - d : MOED_PANEL;
        f32x16 wide_keys = load_part(key + d, count, 0), wide_values = load_part(value + d, count, 0);
        clamped -= beyond_halves(wide_keys) + beyond_halves(wide_values);
        u16x16 keys = narrow_halves(wide_keys);
        for (size_t i = 0; i < count; i++) block[(d + i) * MOED_KV_BLOCK + position] = keys[i];
        u16x16 narrow = narrow_halves(wide_values);
        memcpy(values + d, &narrow, sizeof narrow);
    }
    size_t sum = 0;
    for (size_t i = 0; i < MOED_PANEL; i++) sum += (size_t)clamped[i];
    return sum;
}

/* One head of a block: K^T [head_dim][32], V [32][width]. */
typedef struct kv_block {
    const void *keys;
    size_t head_dim;
    size_t width;
} kv_block;

INLINE kv_block kv_block_at(const void *place, size_t head_dim) {
    return (kv_block){place, head_dim, padded(head_dim)};
}

/* 16 elements from place `index` of the head, widened. */
INLINE f32x16 load_elements(const int format, kv_block block, size_t index) {
    if (format == MOED_KV_F16) return widen_halves((const uint16_t *)block.keys + index);
    return load((const float *)block.keys + index);
}

/* Element d of the keys of 16 tokens from `token` (0 or 16) on; those of places not written may be anything. */
INLINE f32x16 load_keys(const int format, kv_block block, size_t d, size_t token) {
    return load_elements(format, block, d * MOED_KV_BLOCK + token);
}

/* Elements d...d + 15 of one token's value. */
INLINE f32x16 load_value(const int format, kv_block block, size_t token, size_t d) {
    return load_elements(format, block, MOED_KV_BLOCK * block.head_dim + token * block.width + d);
}

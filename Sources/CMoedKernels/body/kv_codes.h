/* Keys and values as int8, laid out for integer products: see moed_kernels.h. */

/* One head of a block. */
typedef struct coded_block {
    const uint8_t *keys;
    const int8_t *values;
    const float *key_scales;   /* [groups][32] */
    const float *value_scales; /* [32] */
    size_t quads;              /* head_dim / 4, rounded up */
    size_t groups;             /* head_dim / 32, rounded up */
    size_t width;              /* head_dim rounded up to 16 */
} coded_block;

INLINE coded_block coded_block_at(const void *place, size_t head_dim) {
    coded_block block = {
        .keys = place, .quads = (head_dim + 3) / 4, .groups = (head_dim + MOED_KV_GROUP - 1) / MOED_KV_GROUP,
        .width = padded(head_dim)};
    block.values = (const int8_t *)(block.keys + block.quads * 4 * MOED_KV_BLOCK);
    block.key_scales = (const float *)(block.values + block.width * MOED_KV_BLOCK);
    block.value_scales = block.key_scales + block.groups * MOED_KV_BLOCK;
    return block;
}

/* Numbers of the places of a block. */
static const float place_numbers[MOED_KV_BLOCK] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

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

static void store_codes(void *place, size_t position, const float *key, const float *value, size_t head_dim) {
    coded_block block = coded_block_at(place, head_dim);
    uint8_t *keys = (uint8_t *)place + position / 16 * 64 + position % 16 * 4;
    int8_t *values = (int8_t *)block.values + position / 4 * 64 + position % 4;
    int8_t codes[MOED_HEAD_DIM_MAX];
    for (size_t group = 0, d = 0; d < head_dim; group++, d += MOED_KV_GROUP) {
        size_t count = head_dim - d < MOED_KV_GROUP ? head_dim - d : MOED_KV_GROUP;
        ((float *)block.key_scales)[group * MOED_KV_BLOCK + position] = narrow_codes(codes + d, key + d, count);
    }
    for (size_t d = 0; d < head_dim; d++) keys[d / 4 * 128 + d % 4] = (uint8_t)codes[d] ^ 0x80;
    ((float *)block.value_scales)[position] = narrow_codes(codes, value, head_dim);
    for (size_t d = 0; d < head_dim; d++) values[d / 16 * 512 + d % 16 * 4] = codes[d];
}

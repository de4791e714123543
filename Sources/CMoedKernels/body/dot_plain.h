/* Dot products of four inputs with what every processor has. */

/* sum + the dot product of each lane's four unsigned codes with the four signed codes in `quad`. */
INLINE i32x16 dot_int8(i32x16 sum, u32x16 codes, uint32_t quad) {
    UNROLL for (int j = 0; j < 4; j++)
        sum += (i32x16)(codes >> (uint32_t)(8 * j) & 255) * (int32_t)(int8_t)(quad >> (8 * j));
    return sum;
}

/* Sums over tokens of weight times value code: weights are 0...2^14, four tokens a quad; a lane's four codes are of
 * one element of their values. */
typedef struct weight_codes {
    int32_t words[4 * WEIGHT_QUADS];
} weight_codes;
typedef struct value_sum {
    i32x16 all;
} value_sum;

/* The low 15 bits of 16 weights are those of quads `quad`...quad + 3. */
INLINE void store_weights(weight_codes *to, size_t quad, u32x16 weights) {
    weights &= 0x7fff;
    memcpy(to->words + 4 * quad, &weights, sizeof weights);
}

INLINE value_sum value_start(void) { return (value_sum){splat_int(0)}; }

INLINE void value_add(value_sum *sum, const weight_codes *weights, size_t quad, u32x16 codes) {
    UNROLL for (int j = 0; j < 4; j++)
        sum->all += ((i32x16)(codes << (uint32_t)(24 - 8 * j)) >> 24) * weights->words[4 * quad + j];
}

INLINE i32x16 value_end(value_sum sum) { return sum.all; }

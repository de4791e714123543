/* Dot products of four inputs with what every processor has. */

/* What the sum over a group of weights starts from: -128 times the sum of the activations. */
INLINE i32x16 dot_start(int32_t offset) { return splat_int(offset); }

/* sum + the dot product of each lane's four unsigned codes with the four signed codes in `quad`. */
INLINE i32x16 dot_int8(i32x16 sum, u32x16 codes, uint32_t quad) {
    UNROLL for (int j = 0; j < 4; j++)
        sum += (i32x16)(codes >> (uint32_t)(8 * j) & 255) * (int32_t)(int8_t)(quad >> (8 * j));
    return sum;
}

INLINE i32x16 dot_int4(i32x16 sum, u32x16 codes, uint32_t quad) { return dot_int8(sum, codes, quad); }

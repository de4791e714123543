/* Dot products of four inputs with what every processor has. */

/* What the sum over a group of weights starts from: -128 times the sum of the activations. */
INLINE i32x16 dot_start(int32_t offset) { return splat_int(offset); }

/* sum + the dot product of each lane's four unsigned codes with the four signed codes in `quad`. */
INLINE i32x16 dot_int8(i32x16 sum, u32x16 codes, uint32_t quad) {
    UNROLL for (int j = 0; j < 4; j++)
        sum += (i32x16)(codes >> (uint32_t)(8 * j) & 255) * (int32_t)(int8_t)(quad >> (8 * j));
    return sum;
}

/* The same for codes of 4 bits, in a sum of at most 32 inputs that starts from `few_start` and goes into the whole
 * by `few_end`: room for variants that add such short sums faster. */
INLINE i32x16 few_start(i32x16 sum) { return sum; }
INLINE i32x16 dot_int4(i32x16 few, u32x16 codes, uint32_t quad) { return dot_int8(few, codes, quad); }
INLINE i32x16 few_end(i32x16 sum, i32x16 few) {
    (void)sum;
    return few;
}

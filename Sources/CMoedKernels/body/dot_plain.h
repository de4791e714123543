/* Dot products of four inputs with what every processor has. */

/* sum + the dot product of each lane's four unsigned codes with the four signed codes in `quad`. */
INLINE i32x16 dot_int8(i32x16 sum, u32x16 codes, uint32_t quad) {
    UNROLL for (int j = 0; j < 4; j++)
        sum += (i32x16)(codes >> (uint32_t)(8 * j) & 255) * (int32_t)(int8_t)(quad >> (8 * j));
    return sum;
}

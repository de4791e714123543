/* What variants share whose byte products do not saturate: sums of any length start from what unsigned codes are
 * too large by, and codes of 4 bits go through the variant's dot_int8. */

/* What the sum over a group of weights starts from: -128 times the sum of the activations. */
INLINE i32x16 dot_start(int32_t offset) { return splat_int(offset); }

/* As dot_int8 for codes of 4 bits, in a sum of at most FEW_INPUTS inputs that starts from `few_start` and goes into
 * the whole by `few_end`: room for variants that add such short sums faster. */
INLINE i32x16 few_start(i32x16 sum) { return sum; }
INLINE i32x16 dot_int4(i32x16 few, u32x16 codes, uint32_t quad) { return dot_int8(few, codes, quad); }
INLINE i32x16 few_end(i32x16 sum, i32x16 few) {
    (void)sum;
    return few;
}

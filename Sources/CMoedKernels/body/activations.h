/* Activations as the integer products read them: int8 codes with one scale per row and group of inputs. */

/* A row of activations to codes -127...127 with a scale per group. A group with a value that is infinite or
 * not a number has codes 0 and a scale that is not a number, so that its outputs are none either. */
static void quantise_row(
    void *out, const float *x, size_t columns, size_t group, size_t begin, size_t end) {
    for (size_t g = begin / group; g * group < end; g++) {
        uint8_t *codes = (uint8_t *)out + g * (group + sizeof(group_numbers));
        size_t first = g * group, count = columns - first < group ? columns - first : group;
        i32x16 most = splat_int(0), total = splat_int(0);
        for (size_t k = 0; k < count; k += MOED_PANEL) {
            /* Of floats without their sign the order is that of their bits, infinities and NaNs last. */
            i32x16 bits = (i32x16)load_part(x + first + k, count - k, 0) & 0x7fffffff;
            i32x16 more = bits > most;
            most = (more & bits) | (~more & most);
        }
        float largest = max_bits(most);
        int finite = largest <= 0x1.fffffep127f;
        float inverse = finite && largest > 0x1p-100f ? 127.0f / largest : 0;
        const f32x16 shifter = splat(0x1.8p23f);
        for (size_t k = 0; k < group; k += MOED_PANEL) {
            f32x16 value = k < count && inverse > 0 ? load_part(x + first + k, count - k, 0) : splat(0);
            i32x16 code = (i32x16)(value * splat(inverse) + shifter) - (i32x16)shifter;
            total += code;
            i8x16 narrow = __builtin_convertvector(code, i8x16);
            memcpy(codes + k, &narrow, sizeof narrow);
        }
        int32_t sum = 0;
        for (int lane = 0; lane < MOED_PANEL; lane++) sum += total[lane];
        float scale = !finite ? NAN : inverse > 0 ? largest / 127.0f : 0;
        group_numbers numbers = {scale, -128 * sum, MOED_MINIMUM_UNITS * scale * (float)sum, 0};
        memcpy(codes + group, &numbers, sizeof numbers);
    }
}

/* Kernels that work on one row at a time: norms, rotation, activation, router, sums. */

static void rms_norm(
    float *out, size_t out_stride, const float *x, size_t x_stride, const float *weight, size_t rows,
    size_t columns, float epsilon) {
    for (size_t r = 0; r < rows; r++, out += out_stride, x += x_stride) {
        f32x16 squares = splat(0);
        for (size_t c = 0; c < columns; c += MOED_PANEL) {
            f32x16 value = load_part(x + c, columns - c, 0);
            squares = fma16(value, value, squares);
        }
        float mean = sum_lanes(squares) / (float)columns;
        f32x16 scale = splat(1.0f / __builtin_elementwise_sqrt(mean + epsilon));
        for (size_t c = 0; c < columns; c += MOED_PANEL) {
            f32x16 value = load_part(x + c, columns - c, 0) * scale * load_part(weight + c, columns - c, 0);
            store_part(out + c, value, columns - c);
        }
    }
}

static void rope(float *x, const float *cosine, const float *sine, size_t heads, size_t head_dim) {
    size_t half = head_dim / 2;
    for (size_t h = 0; h < heads; h++, x += head_dim)
        for (size_t i = 0; i < half; i += MOED_PANEL) {
            size_t count = half - i;
            f32x16 a = load_part(x + i, count, 0), b = load_part(x + half + i, count, 0);
            f32x16 c = load_part(cosine + i, count, 0), s = load_part(sine + i, count, 0);
            store_part(x + i, a * c - b * s, count);
            store_part(x + half + i, b * c + a * s, count);
        }
}

static void silu_mul(float *gate, const float *up, size_t stride, size_t rows, size_t begin, size_t end) {
    for (size_t r = 0; r < rows; r++, gate += stride, up += stride)
        for (size_t c = begin; c < end; c += MOED_PANEL) {
            f32x16 g = load_part(gate + c, end - c, 0);
            f32x16 silu = g / (splat(1) + exp16(-g));
            store_part(gate + c, silu * load_part(up + c, end - c, 0), end - c);
        }
}

/* In place: x becomes its softmax. */
static void softmax(float *x, size_t columns) {
    f32x16 top = splat(-INFINITY), sum = splat(0);
    for (size_t c = 0; c < columns; c += MOED_PANEL)
        top = max16(load_part(x + c, columns - c, -INFINITY), top);
    f32x16 most = splat(max_lanes(top));
    for (size_t c = 0; c < columns; c += MOED_PANEL) {
        f32x16 e = exp16(load_part(x + c, columns - c, -INFINITY) - most);
        sum = sum + e;
        store_part(x + c, e, columns - c);
    }
    f32x16 total = splat(sum_lanes(sum));
    for (size_t c = 0; c < columns; c += MOED_PANEL)
        store_part(x + c, load_part(x + c, columns - c, 0) / total, columns - c);
}

static void route(int32_t *ids, float *weights, float *logits, size_t experts, size_t k, int renormalise) {
    softmax(logits, experts);
    float total = 0;
    for (size_t rank = 0; rank < k; rank++) {
        /* A chosen expert is marked by -1. When all that is left is not a number, the lowest id is taken, so
         * that the ids are valid and distinct whatever the logits are. */
        size_t best = experts;
        for (size_t e = 0; e < experts; e++) {
            if (logits[e] == -1) continue;
            if (best == experts || logits[e] > logits[best]) best = e;
        }
        ids[rank] = (int32_t)best;
        weights[rank] = logits[best];
        total = total + logits[best];
        logits[best] = -1;
    }
    if (!renormalise) return;
    for (size_t rank = 0; rank < k; rank++) weights[rank] = weights[rank] / total;
}

static void combine(
    float *out, const float *y, size_t stride, const float *weights, size_t k, size_t columns) {
    for (size_t c = 0; c < columns; c += MOED_PANEL) {
        f32x16 sum = splat(0);
        for (size_t j = 0; j < k; j++)
            sum = fma16(splat(weights[j]), load_part(y + j * stride + c, columns - c, 0), sum);
        store_part(out + c, sum, columns - c);
    }
}

static void add(float *x, const float *delta, size_t columns) {
    for (size_t c = 0; c < columns; c += MOED_PANEL) {
        f32x16 sum = load_part(x + c, columns - c, 0) + load_part(delta + c, columns - c, 0);
        store_part(x + c, sum, columns - c);
    }
}

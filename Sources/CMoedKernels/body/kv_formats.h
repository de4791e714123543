/* What the format of keys and values chooses. */

static size_t kv_store(
    void *block, int32_t format, size_t position, const float *key, const float *value, size_t head_dim) {
    if (format == MOED_KV_F16) return store_halves(block, position, key, value, head_dim);
    if (format == MOED_KV_INT8) {
        store_codes(block, position, key, value, head_dim);
        return 0;
    }
    float *floats = block;
    for (size_t d = 0; d < head_dim; d++) floats[d * MOED_KV_BLOCK + position] = key[d];
    memcpy(floats + head_dim * MOED_KV_BLOCK + position * padded(head_dim), value, head_dim * sizeof *value);
    return 0;
}

static void attention(const moed_attention *job) {
    switch (job->format) {
        case MOED_KV_F16: attend_all(MOED_KV_F16, job); break;
        case MOED_KV_INT8: attend_all_codes(job); break;
        default: attend_all(MOED_KV_F32, job); break;
    }
}

/* The variant's function table; TABLE and NAME come from the including file. */
const moed_kernels TABLE = {
    .name = NAME,
    .matmul_bf16 = matmul_bf16,
    .matmul_f32 = matmul_f32,
    .quantise_row = quantise_row,
    .matmul_int8 = matmul_int8,
    .matmul_int4 = matmul_int4,
    .rms_norm = rms_norm,
    .rope = rope,
    .silu_mul = silu_mul,
    .route = route,
    .combine = combine,
    .add = add,
    .attention = attention,
    .quantise_int8 = quantise_int8,
    .quantise_int4 = quantise_int4,
};

import MoedCore

/// Finds the encoding of a quantised matrix. Its tensors decide: what a description says of single modules is
/// inconsistent in published files.
struct QuantizedMatrix {
    let tensors: ModuleTensors
    let shape: MatrixShape
    /// Nil when the checkpoint describes no quantisation.
    let description: QuantizationDescription?

    /// Endings of tensors that only activations, other programs or the shape need.
    private static let unneeded = [
        "input_scale", "input_global_scale", "activation_scale", "output_scale", "input_zero_point", "g_idx",
        "weight_shape", "weight_g_idx", "k_scale", "v_scale", "q_scale",
    ]

    /// The rows; nil when the matrix is stored plainly or not at all.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming the tensor that is missing or does not fit,
    ///   `(.unsupportedModel)` for an encoding that is not read.
    func rows() throws(EngineError) -> (any RowSource)? {
        let weight = try tensors.tensor("weight")
        if let weight, let other = Self.packedEndings.first(where: tensors.has) {
            throw weight.error("and \(tensors.stored(other)) are both there: only one of them can be right")
        }
        if let weight, weight.entry.isPlainWeight { return nil }
        if let weight, let blocks = weight.entry.blocks { return try BlockRows(weight, blocks, shape) }
        var found = try packed()
        if found == nil, let weight { found = try scaled(weight) }
        guard let source = found else { return nil }
        try checkBias()
        for ending in Self.unneeded where tensors.has(ending) {
            tensors.checkpoint.note("\(tensors.module).\(ending)")
        }
        return source
    }

    /// Endings of tensors of codes.
    static let packedEndings = ["qweight", "weight_packed"]

    private var schemes: [QuantScheme] { description?.schemes ?? [] }
    private var groupSizes: [Int] { description?.groupSizes ?? [] }

    /// Codes that share words or bytes.
    private func packed() throws(EngineError) -> (any RowSource)? {
        if let codes = try tensors.tensor("qweight") { return try transposed(codes) }
        guard let packed = try tensors.tensor("weight_packed") else { return nil }
        let scales = try tensors.required("weight_scale", beside: packed)
        guard packed.entry.type != .u8 else {
            // NVFP4 has scales in FP8 and one of the matrix; MXFP4 has powers of two.
            let matrixScale =
                scales.entry.type == .f8e4m3
                ? try tensors.required("weight_global_scale", beside: packed)
                : try tensors.tensor("weight_global_scale")
            return try FP4Rows(packed, scales: scales, matrixScale: matrixScale.map { ($0, .divides) }, shape)
        }
        let rows = try PackedIntRows(
            PackedIntRows.Tensors(
                packed: packed, scales: scales, zeros: try tensors.tensor("weight_zero_point"),
                groupIndex: try tensors.tensor("weight_g_idx"), shape: try tensors.tensor("weight_shape")),
            shape, bits: description?.bits ?? [], groupSizes: groupSizes)
        let possible = schemes.filter { $0.fits(bits: rows.bits, groups: rows.groups.count, columns: shape.inputs) }
        if possible.allSatisfy({ $0.isSymmetric == false }), !possible.isEmpty {
            _ = try tensors.required("weight_zero_point", beside: packed)
        }
        try requireIndex("weight_g_idx", possible, rows.groups, beside: packed)
        return rows
    }

    /// Throws when all possible schemes have columns that name their groups, and no tensor says which ones.
    private func requireIndex(
        _ ending: String, _ possible: [QuantScheme], _ groups: QuantGroups, beside codes: any TensorBytes
    ) throws(EngineError) {
        guard !possible.isEmpty, possible.allSatisfy(\.isIndexed), groups.count > 1 else { return }
        _ = try tensors.required(ending, beside: codes)
    }

    /// GPTQ or AWQ, told apart by the shape of their codes.
    private func transposed(_ codes: any TensorBytes) throws(EngineError) -> any RowSource {
        let zeros = try tensors.required("qzeros", beside: codes)
        let scales = try tensors.required("scales", beside: codes)
        if codes.entry.shape == [shape.inputs, (shape.outputs + 7) / 8] {
            return try AWQRows(codes, zeros: zeros, scales: scales, shape, groupSizes: groupSizes)
        }
        guard let stored = description?.zeros else {
            throw codes.error(
                "is packed as GPTQ does, but the configuration does not say how its zero points are stored: "
                    + "quantization_config with quant_method and checkpoint_format is missing")
        }
        let rows = try GPTQRows(
            GPTQRows.Tensors(
                codes: codes, zeros: zeros, scales: scales, groupIndex: try tensors.tensor("g_idx")),
            shape, zeros: stored, groupSizes: groupSizes)
        let possible = schemes.filter { $0.fits(bits: rows.bits, groups: rows.groups.count, columns: shape.inputs) }
        try requireIndex("g_idx", possible, rows.groups, beside: codes)
        return rows
    }

    /// A byte a weight, or modelopt's FP4.
    private func scaled(_ weight: any TensorBytes) throws(EngineError) -> any RowSource {
        if weight.entry.type == .u8, let matrixScale = try tensors.tensor("weight_scale_2") {
            let scales = try tensors.required("weight_scale", beside: weight)
            return try FP4Rows(weight, scales: scales, matrixScale: (matrixScale, .multiplies), shape)
        }
        guard weight.entry.type == .f8e4m3 || weight.entry.type == .i8 else {
            throw EngineError(
                .unsupportedModel,
                weight.error(
                    "is \(weight.entry.type.rawValue): bf16, f16, f32, and F8_E4M3 or I8 with scales are read. "
                        + "Take the model's bf16 files").message)
        }
        let inverse = try tensors.tensor("weight_scale_inv")
        let scale = try tensors.tensor("weight_scale")
        guard let scales = inverse ?? scale else {
            throw weight.error(
                "needs \(tensors.stored("weight_scale_inv")) or weight_scale, and both are missing: the download may "
                    + "be incomplete")
        }
        if inverse != nil, let scale { throw scale.error("and weight_scale_inv are both there: only one can be right") }
        if let other = try tensors.tensor("weight_zp") {
            throw EngineError(.unsupportedModel, other.error("holds zero points of FP8, which are not read").message)
        }
        let zeros = try tensors.tensor("weight_zero_point")
        let isWhole = weight.entry.type == .i8
        if isWhole, zeros == nil, !schemes.isEmpty, schemes.allSatisfy({ $0.isSymmetric == false }) {
            _ = try tensors.required("weight_zero_point", beside: weight)
        }
        return try ScaledByteRows(
            weight, scales: scales, zeros: zeros, shape, sharings: description?.sharings ?? [])
    }

    /// Some packers write a bias of zeros. Another one would change the result.
    private func checkBias() throws(EngineError) {
        guard let bias = try tensors.tensor("bias") else { return }
        let values = try FactorTensor(bias).values(0..<bias.entry.byteCount / bias.entry.type.byteCount)
        guard values.allSatisfy({ $0 == 0 }) else {
            throw EngineError(
                .unsupportedModel, bias.error("is not zero: Qwen3's matrices have no biases").message)
        }
    }
}

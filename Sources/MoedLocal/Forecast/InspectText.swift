import MoedHost
package import MoedWeights

/// Description of a checkpoint or pack for people.
package struct InspectText {
    private let directory: ModelDirectory
    private let summary: CheckpointSummary
    private let sparseLayers: Int

    package init(_ directory: ModelDirectory) {
        self.directory = directory
        summary = directory.summary
        let model = directory.configuration
        sparseLayers = model.shape.sparseLayers
    }

    /// One line for logs and `moed check`: "Qwen3MoeForCausalLM, 2.75 M parameters (0.98 M active), 5.5 MB".
    package var oneLine: String {
        let active = sparseLayers > 0 ? " (\(HumanText.count(summary.activeParameters)) active)" : ""
        return "\(summary.architecture.rawValue), \(HumanText.count(summary.parameters)) parameters\(active), "
            + "\(HumanText.bytes(summary.weightBytes))\(packed)"
    }

    private var packed: String {
        guard case .pack(let pack) = directory else { return "" }
        return " packed (experts \(pack.manifest.experts), dense \(pack.manifest.dense))"
    }

    /// Rows about the weights on disk: bytes, files and formats.
    private var weights: [(String, String)] {
        switch directory {
        case .checkpoint(let checkpoint):
            return [
                (
                    "weights on disk",
                    "\(HumanText.bytes(summary.weightBytes)) in \(checkpoint.tensors.count) tensors"
                ),
                ("formats", Self.formats(of: checkpoint)),
            ]
        case .pack(let pack):
            let manifest = pack.manifest
            let files = PackManifest.WeightFileName.allCases.map {
                "\($0.rawValue) \(HumanText.bytes(manifest.byteCount(of: $0)))"
            }
            let bits = Double(summary.weightBytes) * 8 / Double(max(1, summary.parameters))
            let rounded = HumanText.rounded(bits, digits: 2)
            return [
                ("weights on disk", "\(HumanText.bytes(summary.weightBytes)) in \(manifest.blobs.count) blobs"),
                ("pack", "version \(PackManifest.version), written by \(manifest.tool)"),
                (
                    "formats",
                    "experts \(manifest.experts), dense \(manifest.dense), \(rounded) bits a parameter"
                ),
                ("files", files.joined(separator: ", ")),
            ]
        }
    }

    /// Bytes by type of element or block, the largest first: "Q4_K 15.2 GB, Q6_K 3.1 GB, F32 12 MB".
    private static func formats(of checkpoint: Checkpoint) -> String {
        var bytes: [String: Int] = [:]
        for tensor in checkpoint.tensors { bytes[tensor.typeName, default: 0] += tensor.byteCount }
        let types = bytes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key) \(HumanText.bytes($0.value))" }.joined(separator: ", ")
        return checkpoint.quantization.map { "\($0.method): \(types)" } ?? types
    }

    /// Rows of label and value.
    package var rows: [(String, String)] {
        let model = directory.configuration
        let unused = sparseLayers == model.layers ? " (unused: every layer has experts)" : ""
        var rows = [
            ("architecture", summary.architecture.rawValue),
            ("parameters", HumanText.count(summary.parameters)),
            ("active per token", HumanText.count(summary.activeParameters)),
            ("layers", "\(model.layers), \(sparseLayers) of them with experts"),
            ("hidden size", "\(model.hidden)"),
            ("attention", "\(model.heads) heads, \(model.keyValueHeads) key/value heads of \(model.headDim)"),
            ("feed-forward", "width \(model.intermediate)\(unused)"),
            ("context", "\(model.contextLength) tokens\(model.rotary.yarn == nil ? "" : " (YaRN)")"),
            (
                "embedding",
                "\(model.vocabulary) rows\(model.tiedEmbeddings ? ", also the output matrix" : "")"
            ),
            ("per token", "\(HumanText.count(summary.multiplyAddsPerToken)) multiply-adds"),
            ("KV cache", "\(HumanText.bytes(summary.keyValueBytesPerToken)) per token"),
        ]
        if let experts = model.experts {
            let width = "width \(experts.intermediate)"
            rows.insert(
                ("experts", "\(experts.count) per layer, \(experts.perToken) per token, \(width)"), at: 6)
        }
        rows.insert(contentsOf: weights, at: 3)
        return rows
    }
}

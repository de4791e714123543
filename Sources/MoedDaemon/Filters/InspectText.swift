import MoedWeights

/// A checkpoint or pack described for people.
struct InspectText {
    private let directory: ModelDirectory
    private let summary: CheckpointSummary
    private let sparseLayers: Int

    init(_ directory: ModelDirectory) {
        self.directory = directory
        summary = directory.summary
        let model = directory.configuration
        sparseLayers = model.shape.sparseLayers
    }

    /// For logs and `moed check`: "Qwen3MoeForCausalLM, 2.75 M parameters (0.98 M active), 5.5 MB".
    var oneLine: String {
        let active = sparseLayers > 0 ? " (\(Self.count(summary.activeParameters)) active)" : ""
        return "\(summary.architecture.rawValue), \(Self.count(summary.parameters)) parameters\(active), "
            + "\(Self.bytes(summary.weightBytes))\(packed)"
    }

    private var packed: String {
        guard case .pack(let pack) = directory else { return "" }
        return " packed (experts \(pack.manifest.experts), dense \(pack.manifest.dense))"
    }

    /// Where the weights' bytes are.
    private var weights: [(String, String)] {
        switch directory {
        case .checkpoint(let checkpoint):
            return [
                (
                    "weights on disk",
                    "\(Self.bytes(summary.weightBytes)) in \(checkpoint.tensors.count) tensors"
                )
            ]
        case .pack(let pack):
            let manifest = pack.manifest
            let files = PackManifest.WeightFileName.allCases.map {
                "\($0.rawValue) \(Self.bytes(manifest.byteCount(of: $0)))"
            }
            let bits = Double(summary.weightBytes) * 8 / Double(max(1, summary.parameters))
            let rounded = (bits * 100).rounded() / 100
            return [
                ("weights on disk", "\(Self.bytes(summary.weightBytes)) in \(manifest.blobs.count) blobs"),
                ("pack", "version \(PackManifest.version), written by \(manifest.tool)"),
                (
                    "formats",
                    "experts \(manifest.experts), dense \(manifest.dense), \(rounded) bits a parameter"
                ),
                ("files", files.joined(separator: ", ")),
            ]
        }
    }

    /// Rows of label and value.
    var rows: [(String, String)] {
        let model = directory.configuration
        let unused = sparseLayers == model.layers ? " (unused: every layer has experts)" : ""
        var rows = [
            ("architecture", summary.architecture.rawValue),
            ("parameters", Self.count(summary.parameters)),
            ("active per token", Self.count(summary.activeParameters)),
            ("layers", "\(model.layers), \(sparseLayers) of them with experts"),
            ("hidden size", "\(model.hidden)"),
            ("attention", "\(model.heads) heads, \(model.keyValueHeads) key/value heads of \(model.headDim)"),
            ("feed-forward", "width \(model.intermediate)\(unused)"),
            ("context", "\(model.contextLength) tokens\(model.rotary.yarn == nil ? "" : " (YaRN)")"),
            (
                "embedding",
                "\(model.vocabulary) rows\(model.tiedEmbeddings ? ", also the output matrix" : "")"
            ),
            ("per token", "\(Self.count(summary.multiplyAddsPerToken)) multiply-adds"),
            ("KV cache", "\(Self.bytes(summary.keyValueBytesPerToken)) per token"),
        ]
        if let experts = model.experts {
            let width = "width \(experts.intermediate)"
            rows.insert(
                ("experts", "\(experts.count) per layer, \(experts.perToken) per token, \(width)"), at: 6)
        }
        rows.insert(contentsOf: weights, at: 3)
        return rows
    }

    /// 30532122624 → "30.53 B".
    static func count(_ value: Int) -> String { scaled(value, ["", " k", " M", " B", " T"]) }

    static func bytes(_ value: Int) -> String { scaled(value, [" B", " kB", " MB", " GB", " TB"]) }

    private static func scaled(_ value: Int, _ units: [String]) -> String {
        var (scaled, unit) = (Double(value), 0)
        while scaled >= 1000, unit < units.count - 1 {
            scaled /= 1000
            unit += 1
        }
        let digits = unit == 0 ? 1.0 : scaled < 10 ? 100.0 : scaled < 100 ? 10.0 : 1.0
        let rounded = (scaled * digits).rounded() / digits
        let text = rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
        return text + units[unit]
    }
}

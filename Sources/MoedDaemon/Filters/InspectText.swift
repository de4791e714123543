import MoedWeights

/// A checkpoint described for people.
struct InspectText {
    let checkpoint: Checkpoint

    private var costs: ModelCosts { ModelCosts(checkpoint.configuration) }

    /// For logs and `moed check`: "Qwen3MoeForCausalLM, 2.75 M parameters (0.98 M active), 5.5 MB".
    var oneLine: String {
        let c = costs
        let active = c.expertParameters > 0 ? " (\(Self.count(c.activeParameters)) active)" : ""
        return
            "\(checkpoint.configuration.architecture.rawValue), \(Self.count(c.parameters)) parameters\(active), "
            + Self.bytes(checkpoint.byteCount)
    }

    /// Rows of label and value.
    var rows: [(String, String)] {
        let m = checkpoint.configuration
        let c = costs
        var rows = [
            ("architecture", m.architecture.rawValue),
            ("parameters", "\(Self.count(c.parameters)), \(Self.count(c.activeParameters)) used per token"),
            ("weights on disk", "\(Self.bytes(checkpoint.byteCount)) in \(checkpoint.tensors.count) tensors"),
            ("layers", "\(m.layers), \(c.sparseLayers) of them with experts"),
            ("hidden size", "\(m.hidden)"),
            ("attention", "\(m.heads) heads, \(m.keyValueHeads) key/value heads of \(m.headDim)"),
        ]
        if let experts = m.experts {
            rows.append(
                (
                    "experts",
                    "\(experts.count) per layer, \(experts.perToken) per token, width \(experts.intermediate), "
                        + "\(Self.count(c.expertParameters)) weights each"
                ))
        }
        rows += [
            (
                "feed-forward",
                "width \(m.intermediate)\(c.sparseLayers == m.layers ? " (unused: every layer has experts)" : "")"
            ),
            ("context", "\(m.contextLength) tokens\(m.rotary.yarn == nil ? "" : " (YaRN)")"),
            ("embedding", "\(m.vocabulary) rows\(m.tiedEmbeddings ? ", also the output matrix" : "")"),
            (
                "per token",
                "\(Self.count(c.activeParameters)) multiply-adds, \(Self.bytes(c.keyValueBytesPerToken)) of KV cache"
            ),
        ]
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

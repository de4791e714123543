package import MoedCore
package import MoedEngine
package import MoedPacks
package import MoedWeights

/// Weight formats wanted for a model; nil takes the format of the directory.
package struct FormatChoice: Sendable, Equatable {
    package var experts: WeightFormat?
    package var dense: WeightFormat?

    /// Accepted words. A quantised format names its quant group, or leaves it to the initialiser's `group`.
    package static let words =
        ["bf16", "int8", "int4", "keep"] + ["int8", "int4"].flatMap { word in groupWords.map { "\(word)/\($0)" } }
    package static let groupWords = WeightFormat.quantGroups.map(String.init)
    package static let groupDefault = 64
    /// Formats of the directory.
    package static let auto = FormatChoice(experts: "auto", dense: "auto")

    /// - Parameters:
    ///   - experts: word for the experts, one of `words`; any other word takes the directory's format.
    ///   - dense: word for the dense matrices, likewise.
    ///   - group: quant group of formats that name none.
    package init(experts: String, dense: String, group: Int = groupDefault) {
        func format(_ word: String) -> WeightFormat? {
            guard Self.words.contains(word) else { return nil }
            return WeightFormat(word) ?? WeightFormat("\(word)/\(group)")
        }
        self.experts = format(experts)
        self.dense = format(dense)
    }

    /// Accepted words for the format of keys and values.
    package static var kvWords: [String] { KVFormat.words }

    /// Format of keys and values for a word; nil for `auto`, where the weights' format decides.
    package static func kv(_ word: String) -> KVFormat? { KVFormat(rawValue: word) }

    /// The formats. Where none is wanted, a plain checkpoint stays as stored. A quantised one keeps its codes where a
    /// kernel multiplies them; the rest becomes int8 with small quant groups, since the exact weights would be f32.
    package func formats(of source: ModelDirectory) -> (experts: WeightFormat, dense: WeightFormat) {
        var fallback = WeightFormat.bf16
        if case .checkpoint(let checkpoint) = source, checkpoint.isQuantised { fallback = .keep }
        return (experts ?? fallback, dense ?? fallback)
    }

    /// - Throws: `EngineError(.invalidInput)` when a pack has other formats than asked for.
    package func check(_ pack: Pack) throws(EngineError) {
        try check(pack, "experts", asked: experts, actual: pack.manifest.experts)
        try check(pack, "dense", asked: dense, actual: pack.manifest.dense)
    }

    private func check(_ pack: Pack, _ name: String, asked: WeightFormat?, actual: String) throws(EngineError) {
        guard let asked, "\(asked)" != actual else { return }
        throw EngineError(
            .invalidInput,
            "\(pack.directory): the pack's \(name) weights are \(actual), not \(asked) as asked for")
    }
}

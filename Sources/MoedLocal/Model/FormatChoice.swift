package import MoedCore
package import MoedEngine
package import MoedWeights

/// Which formats a model's weights shall have; nil where that is left to the directory.
package struct FormatChoice: Sendable, Equatable {
    package var experts: WeightFormat?
    package var dense: WeightFormat?

    /// A quantised format with its group, or without, for `group`.
    package static let words =
        ["bf16", "int8", "int4"] + ["int8", "int4"].flatMap { word in groupWords.map { "\(word)/\($0)" } }
    package static let groupWords = WeightFormat.quantGroups.map(String.init)
    package static let groupDefault = 64
    /// As the directory has it.
    package static let auto = FormatChoice(experts: "auto", dense: "auto")

    /// - Parameters:
    ///   - experts: one of `words`; any other word leaves it to the directory.
    ///   - dense: one of `words`, likewise.
    ///   - group: of the formats that do not name theirs.
    package init(experts: String, dense: String, group: Int = groupDefault) {
        func format(_ word: String) -> WeightFormat? {
            guard Self.words.contains(word) else { return nil }
            return WeightFormat(word) ?? WeightFormat("\(word)/\(group)")
        }
        self.experts = format(experts)
        self.dense = format(dense)
    }

    /// Words for the format of keys and values.
    package static var kvWords: [String] { KVFormat.words }

    /// Nil for `auto`: then the weights' format decides.
    package static func kv(_ word: String) -> KVFormat? { KVFormat(rawValue: word) }

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

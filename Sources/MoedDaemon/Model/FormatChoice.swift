import MoedCore
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

    /// - Throws: `EngineError(.invalidInput)` when a pack has other formats than asked for.
    func check(_ pack: Pack) throws(EngineError) {
        let asked = [("experts", experts, pack.manifest.experts), ("dense", dense, pack.manifest.dense)]
        for case (let name, let format?, let actual) in asked where "\(format)" != actual {
            throw EngineError(
                .invalidInput,
                "\(pack.directory): the pack's \(name) weights are \(actual), not \(format) as asked for")
        }
    }
}

package import MoedCore

/// Lengths of finished outputs, by job class: an estimate of the next one's length.
package struct OutputLengths: Sendable {
    /// Lengths that are remembered of a job class.
    package static let rememberedMax = 64
    /// Lengths that an estimate needs.
    package static let rememberedMin = 8

    private var lengths: [JobClass: [Int]] = [:]
    /// Place of the oldest length once `rememberedMax` are there.
    private var oldest: [JobClass: Int] = [:]

    package init() {}

    package mutating func record(_ tokens: Int, of jobClass: JobClass) {
        guard let known = lengths[jobClass], known.count == Self.rememberedMax else {
            lengths[jobClass, default: []].append(tokens)
            return
        }
        let place = oldest[jobClass] ?? 0
        lengths[jobClass]?[place] = tokens
        oldest[jobClass] = (place + 1) % Self.rememberedMax
    }

    /// Number of tokens that three of four outputs do not exceed; nil while too few are known.
    package func usual(of jobClass: JobClass) -> Int? {
        guard let known = lengths[jobClass], known.count >= Self.rememberedMin else { return nil }
        return known.sorted()[known.count * 3 / 4]
    }
}

import MoedCore

/// A token and its logit.
struct Candidate: Equatable {
    var logit: Float
    var id: TokenID

    /// Falling logit, equal ones by rising id: the one order in which probabilities are summed.
    static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
        left.logit > right.logit || (left.logit == right.logit && left.id < right.id)
    }
}

enum TopCandidates {
    /// Up to here a sorted list is kept while scanning; beyond, sorting everything is faster.
    private static let scanMax = 256

    /// The `count` best tokens in falling order; logits that are not numbers are left out.
    static func best(_ count: Int, of logits: Span<Float>) -> [Candidate] {
        guard count <= scanMax else { return Array(sorted(logits).prefix(count)) }
        var best: [Candidate] = []
        best.reserveCapacity(count + 1)
        for index in logits.indices {
            let logit = logits[index]
            // Ids rise, so an equal logit comes after those already there.
            guard !logit.isNaN, best.count < count || (best.last.map { logit > $0.logit } ?? false) else {
                continue
            }
            var low = 0
            var high = best.count
            while low < high {
                let middle = (low + high) / 2
                if best[middle].logit >= logit { low = middle + 1 } else { high = middle }
            }
            best.insert(Candidate(logit: logit, id: TokenID(index)), at: low)
            if best.count > count { best.removeLast() }
        }
        return best
    }

    private static func sorted(_ logits: Span<Float>) -> [Candidate] {
        var all: [Candidate] = []
        all.reserveCapacity(logits.count)
        for index in logits.indices where !logits[index].isNaN {
            all.append(Candidate(logit: logits[index], id: TokenID(index)))
        }
        all.sort(by: Candidate.precedes)
        return all
    }
}

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
        var next = 0
        while next < logits.count {
            if best.count == count {
                // Ids rise, so an equal logit comes after those already there.
                guard let last = best.last,
                    let index = LogitScan.first(above: last.logit, in: logits, from: next)
                else { break }
                next = index
            }
            let index = next
            let logit = logits[index]
            next += 1
            if logit.isNaN { continue }
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

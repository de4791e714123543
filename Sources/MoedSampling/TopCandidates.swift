package import MoedCore

/// A token and its logit. Candidates are ordered by falling logit, equal ones by rising id: the one order in which
/// weights are summed.
package struct Candidate: Equatable {
    package var logit: Float
    package var id: TokenID
}

package enum TopCandidates {
    /// Up to here a sorted list is kept while scanning; beyond, a sort is faster.
    private static let scanMax = 256

    /// The `count` best tokens in falling order; logits that are not numbers are left out.
    package static func best(_ count: Int, of logits: Span<Float>) -> [Candidate] {
        guard count <= scanMax else { return sorted(count, of: logits) }
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

    /// The `count` best tokens in falling order: a histogram of the upper key bits finds a threshold, and the tokens
    /// above it are sorted by radix. Stable passes keep equal logits in the order of their ids.
    private static func sorted(_ count: Int, of logits: Span<Float>) -> [Candidate] {
        var keys = [UInt32](repeating: 0, count: logits.count)
        var bins = [Int](repeating: 0, count: 1 << binBits)
        for index in logits.indices {
            keys[index] = key(logits[index])
            bins[Int(keys[index] >> (32 - binBits))] += 1
        }
        var last = 0
        var found = bins[0]
        while found < count, last < bins.count - 1 {
            last += 1
            found += bins[last]
        }
        var ids: [TokenID] = []
        ids.reserveCapacity(found)
        for index in keys.indices where keys[index] >> (32 - binBits) <= last && keys[index] != notANumber {
            ids.append(TokenID(index))
        }
        for shift in stride(from: 0, to: 32, by: Int(binBits)) { pass(&ids, keys, shift: shift) }
        return ids.prefix(count).map { Candidate(logit: logits[Int($0)], id: $0) }
    }

    private static let binBits: UInt32 = 11
    private static let notANumber = UInt32.max

    /// Rises as the logit falls. Both zeros are equal; a NaN comes last.
    private static func key(_ logit: Float) -> UInt32 {
        if logit.isNaN { return notANumber }
        let bits = (logit + 0).bitPattern
        return bits >> 31 == 0 ? ~bits & 0x7FFF_FFFF : bits
    }

    /// One pass of the radix sort, over `binBits` bits of the keys from `shift` on.
    private static func pass(_ ids: inout [TokenID], _ keys: [UInt32], shift: Int) {
        let mask = UInt32(1) << binBits - 1
        var starts = [Int](repeating: 0, count: 1 << binBits)
        for id in ids { starts[Int(keys[Int(id)] >> shift & mask)] += 1 }
        var sum = 0
        for bin in starts.indices { (starts[bin], sum) = (sum, sum + starts[bin]) }
        var sorted = [TokenID](repeating: 0, count: ids.count)
        for id in ids {
            let bin = Int(keys[Int(id)] >> shift & mask)
            sorted[starts[bin]] = id
            starts[bin] += 1
        }
        ids = sorted
    }
}

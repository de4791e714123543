package import MoedCore

/// KV capacity of admitted sequences. Each has a reservation, which grows with the sequence.
///
/// Where nothing is free, the sequence that was admitted last gives its capacity up and waits again. So the oldest
/// sequence always goes on, and every job ends.
extension BatchPlanner {
    /// A sequence's tokens after the next sweep.
    package struct Need: Sendable, Equatable {
        package var sequence: SequenceID
        package var tokens: Int

        package init(sequence: SequenceID, tokens: Int) {
            self.sequence = sequence
            self.tokens = tokens
        }
    }

    /// Changes of reservations before a sweep.
    package struct Growth: Sendable, Equatable {
        /// New reservations, in tokens.
        package var grown: [Need] = []
        /// Sequences that gave up their capacity, as they were enqueued.
        package var putBack: [Candidate] = []

        package init(grown: [Need] = [], putBack: [Candidate] = []) {
            self.grown = grown
            self.putBack = putBack
        }
    }

    /// Reservation of a sequence at its admission, in tokens: for an output of usual length.
    package func reservation(for candidate: Candidate) -> Int {
        guard let usual = lengths.usual(of: candidate.jobClass) else { return candidate.tokensMax }
        // An output that is longer than usual already may become half as long again.
        let more = max(usual - candidate.outputTokens, candidate.outputTokens / 2, limits.kvBlockTokens)
        return min(candidate.tokensMax, candidate.tokens + more)
    }

    /// Raises reservations to what the next sweep needs.
    ///
    /// - Parameter needs: admitted sequences that take part in the sweep.
    package mutating func grow(_ needs: [Need]) -> Growth {
        var growth = Growth()
        let tokens = Dictionary(needs.map { ($0.sequence, $0.tokens) }, uniquingKeysWith: max)
        var free = kvTokensFree
        var index = 0
        while index < admitted.count {
            let room = limits.kvTokensOccupied(by: tokens[admitted[index].candidate.sequence] ?? 0)
            let extra = room - admitted[index].kvTokens
            while extra > free, admitted.count > index {
                let last = admitted.removeLast()
                free += last.kvTokens
                growth.putBack.append(last.candidate)
                growth.grown.removeAll { $0.sequence == last.candidate.sequence }
            }
            guard index < admitted.count else { break }
            if extra > 0 {
                free -= extra
                admitted[index].kvTokens = room
                growth.grown.append(Need(sequence: admitted[index].candidate.sequence, tokens: room))
            }
            index += 1
        }
        return growth
    }
}

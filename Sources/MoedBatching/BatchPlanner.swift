package import MoedCore

/// Admits sequences and divides the rows of each sweep among them. Pure: it uses counts, no engine, clock or tokens.
package struct BatchPlanner: Sendable {
    /// A sequence that waits for a place among the running sequences and for KV capacity.
    package struct Candidate: Sendable, Equatable {
        package var sequence: SequenceID
        package var jobClass: JobClass
        /// Tokens that are known: the prompt, and an output that began earlier.
        package var tokens: Int
        /// The part of `tokens` that is output.
        package var outputTokens: Int
        /// Maximum number of tokens in the sequence.
        package var tokensMax: Int
        /// Time at which the job became ready, on the caller's clock. It orders admission within a job class.
        package var readySince: Duration

        package init(
            sequence: SequenceID, jobClass: JobClass, tokens: Int, outputTokens: Int = 0, tokensMax: Int,
            readySince: Duration
        ) {
            self.sequence = sequence
            self.jobClass = jobClass
            self.tokens = tokens
            self.outputTokens = outputTokens
            self.tokensMax = tokensMax
            self.readySince = readySince
        }
    }

    /// Share of a sweep: the number of a sequence's pending tokens that the sweep feeds.
    package struct Share: Sendable, Equatable {
        package var sequence: SequenceID
        package var rows: Int

        package init(sequence: SequenceID, rows: Int) {
            self.sequence = sequence
            self.rows = rows
        }
    }

    struct Admitted {
        var candidate: Candidate
        /// Reserved KV capacity in tokens.
        var kvTokens: Int

        var sequence: SequenceID { candidate.sequence }
    }

    package let limits: EngineLimits
    package let policy: ClassPolicy
    /// Maximum number of rows of one sequence in one sweep during prefill.
    package let prefillChunkMax: Int
    private var waiting: [Candidate] = []
    var admitted: [Admitted] = []
    private var currentClass: JobClass?
    private(set) var lengths = OutputLengths()

    package init(limits: EngineLimits, policy: ClassPolicy, prefillChunkMax: Int) {
        precondition(
            limits.sequencesMax <= limits.rowsPerSweepMax, "a sweep must hold a row of every sequence")
        precondition(prefillChunkMax > 0)
        self.limits = limits
        self.policy = policy
        self.prefillChunkMax = prefillChunkMax
    }

    package var waitingCount: Int { waiting.count }
    package var admittedCount: Int { admitted.count }
    /// Admitted sequences in the order of admission. The shares have the same order.
    package var admittedSequences: [SequenceID] { admitted.map(\.sequence) }
    package var kvTokensFree: Int { limits.kvTokens - admitted.reduce(0) { $0 + $1.kvTokens } }
    /// Number of further sequences that could start: `sequencesMax` less admitted and waiting ones.
    package var sequencesFree: Int { max(0, limits.sequencesMax - admitted.count - waiting.count) }

    /// True when a sequence of `tokens` tokens can ever be admitted.
    package func canEverHold(tokens: Int) -> Bool {
        tokens <= limits.contextLength && limits.kvTokensOccupied(by: tokens) <= limits.kvTokens
    }

    package mutating func enqueue(_ candidate: Candidate) {
        precondition(
            canEverHold(tokens: candidate.tokensMax), "a sequence that never fits must be refused earlier")
        waiting.append(candidate)
    }

    /// Removes a waiting or admitted sequence.
    package mutating func remove(_ sequence: SequenceID) {
        waiting.removeAll { $0.sequence == sequence }
        admitted.removeAll { $0.sequence == sequence }
    }

    /// Remembers the length of a finished output.
    package mutating func record(outputTokens: Int, of jobClass: JobClass) {
        lengths.record(outputTokens, of: jobClass)
    }

    /// Admits waiting sequences within the limits: one job class after another, oldest first within a job class.
    ///
    /// A sequence that does not fit the free KV capacity is passed over. Once it has waited `maxWait`, no other
    /// sequence overtakes it, so that small jobs cannot starve a large one.
    ///
    /// - Returns: the admitted sequences with their reservations.
    package mutating func admit(now: Duration) -> [Need] {
        var started: [Need] = []
        var free = kvTokensFree
        var passedOver: Set<SequenceID> = []
        while admitted.count < limits.sequencesMax {
            let eligible = waiting.filter { !passedOver.contains($0.sequence) }
            guard let jobClass = policy.next(after: currentClass, among: Self.backlog(of: eligible, now: now)),
                let next = eligible.filter({ $0.jobClass == jobClass }).min(by: Self.goesFirst)
            else { break }
            let room = limits.kvTokensOccupied(by: reservation(for: next))
            guard room <= free else {
                if now - next.readySince >= policy.maxWait { break }
                passedOver.insert(next.sequence)
                continue
            }
            free -= room
            waiting.removeAll { $0.sequence == next.sequence }
            admitted.append(Admitted(candidate: next, kvTokens: room))
            started.append(Need(sequence: next.sequence, tokens: room))
            currentClass = jobClass
        }
        return started
    }

    /// Divides the rows of the next sweep among the admitted sequences.
    ///
    /// Every sequence with pending tokens gets one row. The remaining rows go, in the order of admission, to sequences
    /// with more pending tokens (prefill, injected text).
    ///
    /// - Parameters:
    ///   - rowsMax: maximum rows of the sweep; nil means the engine's limit. Every sequence gets its row in any case.
    ///   - pending: number of tokens that an admitted sequence could feed now. A sequence that waits for another
    ///     one's prompt has 0 and gets no share.
    package func shares(rowsMax: Int? = nil, pending: (SequenceID) -> Int) -> [Share] {
        var shares = admitted.compactMap {
            pending($0.sequence) > 0 ? Share(sequence: $0.sequence, rows: 1) : nil
        }
        var rowsFree = min(rowsMax ?? .max, limits.rowsPerSweepMax) - shares.count
        for index in shares.indices where rowsFree > 0 {
            let extra = min(pending(shares[index].sequence), prefillChunkMax) - 1
            let granted = min(max(extra, 0), rowsFree)
            shares[index].rows += granted
            rowsFree -= granted
        }
        return shares
    }

    private static func goesFirst(_ left: Candidate, _ right: Candidate) -> Bool {
        (left.readySince, left.sequence) < (right.readySince, right.sequence)
    }

    private static func backlog(of candidates: [Candidate], now: Duration) -> [ClassBacklog] {
        Dictionary(grouping: candidates, by: \.jobClass).map { jobClass, members in
            let oldest = members.map(\.readySince).min() ?? now
            return ClassBacklog(jobClass: jobClass, queued: members.count, oldestAge: now - oldest)
        }
    }
}

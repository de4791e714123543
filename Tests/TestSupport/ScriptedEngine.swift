import Foundation
package import MoedCore

/// An engine whose next token depends only on the sequence's tokens: by default their hash, or the token of a
/// script. The engine checks that its callers keep the contract.
package final class ScriptedEngine: SequenceEngine {
    package let limits: EngineLimits
    /// Given the tokens after the prompt so far, the next token; nil falls back to the hash.
    private let script: ([TokenID]) -> TokenID?
    /// Prefix share of a sequence with this opening and this number of tokens.
    package var share: (SequenceOpening, Int) -> PrefixShare = { _, _ in .none }
    private var sequences: [SequenceID: (opening: SequenceOpening, tokens: [TokenID])] = [:]
    /// Reserved KV capacity of the open sequences, in tokens.
    private var rooms: [SequenceID: Int] = [:]
    private var waiting: Set<SequenceID> = []
    /// True takes the lowest allowed token where the script's is not allowed.
    package var obeysMasks = false
    package private(set) var sweeps: [[SequenceStep]] = []
    package var failNextSweep: EngineError?
    /// Seeds of the jobs that get no token, as if the model's numbers had overflowed.
    package var withoutFiniteLogits: Set<UInt64> = []

    package init(limits: EngineLimits, script: @escaping ([TokenID]) -> TokenID? = { _ in nil }) {
        self.limits = limits
        self.script = script
    }

    package var openCount: Int { sequences.count }

    package func open(_ sequence: SequenceID, _ opening: SequenceOpening) throws(EngineError) {
        precondition(sequences[sequence] == nil, "opened twice")
        precondition(opening.tokensMax <= limits.contextLength)
        sequences[sequence] = (opening, [])
        rooms[sequence] = opening.kvTokens
        checkRoom()
    }

    package func extend(_ sequence: SequenceID, to tokens: Int) throws(EngineError) {
        precondition(sequences[sequence] != nil && tokens >= rooms[sequence] ?? 0, "not an extension")
        rooms[sequence] = tokens
        checkRoom()
    }

    private func checkRoom() {
        let occupied = rooms.values.reduce(0) { $0 + limits.kvTokensOccupied(by: $1) }
        precondition(occupied <= limits.kvTokens, "the planner promised room that is not there")
    }

    package func takePrefix(_ sequence: SequenceID) -> PrefixShare {
        guard let (opening, tokens) = sequences[sequence] else { preconditionFailure("unknown sequence") }
        precondition(tokens.count < opening.prompt.count, "asked after the prompt")
        let share = share(opening, tokens.count)
        sequences[sequence] = (opening, tokens + opening.prompt[tokens.count...].prefix(share.tokens))
        if share.isComing { waiting.insert(sequence) } else { waiting.remove(sequence) }
        return share
    }

    package func sweep(_ steps: [SequenceStep]) throws(EngineError) -> [StepOutput] {
        if let error = failNextSweep {
            failNextSweep = nil
            throw error
        }
        precondition(steps.reduce(0) { $0 + $1.tokens.count } <= limits.rowsPerSweepMax, "too many rows")
        precondition(Set(steps.map(\.sequence)).count == steps.count, "a sequence twice in one sweep")
        sweeps.append(steps)
        return steps.map { step in
            let token = next(step)
            // Every place is reported with a number that tells its tokens.
            let reports = (step.reports?.places ?? []).compactMap { place -> TokenReport? in
                guard let known = place.next ?? token else { return nil }
                let allowed = place.allowed?.mask(count: 400).tokens ?? []
                return TokenReport(
                    token: .init(id: known, logprob: -Double(known)),
                    top: (0..<place.top).map { .init(id: TokenID($0), logprob: -Double($0)) },
                    allowed: allowed.map { .init(id: $0, logprob: -log(Double(allowed.count))) })
            }
            return StepOutput(token: token, reports: reports)
        }
    }

    private func next(_ step: SequenceStep) -> TokenID? {
        guard let (opening, earlier) = sequences[step.sequence] else {
            preconditionFailure("unknown sequence")
        }
        precondition(!waiting.contains(step.sequence), "stepped while it waits")
        let tokens = earlier + step.tokens
        precondition(
            zip(tokens, opening.prompt).allSatisfy { $0 == $1 }, "another prompt than it was opened with")
        precondition(tokens.count <= opening.tokensMax, "more tokens than the most")
        precondition(
            tokens.count <= limits.kvTokensOccupied(by: rooms[step.sequence] ?? 0), "more tokens than reserved")
        sequences[step.sequence] = (opening, tokens)
        guard step.samples, !withoutFiniteLogits.contains(opening.sampling.seed) else { return nil }
        let scripted = script(Array(tokens.dropFirst(opening.prompt.count)))
        if obeysMasks, let mask = step.allowed?.mask(count: 400), !(scripted.map(mask.contains) ?? false) {
            return mask.tokens.first
        }
        if let scripted { return scripted }
        var hash: UInt64 = opening.sampling.seed &+ UInt64(opening.choice) &* 0x9E37_79B9_7F4A_7C15
        for token in tokens { hash = (hash ^ UInt64(bitPattern: Int64(token))) &* 0x100_0000_01B3 }
        return TokenID(hash >> 33 % 200)
    }

    package func close(_ sequence: SequenceID) { (sequences[sequence], rooms[sequence]) = (nil, nil) }
}

/// Detokeniser for tests: token n is the letter of that number, `a` for 0.
package struct LetterStream: TokenTextStream {
    package init() {}
    package mutating func append(_ token: TokenID) -> String {
        String(UnicodeScalar(UInt8(97 + Int(token) % 26)))
    }
    package mutating func finish() -> String { "" }
}

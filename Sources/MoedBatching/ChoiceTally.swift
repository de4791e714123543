import Glibc
import MoedCore

/// Probabilities of the choices that an answer is constrained to, from the reports along its tokens.
///
/// At each token the allowed ones divide the probability. A token that leads to one choice gives it all. What leads to
/// several choices, none of which the answer takes, is divided among them in proportion to what they have.
struct ChoiceTally {
    private let choices: [[UInt8]]
    private let bytes: (TokenID) -> [UInt8]
    private let ends: Set<TokenID>
    private var written: [UInt8] = []
    /// Probability of the tokens so far.
    private var reached = 1.0
    private var known: [Double]
    private var shared: [(choices: [Int], probability: Double)] = []

    init(_ choices: [String], ends: Set<TokenID>, bytes: @escaping (TokenID) -> [UInt8]) {
        self.choices = choices.map { Array($0.utf8) }
        self.ends = ends
        self.bytes = bytes
        known = choices.map { _ in 0 }
    }

    /// Takes the next token of the answer, the end token included.
    mutating func take(_ report: TokenReport) {
        let before = written
        var taken = 0.0
        for alternative in report.allowed {
            let probability = exp(alternative.logprob) * reached
            if alternative.id == report.token.id {
                taken = probability
                continue
            }
            let reachable = reachable(from: before, by: alternative.id)
            if reachable.count == 1 { known[reachable[0]] += probability } else if !reachable.isEmpty {
                shared.append((reachable, probability))
            }
        }
        // Tokens beyond the list's end have no weight that counts.
        reached = taken
        if !ends.contains(report.token.id) { written = after(before, report.token.id) }
    }

    /// Probability by choice; they add up to 1.
    func probabilities() -> [Double] {
        var sums = known
        let final = choices.indices.filter { choices[$0] == written }
        for index in final { sums[index] += reached / Double(final.count) }
        let base = sums
        for part in shared {
            let weight = part.choices.reduce(0) { $0 + base[$1] }
            for index in part.choices {
                let share = weight > 0 ? base[index] / weight : 1 / Double(part.choices.count)
                sums[index] += part.probability * share
            }
        }
        let total = sums.reduce(0, +)
        return total > 0 ? sums.map { $0 / total } : sums
    }

    private func after(_ text: [UInt8], _ token: TokenID) -> [UInt8] {
        let bytes = bytes(token)
        // Line feeds in front of an answer are no part of it.
        if text.isEmpty, bytes.allSatisfy({ $0 == UInt8(ascii: "\n") }), !choices.contains(where: { $0.first == 10 }) {
            return text
        }
        return text + bytes
    }

    private func reachable(from text: [UInt8], by token: TokenID) -> [Int] {
        if ends.contains(token) { return choices.indices.filter { choices[$0] == text } }
        let next = after(text, token)
        return choices.indices.filter { choices[$0].starts(with: next) }
    }
}

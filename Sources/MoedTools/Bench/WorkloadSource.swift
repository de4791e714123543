import Glibc
package import MoedCore
import MoedLocal

/// Source of a workload's jobs.
package enum WorkloadSource: Sendable, Equatable {
    case file(String)
    /// This number of jobs with mixed lengths and modes.
    case mixed(Int)

    /// Parses `mixed:200`; any other text is the path of a file of JSON lines.
    ///
    /// - Throws: `ConfigurationProblem` about the number of jobs.
    package init(_ text: String) throws {
        guard text.hasPrefix("mixed:") else {
            self = .file(text)
            return
        }
        guard let count = Int(text.dropFirst(6)), (1...1_000_000).contains(count) else {
            throw ConfigurationProblem("--workload: “\(text)”: mixed needs a number of jobs in 1…1000000")
        }
        self = .mixed(count)
    }
}

/// A job of a workload.
package enum WorkloadJob: Sendable, Equatable {
    /// A random prompt and an answer with these numbers of tokens.
    case lengths(prompt: Int, new: Int, mode: ReasoningMode)
    /// A chat completion's body, for a model with a tokenizer.
    case body(JSONValue)

    /// Reads `{"prompt_tokens": 120, "new_tokens": 40, "mode": "thinking"}`, or a chat completion's body.
    ///
    /// - Throws: `RequestError` naming the field.
    package init(line: JSONValue) throws {
        guard line["prompt_tokens"] != nil else {
            self = .body(line)
            return
        }
        func number(_ field: String) throws -> Int {
            guard let value = line[field]?.integer, (1...1 << 24).contains(value) else {
                throw RequestError(.invalidValue, param: field, "must be a number of tokens, at least 1")
            }
            return value
        }
        let word = line["mode"]?.string ?? ReasoningMode.nonThinking.rawValue
        guard let mode = ReasoningMode(rawValue: word) else {
            throw RequestError(.invalidValue, param: "mode", "must be thinking or non_thinking")
        }
        self = .lengths(prompt: try number("prompt_tokens"), new: try number("new_tokens"), mode: mode)
    }

    /// Random jobs of a mixed queue. Prompts have 16 to 512 tokens. Every second job, on average, thinks and gets 64 to
    /// 512 new tokens; the others get 8 to 128. All lengths are log-uniform.
    ///
    /// - Parameter contextLength: longest sequence. It caps prompts at a quarter and answers at a half of itself.
    package static func mixed(_ count: Int, contextLength: Int, seed: UInt64 = 1) -> [WorkloadJob] {
        var random = SplitMix(seed: seed)
        func length(_ least: Int, _ most: Int, among limit: Int) -> Int {
            let high = max(1, min(most, limit))
            let low = min(least, high)
            let share = Double.random(in: 0..<1, using: &random)
            return min(high, Int(Double(low) * exp(share * log(Double(high + 1) / Double(low)))))
        }
        return (0..<count).map { _ in
            let thinks = Bool.random(using: &random)
            let prompt = length(16, 512, among: contextLength / 4)
            let new =
                thinks
                ? length(64, 512, among: contextLength / 2) : length(8, 128, among: contextLength / 2)
            return .lengths(prompt: prompt, new: new, mode: thinks ? .thinking : .nonThinking)
        }
    }
}

import Foundation
package import MoedCore

/// A held-out prompt of the sample model with the recorded greedy output of one mode.
package struct SamplePrompt: Sendable {
    package let id: Int
    package let mode: ReasoningMode
    package let promptIDs: [TokenID]
    /// Ends with the end token.
    package let outputIDs: [TokenID]
    /// The smallest distance between the best and the second-best logit: where it is tiny, other rounding may
    /// choose differently.
    package let minLogitGap: Double

    /// All prompts in both modes.
    package static func all() throws -> [SamplePrompt] {
        let text = try String(
            contentsOf: Fixtures.sampleModel.appending(path: "prompts.jsonl"), encoding: .utf8)
        var prompts: [SamplePrompt] = []
        for line in text.split(separator: "\n") {
            let object = try JSONValue(parsing: String(line))
            for (key, mode) in [("thinking", ReasoningMode.thinking), ("direct", .nonThinking)] {
                guard let recorded = object[key] else { continue }
                func ids(_ name: String) -> [TokenID] {
                    (recorded[name]?.array ?? []).compactMap { $0.integer.flatMap { TokenID(exactly: $0) } }
                }
                prompts.append(
                    SamplePrompt(
                        id: object["id"]?.integer ?? -1, mode: mode, promptIDs: ids("prompt_ids"),
                        outputIDs: ids("output_ids"), minLogitGap: recorded["min_logit_gap"]?.number ?? 0))
            }
        }
        return prompts
    }
}

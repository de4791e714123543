import MoedCore

/// An answer whose tool calls have been read.
package struct ReadAnswer: Sendable, Equatable {
    /// The text outside of the calls.
    package var content: String
    /// Name and arguments of each call; the arguments are the text of a JSON object.
    package var calls: [(name: String, arguments: String)]
    /// Remark on calls that could not be read.
    package var warning: String?

    package init(content: String, calls: [(name: String, arguments: String)], warning: String?) {
        self.content = content
        self.calls = calls
        self.warning = warning
    }

    package static func == (left: ReadAnswer, right: ReadAnswer) -> Bool {
        left.content == right.content && left.warning == right.warning
            && left.calls.elementsEqual(right.calls, by: ==)
    }

    /// The calls with their ids. The same job gives the same ids, and other jobs give others.
    func toolCalls(job: JobID, choice: Int) -> [ToolCall] {
        calls.enumerated().map { index, call in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in "\(job)/\(choice)/\(index)/\(call.name)/\(call.arguments)".utf8 {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            }
            var mixed = SplitMix(seed: hash)
            let digits = String(mixed.next(), radix: 16)
            let id = "call_" + String(repeating: "0", count: max(0, 16 - digits.count)) + digits
            return ToolCall(id: id, name: call.name, arguments: call.arguments)
        }
    }
}

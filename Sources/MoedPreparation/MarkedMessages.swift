import MoedCore
import MoedText

/// Messages in which control tokens are marked, so that the tokenizer reads them as text.
///
/// A mark is a character that no message contains, inside of the token's spelling. It survives what templates do with
/// text, such as trimming and splitting. Messages without control tokens stay as they are.
struct MarkedMessages {
    private(set) var messages: [JSONValue]
    /// Definitions of tools; everything in them is data.
    private(set) var tools: [JSONValue]
    /// The mark to remove from the rendered text; nil when no message has a control token.
    private(set) var mark: Unicode.Scalar?
    private let tokenizer: Tokenizer

    /// Tool calls, names and everything in messages of users and tools are data. Thoughts and tool calls of an
    /// assistant are written with control tokens such as `</think>`; those that the tokenizer marks as special never
    /// belong into an answer. The system message is the caller's own.
    ///
    /// - Throws: `RequestError` when the messages contain every character that could be a mark.
    init(_ messages: [JSONValue], tools: [JSONValue] = [], tokenizer: Tokenizer) throws(RequestError) {
        self.messages = messages
        self.tools = tools
        self.tokenizer = tokenizer
        // Any mark shows whether there is something to mark.
        let (marked, markedTools) = (
            self.marked(messages, with: Self.usual), self.marked(.array(tools), with: Self.usual, onlySpecial: false)
        )
        guard marked != nil || markedTools != nil else { return }
        guard let mark = Self.unused(in: messages + tools) else {
            throw RequestError(
                .invalidValue, param: "messages", "messages contain every private character of Unicode")
        }
        self.mark = mark
        self.messages = self.marked(messages, with: mark) ?? messages
        self.tools = self.marked(.array(tools), with: mark, onlySpecial: false)?.array ?? tools
    }

    private static let usual: Unicode.Scalar = "\u{F0000}"
    /// Characters for private use: Unicode gives them no meaning.
    private static let candidates: [ClosedRange<UInt32>] = [0xF_0000...0xF_FFFD, 0x10_0000...0x10_FFFD]

    private static func unused(in messages: [JSONValue]) -> Unicode.Scalar? {
        var used: Set<UInt32> = []
        for message in messages {
            for scalar in message.serialized().unicodeScalars where scalar.value >= 0xF_0000 {
                used.insert(scalar.value)
            }
        }
        for range in candidates {
            if let free = range.first(where: { !used.contains($0) }) { return Unicode.Scalar(free) }
        }
        return nil
    }

    /// Nil when there is nothing to mark.
    private func marked(_ messages: [JSONValue], with mark: Unicode.Scalar) -> [JSONValue]? {
        var hasMarks = false
        let marked = messages.map { message -> JSONValue in
            guard let object = message.object, let role = object["role"]?.string, role != "system" else {
                return message
            }
            let members = object.members.map { member -> (String, JSONValue) in
                if member.key == "role" { return (member.key, member.value) }
                let isSpoken =
                    role == "assistant" && ["content", "reasoning", "reasoning_content"].contains(member.key)
                guard let value = self.marked(member.value, with: mark, onlySpecial: isSpoken) else {
                    return (member.key, member.value)
                }
                hasMarks = true
                return (member.key, value)
            }
            return .object(JSONObject(members))
        }
        return hasMarks ? marked : nil
    }

    private func marked(_ value: JSONValue, with mark: Unicode.Scalar, onlySpecial: Bool) -> JSONValue? {
        switch value {
        case .string(let text):
            return tokenizer.marking(text, with: mark, onlySpecial: onlySpecial).map { .string($0) }
        case .array(let elements):
            let marked = elements.map { self.marked($0, with: mark, onlySpecial: onlySpecial) }
            guard marked.contains(where: { $0 != nil }) else { return nil }
            return .array(zip(elements, marked).map { $1 ?? $0 })
        case .object(let object):
            var hasMarks = false
            let members = object.members.map { member -> (String, JSONValue) in
                let key = tokenizer.marking(member.key, with: mark, onlySpecial: onlySpecial)
                let value = self.marked(member.value, with: mark, onlySpecial: onlySpecial)
                if key != nil || value != nil { hasMarks = true }
                return (key ?? member.key, value ?? member.value)
            }
            return hasMarks ? .object(JSONObject(members)) : nil
        case .null, .bool, .integer, .wideInteger, .double: return nil
        }
    }
}

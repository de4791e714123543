import MoedCore

/// Messages with a number in place of each content. A template drops a content when it does not print its number.
///
/// The shape stays the same: roles, thoughts, tool calls, empty contents. Thoughts are not looked for, because
/// templates drop those of earlier turns on purpose.
struct MessageProbe {
    /// Beginning of every number; no template contains it.
    private static let prefix = "7305194"
    private static let digits = 6

    private(set) var messages: [JSONValue] = []
    /// Name of the content that each number stands for, e.g. `messages[0].content`.
    private var names: [String] = []

    init(_ messages: [JSONValue]) {
        for (index, message) in messages.enumerated() {
            guard var object = message.object else { continue }
            let name = "messages[\(index)]"
            if let content = object["content"]?.string {
                object["content"] = .string(probe(content, name: "\(name).content"))
            }
            for thought in ["reasoning", "reasoning_content"] where object[thought]?.string?.isBlank == false {
                object[thought] = "thought"
            }
            if let calls = object["tool_calls"]?.array {
                object["tool_calls"] = .array(
                    calls.enumerated().map { probe($1, name: "\(name).tool_calls[\($0)]") })
            }
            self.messages.append(.object(object))
        }
    }

    /// Names of contents whose number is not in the rendered text.
    func missing(in text: String) -> [String] {
        let bytes = Array(text.utf8)
        let prefix = Array(Self.prefix.utf8)
        var found: Set<Int> = []
        var at = 0
        while at + prefix.count + Self.digits <= bytes.count {
            guard bytes[at] == prefix[0], bytes[at..<at + prefix.count].elementsEqual(prefix) else {
                at += 1
                continue
            }
            at += prefix.count
            let number = String(decoding: bytes[at..<at + Self.digits], as: UTF8.self)
            if let number = Int(number) { found.insert(number) }
        }
        return names.indices.filter { !found.contains($0) }.map { names[$0] }
    }

    private mutating func number(_ name: String) -> String {
        let number = String(names.count)
        names.append(name)
        return Self.prefix + String(repeating: "0", count: max(0, Self.digits - number.count)) + number
    }

    /// Contents of white space may be trimmed away. A thought inside of the content stays one.
    private mutating func probe(_ content: String, name: String) -> String {
        let close = "</think>"
        guard let answer = content.part(behindLast: close) else { return content.isBlank ? content : number(name) }
        return "<think>\nthought\n\(close)\n\n" + (answer.isBlank ? answer : number(name))
    }

    private mutating func probe(_ call: JSONValue, name: String) -> JSONValue {
        guard var object = call.object else { return call }
        if let function = object["function"] {
            object["function"] = probe(function, name: name)
            return .object(object)
        }
        if object["name"]?.string != nil { object["name"] = .string(number(name)) }
        switch object["arguments"] {
        case .string(let text) where !text.isBlank:
            object["arguments"] = .string(number("\(name).arguments"))
        case .object(let arguments) where !arguments.isEmpty:
            object["arguments"] = ["argument": .string(number("\(name).arguments"))]
        default: break
        }
        return .object(object)
    }
}

extension String {
    /// True when the text has no character but white space.
    var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }

    /// The text without white space at both ends.
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        return String(start[..<(start.lastIndex { !$0.isWhitespace }.map(start.index(after:)) ?? start.startIndex)])
    }

    /// The rest behind the last occurrence of a mark of a few characters; nil when there is none.
    func part(behindLast mark: String) -> String? {
        let (bytes, mark) = (Array(utf8), Array(mark.utf8))
        guard bytes.count >= mark.count else { return nil }
        for start in (0...bytes.count - mark.count).reversed()
        where bytes[start] == mark[0] && bytes[start..<start + mark.count].elementsEqual(mark) {
            return String(decoding: bytes[(start + mark.count)...], as: UTF8.self)
        }
        return nil
    }
}

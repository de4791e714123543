package import MoedCore

/// Reads tool calls out of an answer.
///
/// Two forms are known. In the Hermes form of Qwen3 a call is `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
/// In Qwen3-Coder's it is `<tool_call><function=name><parameter=key>value</parameter>…</function></tool_call>`.
/// There the tool's schema says the type of a value. A call that cannot be read stays text.
package struct ToolCallParser: Sendable {
    package struct Call: Sendable, Equatable {
        package var name: String
        package var arguments: JSONObject

        package init(name: String, arguments: JSONObject) {
            self.name = name
            self.arguments = arguments
        }
    }

    package struct Reading: Sendable, Equatable {
        /// The text outside of the calls.
        package var content: String
        package var calls: [Call]
        /// Number of calls that could not be read.
        package var malformed: Int
    }

    static let open = "<tool_call>"
    static let close = "</tool_call>"
    /// Ends that are tried for one call: its arguments may contain the text of an end.
    private static let endsMax = 8
    /// Behind so many malformed calls everything is text: reading takes linear time.
    private static let malformedMax = 64

    private let functions: FunctionForm

    /// - Parameter parameters: schema of the parameters of each tool.
    package init(parameters: [String: JSONValue]) { functions = FunctionForm(parameters: parameters) }

    package func read(_ text: String) -> Reading {
        let bytes = Array(text.utf8)
        var reading = Reading(content: "", calls: [], malformed: 0)
        var pieces: [ArraySlice<UInt8>] = []
        var at = 0
        let starts = ByteSearch.ends(of: Array(Self.open.utf8), in: bytes[...])
        var ends = ByteSearch.ends(of: Array(Self.close.utf8), in: bytes[...])[...]
        for start in starts where start - Self.open.utf8.count >= at && reading.malformed < Self.malformedMax {
            ends = ends.drop { $0 <= start }
            guard let (calls, end) = calls(bytes, from: start, ends: ends) else {
                reading.malformed += 1
                continue
            }
            pieces.append(bytes[at..<start - Self.open.utf8.count])
            reading.calls += calls
            at = end
        }
        // Models of the second form leave the outer tags out at times.
        if starts.isEmpty, let (calls, range) = functions.calls(in: bytes[...]) {
            pieces.append(bytes[..<range.lowerBound])
            reading.calls = calls
            at = range.upperBound
        }
        guard !reading.calls.isEmpty else { return Reading(content: text, calls: [], malformed: reading.malformed) }
        pieces.append(bytes[at...])
        reading.content = Self.joined(pieces)
        return reading
    }

    /// The calls between two tags, and the place behind them; nil for what is no call.
    private func calls(_ bytes: [UInt8], from start: Int, ends: ArraySlice<Int>) -> (calls: [Call], end: Int)? {
        var tried = ends.prefix(Self.endsMax).map { (inner: $0 - Self.close.utf8.count, end: $0) }
        // The end of the answer may take the place of the last tag.
        tried.append((bytes.count, bytes.count))
        for (inner, end) in tried {
            let body = bytes[start..<inner].trimmed
            if body.first == UInt8(ascii: "{") {
                if let call = Self.call(in: body) { return ([call], end) }
            } else if functions.begins(body), let (calls, range) = functions.calls(in: body), range == body.indices {
                return (calls, end)
            } else {
                return nil
            }
        }
        return nil
    }

    private static func call(in body: ArraySlice<UInt8>) -> Call? {
        guard let value = try? JSONValue(parsing: Array(body)), let name = value["name"]?.string, !name.isEmpty,
            let arguments = value["arguments"].flatMap(object)
        else { return nil }
        return Call(name: name, arguments: arguments)
    }

    /// An object, or the text of one.
    private static func object(_ value: JSONValue) -> JSONObject? {
        if let text = value.string { return (try? JSONValue(parsing: text))?.object }
        return value.object
    }

    /// White space around calls belongs to their form.
    private static func joined(_ pieces: [ArraySlice<UInt8>]) -> String {
        let texts = pieces.enumerated().map { index, piece in
            index == 0 ? piece.trimmedEnd : piece.trimmed
        }
        return texts.filter { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    }
}

extension ArraySlice<UInt8> {
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || 9...13 ~= byte }

    var trimmedEnd: ArraySlice<UInt8> {
        prefix((lastIndex { !Self.isSpace($0) }).map { $0 - startIndex + 1 } ?? 0)
    }

    /// Without white space of ASCII at both ends.
    var trimmed: ArraySlice<UInt8> { trimmedEnd.drop(while: Self.isSpace) }
}

import MoedCore

/// Tool calls as Qwen3-Coder writes them: `<function=name>`, then a `<parameter=key>` for each argument.
///
/// Values are plain text. The tool's schema says which of them are numbers, booleans, lists or objects.
struct FunctionForm: Sendable {
    private static let open = Array("<function=".utf8)
    private static let close = Array("</function>".utf8)
    private static let parameterOpen = Array("<parameter=".utf8)
    private static let parameterClose = Array("</parameter>".utf8)

    /// Properties of the parameters of each tool.
    private let properties: [String: JSONObject]

    init(parameters: [String: JSONValue]) {
        properties = parameters.compactMapValues { $0["properties"]?.object }
    }

    func begins(_ text: ArraySlice<UInt8>) -> Bool { text.starts(with: Self.open) }

    /// All calls in a text, from the first to the last, and their place; nil when there is none or one is malformed.
    func calls(in text: ArraySlice<UInt8>) -> (calls: [ToolCallParser.Call], range: Range<Int>)? {
        let starts = ByteSearch.ends(of: Self.open, in: text)
        guard let first = starts.first else { return nil }
        var calls: [ToolCallParser.Call] = []
        var end = first
        for (index, start) in starts.enumerated() where start >= end {
            let limit = index + 1 < starts.count ? starts[index + 1] - Self.open.count : text.endIndex
            let bodyEnd = ByteSearch.end(of: Self.close, in: text[start..<limit])
            // The last call may lack its end; white space behind it is no part of it.
            let body = bodyEnd.map { text[start..<$0 - Self.close.count] } ?? text[start..<limit]
            guard let call = call(in: body) else { return nil }
            calls.append(call)
            end = bodyEnd ?? limit
        }
        return (calls, first - Self.open.count..<end)
    }

    private func call(in body: ArraySlice<UInt8>) -> ToolCallParser.Call? {
        guard let nameEnd = body.firstIndex(of: UInt8(ascii: ">")) else { return nil }
        let name = String(decoding: body[..<nameEnd].trimmed, as: UTF8.self)
        guard !name.isEmpty else { return nil }
        var arguments = JSONObject()
        var rest = body[(nameEnd + 1)...]
        while let start = ByteSearch.end(of: Self.parameterOpen, in: rest) {
            guard let keyEnd = rest[start...].firstIndex(of: UInt8(ascii: ">")) else { return nil }
            let key = String(decoding: rest[start..<keyEnd].trimmed, as: UTF8.self)
            let values = rest[(keyEnd + 1)...]
            // The next parameter ends a value that has no end of its own.
            let next = ByteSearch.end(of: Self.parameterOpen, in: values).map { $0 - Self.parameterOpen.count }
            let limit = next ?? values.endIndex
            let closed = ByteSearch.end(of: Self.parameterClose, in: values[..<limit])
            let valueEnd = closed.map { $0 - Self.parameterClose.count } ?? limit
            arguments[key] = value(values[..<valueEnd], of: properties[name]?[key])
            rest = rest[limit...]
        }
        return .init(name: name, arguments: arguments)
    }

    /// The value without one line feed at each end, in the type of its schema.
    private func value(_ bytes: ArraySlice<UInt8>, of schema: JSONValue?) -> JSONValue {
        var bytes = bytes
        if bytes.first == UInt8(ascii: "\n") { bytes.removeFirst() }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        let text = String(decoding: bytes, as: UTF8.self)
        let kinds = Self.kinds(of: schema)
        guard !kinds.isEmpty else { return .string(text) }
        // Models write the constants as Python does, too.
        let spelled = ["True": "true", "False": "false", "None": "null"][text] ?? text
        guard let parsed = try? JSONValue(parsing: spelled), Self.fits(parsed, kinds) else { return .string(text) }
        return parsed
    }

    private static func fits(_ value: JSONValue, _ kinds: Set<String>) -> Bool {
        switch value {
        case .null: true
        case .bool: kinds.contains("boolean")
        case .integer, .wideInteger: kinds.contains("integer") || kinds.contains("number")
        case .double: kinds.contains("number")
        case .array: kinds.contains("array")
        case .object: kinds.contains("object")
        case .string: false
        }
    }

    /// Types that a schema names; empty for one that says nothing. A string alone is text.
    private static func kinds(of schema: JSONValue?) -> Set<String> {
        guard let schema else { return [] }
        var kinds = Set((schema["type"]?.array ?? []).compactMap(\.string))
        if let kind = schema["type"]?.string { kinds.insert(kind) }
        for member in ["anyOf", "oneOf"] {
            for part in schema[member]?.array ?? [] { kinds.formUnion(Self.kinds(of: part)) }
        }
        return kinds.isSubset(of: ["string"]) ? [] : kinds
    }
}

import MoedBatching
import MoedCore
import MoedGrammar
import MoedText

/// Tool calls: reading them out of answers, and answers that must be calls.
extension RequestPreparer {
    /// Maximum number of calls in an answer that must call.
    private static let callsMax = 64

    /// Reads the calls of an answer by the request's tools.
    static func reader(of tools: ToolRequest) -> @Sendable (String) -> ReadAnswer {
        let parser = ToolCallParser(
            parameters: Dictionary(
                tools.tools.map { ($0.name, $0.parameters ?? .null) }, uniquingKeysWith: { first, _ in first }))
        let names = Set(tools.tools.map(\.name))
        return { text in
            let reading = parser.read(text)
            var warnings: [String] = []
            if reading.malformed > 0 {
                warnings.append("\(reading.malformed) tool calls could not be read and stay in the content")
            }
            let calls = tools.isParallel ? reading.calls : Array(reading.calls.prefix(1))
            if calls.count < reading.calls.count {
                warnings.append("of \(reading.calls.count) tool calls the first is kept: parallel_tool_calls is false")
            }
            if let unknown = calls.first(where: { !names.contains($0.name) }) {
                warnings.append("the answer calls “\(unknown.name.prefix(80))”, which is none of the tools")
            }
            return ReadAnswer(
                content: reading.content,
                calls: calls.map { ($0.name, JSONValue.object($0.arguments).serialized()) },
                warning: warnings.isEmpty ? nil : warnings.joined(separator: "; "))
        }
    }

    /// The constraint of an answer that must call one of the tools.
    ///
    /// - Throws: `RequestError` that names the tool whose parameters cannot be enforced.
    func calls(_ tools: ToolRequest, _ lineFeeds: Int) throws(RequestError) -> ToolCallConstraint {
        let heads = tools.tools.map { tool in
            "{\"name\": \(JSONValue.string(tool.name).serialized()), \"arguments\": "
        }
        var arguments: [GrammarConstraint] = []
        for (index, tool) in tools.tools.enumerated() {
            let requested = RequestedConstraint(
                .schema(Self.schema(of: tool), isStrict: false), param: "tools[\(index)].function.parameters")
            arguments.append(GrammarConstraint(try constraints.grammar(requested, text)))
        }
        let head = try constraints.grammar(RequestedConstraint(.choices(heads), param: "tools"), text)
        let tokenizer = text.tokenizer
        var feeds: [TokenID: Int] = [:]
        for count in 1...2 {
            let tokens = tokenizer.encodePlain(String(repeating: "\n", count: count))
            if tokens.count == 1 { feeds[tokens[0]] = count }
        }
        let form = ToolCallConstraint.Form(
            opening: tokenizer.encode("<tool_call>\n"), closing: tokenizer.encode("}\n</tool_call>"),
            separator: tokenizer.encode("\n"), heads: GrammarConstraint(head), headTexts: heads.map { Array($0.utf8) },
            arguments: arguments, endIDs: text.endIDs, lineFeeds: feeds,
            callsMax: tools.isParallel && tools.choice == .required ? Self.callsMax : 1,
            vocabularySize: text.vocabularySize, bytes: { tokenizer.bytes($0) })
        return ToolCallConstraint(form, leadingLineFeeds: lineFeeds)
    }

    /// Arguments are always an object; a tool without parameters takes an empty one.
    private static func schema(of tool: ToolDefinition) -> JSONValue {
        guard var schema = tool.parameters?.object, !schema.isEmpty else {
            return ["type": "object", "additionalProperties": false]
        }
        if schema["type"] == nil { schema["type"] = "object" }
        return .object(schema)
    }
}

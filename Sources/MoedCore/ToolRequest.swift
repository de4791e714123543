/// A function that a model may call.
package struct ToolDefinition: Sendable, Equatable {
    package var name: String
    /// JSON Schema of the arguments; nil for a function without any.
    package var parameters: JSONValue?
    /// The definition as the request has it, for the chat template.
    package var definition: JSONValue
}

/// A call of a function in an answer.
package struct ToolCall: Sendable, Equatable {
    /// Unique among the calls of a conversation.
    package var id: String
    package var name: String
    /// Text of a JSON object.
    package var arguments: String

    package init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

/// The tools of a request, and whether the model calls them.
package struct ToolRequest: Sendable, Equatable {
    package enum Choice: Sendable, Equatable {
        /// The model decides.
        case auto
        /// At least one call.
        case required
        /// A call of this function.
        case named(String)
    }

    package var tools: [ToolDefinition]
    package var choice: Choice
    /// True when an answer may have several calls.
    package var isParallel: Bool

    private static let toolsMax = 1024
    private static let nameBytesMax = 256
}

extension ToolRequest {
    /// Reads `tools`, `tool_choice` and `parallel_tool_calls`; nil without tools and with the choice `none`.
    static func read(_ fields: RequestFields) throws(RequestError) -> ToolRequest? {
        let isParallel = try fields.bool("parallel_tool_calls") ?? true
        var tools: [ToolDefinition] = []
        if let value = fields["tools"] {
            guard let list = value.array, list.count <= toolsMax else {
                throw RequestError(
                    .invalidValue, param: "tools", "tools must be an array of at most \(toolsMax) functions")
            }
            for (index, entry) in list.enumerated() { tools.append(try tool(entry, name: "tools[\(index)]")) }
        }
        var names: Set<String> = []
        if let twice = tools.firstIndex(where: { !names.insert($0.name).inserted }) {
            throw RequestError(
                .invalidValue, param: "tools[\(twice)].function.name", "two tools are named “\(tools[twice].name)”")
        }
        guard let choice = try choice(fields["tool_choice"], among: names) else { return nil }
        guard !tools.isEmpty else {
            guard choice == .auto else {
                throw RequestError(.invalidValue, param: "tool_choice", "tool_choice needs tools")
            }
            return nil
        }
        if case .named(let name) = choice { tools.removeAll { $0.name != name } }
        return ToolRequest(tools: tools, choice: choice, isParallel: isParallel)
    }

    private static func tool(_ value: JSONValue, name: String) throws(RequestError) -> ToolDefinition {
        guard let object = value.object else {
            throw RequestError(.invalidValue, param: name, "a tool must be an object, not \(value.kind)")
        }
        if let type = object["type"], type != .null, type != "function" {
            throw RequestError(
                .unsupported, param: "\(name).type",
                "tools of type \(type.serialized().prefix(40)) are not supported: only function is")
        }
        guard let function = object["function"]?.object else {
            throw RequestError(
                .invalidValue, param: "\(name).function",
                "a tool must be {\"type\": \"function\", \"function\": {\"name\": …, \"parameters\": …}}")
        }
        guard let title = function["name"]?.string, !title.isEmpty, title.utf8.count <= nameBytesMax,
            !title.unicodeScalars.contains(where: { $0.value < 32 })
        else {
            throw RequestError(
                .invalidValue, param: "\(name).function.name",
                "a function's name must be a string of 1 to \(nameBytesMax) bytes without control characters")
        }
        let parameters = function["parameters"].flatMap { $0 == .null ? nil : $0 }
        guard parameters == nil || parameters?.object != nil else {
            throw RequestError(
                .invalidValue, param: "\(name).function.parameters", "parameters must be a JSON Schema, an object")
        }
        return ToolDefinition(name: title, parameters: parameters, definition: value)
    }

    /// Nil for `none`.
    private static func choice(_ value: JSONValue?, among names: Set<String>) throws(RequestError) -> Choice? {
        switch value {
        case nil, "auto": return .auto
        case "none": return nil
        case "required": return .required
        default:
            guard let value, value.object != nil, value["type"] == "function",
                let name = value["function"]?["name"]?.string ?? value["name"]?.string
            else {
                throw RequestError(
                    .invalidValue, param: "tool_choice",
                    "tool_choice must be none, auto, required or {\"type\": \"function\", \"function\": {\"name\": …}}")
            }
            guard names.contains(name) else {
                throw RequestError(
                    .invalidValue, param: "tool_choice.function.name", "no tool is named “\(name.prefix(80))”")
            }
            return .named(name)
        }
    }
}

package import MoedCore

/// The texts of requests and answers that rules are asked about.
package enum JudgedTexts {
    /// Members of messages and tools that hold no text.
    private static let marks: Set<String> = ["role", "type", "id", "tool_call_id"]
    /// Members whose names belong to the API.
    private static let names: Set<String> = [
        "content", "text", "name", "tool_calls", "function", "arguments", "reasoning", "reasoning_content", "refusal",
        "parameters", "strict", "description", "properties", "required", "items", "enum", "additionalProperties",
    ]

    /// Texts that a request brings to the model: those of its messages, tools and template variables.
    ///
    /// - Parameter decode: text of a prompt that consists of token ids.
    package static func input(of request: GenerationRequest, decode: ([TokenID]) -> String) -> [String] {
        var texts: [String] = []
        switch request.prompt {
        case .messages(let messages): for message in messages { add(message, &texts) }
        case .text(let text): texts.append(text)
        case .tokens(let ids): texts.append(decode(ids))
        }
        for tool in request.tools?.tools ?? [] { add(tool.definition, &texts) }
        add(.object(request.templateVariables), &texts)
        return texts
    }

    /// Texts of an answer: content, thinking and tool calls of each choice.
    package static func output(of choice: GenerationChoice) -> [String] {
        [choice.content] + [choice.reasoning].compactMap { $0 } + choice.toolCalls.flatMap { [$0.name, $0.arguments] }
    }

    private static func add(_ value: JSONValue, _ texts: inout [String]) {
        switch value {
        case .string(let text): texts.append(text)
        case .array(let items): for item in items { add(item, &texts) }
        case .object(let object):
            // A text may be in a member's name as well.
            for member in object.members where !marks.contains(member.key) {
                if !names.contains(member.key) { texts.append(member.key) }
                add(member.value, &texts)
            }
        default: texts.append(value.serialized())
        }
    }
}

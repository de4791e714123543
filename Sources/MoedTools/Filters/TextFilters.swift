package import MoedCore
package import MoedText

/// `moed tokenize`, `moed detokenize` and `moed template` for one line.
package enum TextFilters {
    /// `{"text"}` → `{"ids"}`.
    package static func tokenize(_ line: JSONValue, _ tokenizer: Tokenizer, plain: Bool) throws -> JSONValue {
        let text = try text(of: line)
        return ["ids": ids(plain ? tokenizer.encodePlain(text) : tokenizer.encode(text))]
    }

    /// `{"ids"}` → `{"text"}`.
    package static func detokenize(_ line: JSONValue, _ tokenizer: Tokenizer, skipSpecial: Bool) throws
        -> JSONValue
    {
        ["text": .string(tokenizer.decode(try tokens(of: line), skipSpecial: skipSpecial))]
    }

    /// `{"messages", "tools", "kwargs"}` → `{"text"}`, or `{"error"}` when the template refuses the messages.
    package static func render(_ line: JSONValue, _ template: ChatTemplate) throws -> JSONValue {
        guard let messages = line["messages"] else {
            throw RequestError(.missingField, param: "messages", "messages is missing")
        }
        let tools = line["tools"].flatMap { $0 == .null ? nil : $0 }
        let variables = line["kwargs"]?.object ?? JSONObject()
        do {
            return [
                "text": .string(try template.render(messages: messages, tools: tools, variables: variables))
            ]
        } catch {
            throw RequestError(.templateFailed, param: "messages", "\(error)")
        }
    }

    static func text(of line: JSONValue) throws(RequestError) -> String {
        guard let text = line["text"]?.string else {
            throw RequestError(.missingField, param: "text", "text is missing or not a string")
        }
        return text
    }

    static func tokens(of line: JSONValue) throws(RequestError) -> [TokenID] {
        guard let values = line["ids"]?.array else {
            throw RequestError(.missingField, param: "ids", "ids is missing or not an array")
        }
        var tokens: [TokenID] = []
        for (index, value) in values.enumerated() {
            guard let token = value.integer.flatMap({ TokenID(exactly: $0) }), token >= 0 else {
                throw RequestError(
                    .invalidValue, param: "ids[\(index)]", "a token id must be a whole number ≥ 0")
            }
            tokens.append(token)
        }
        return tokens
    }

    static func ids(_ tokens: [TokenID]) -> JSONValue { .array(tokens.map { .integer(Int64($0)) }) }
}

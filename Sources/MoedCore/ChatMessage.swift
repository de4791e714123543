/// Checks chat messages and brings their content into the one form that Qwen's templates read: a string.
///
/// The templates take anything else for empty, or print it as a list, so that the question would be lost without a
/// word.
enum ChatMessage {
    /// - Parameter name: of the message in errors, e.g. `messages[0]`.
    /// - Returns: the message; a content of text parts has become their texts, joined by line feeds.
    static func checked(_ message: JSONValue, name: String) throws(RequestError) -> JSONValue {
        guard var object = message.object else {
            throw RequestError(
                .invalidValue, param: name, "a message must be an object, not \(message.kind)")
        }
        guard let role = object["role"]?.string else {
            throw RequestError(.invalidValue, param: "\(name).role", "role must be a string")
        }
        switch object["content"] {
        case .string: return message
        case .array(let parts):
            object["content"] = .string(try text(of: parts, name: "\(name).content"))
            return .object(object)
        case .null, nil:
            // An answer that only called tools has none (OpenAI's API).
            guard role == "assistant" else {
                throw RequestError(.missingField, param: "\(name).content", "content is missing")
            }
            return message
        case .some(let other):
            throw RequestError(
                .invalidValue, param: "\(name).content", "content must be a string, not \(other.kind)")
        }
    }

    private static func text(of parts: [JSONValue], name: String) throws(RequestError) -> String {
        var texts: [String] = []
        for (index, part) in parts.enumerated() {
            let type = part["type"]?.string ?? ""
            guard type == "text" || type.isEmpty else {
                throw RequestError(
                    .unsupported, param: "\(name)[\(index)]",
                    "content of type \(type.prefix(40)) is not supported: the models read text only")
            }
            guard let text = part.string ?? part["text"]?.string else {
                throw RequestError(
                    .invalidValue, param: "\(name)[\(index)]",
                    "a part of a content must be a string or {\"type\": \"text\", \"text\": a string}")
            }
            texts.append(text)
        }
        return texts.joined(separator: "\n")
    }
}

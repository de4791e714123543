/// Checks chat messages and converts their content to a string, the only form that Qwen's templates read.
///
/// The templates treat other content as empty or print it as a list. The question would be lost without an error.
enum ChatMessage {
    /// - Parameter name: name of the message in errors, e.g. `messages[0]`.
    /// - Returns: the message; text parts are replaced by one string, joined by line feeds.
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
            // In OpenAI's API an assistant message that only calls tools has no content.
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

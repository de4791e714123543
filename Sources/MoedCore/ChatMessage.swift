/// Checks chat messages and brings them into the form that Qwen's templates read.
///
/// The templates treat other content as empty or print it as a list, and leave out messages of other roles. The
/// question would be lost without an error.
enum ChatMessage {
    private static let roles: Set<String> = ["system", "user", "assistant", "tool"]
    /// Other names of roles: OpenAI's newer one, and its older one for results of tools.
    private static let otherRoles = ["developer": "system", "function": "tool"]

    /// - Parameter name: name of the message in errors, e.g. `messages[0]`.
    /// - Returns: the message without members that are null; text parts are replaced by one string, joined by line
    ///   feeds. A message of a developer is one of the system, and a result of a function one of a tool.
    static func checked(_ message: JSONValue, name: String) throws(RequestError) -> JSONValue {
        guard var object = message.object?.withoutNulls else {
            throw RequestError(
                .invalidValue, param: name, "a message must be an object, not \(message.kind)")
        }
        let role = try role(of: object, name: name)
        object["role"] = .string(role)
        if role == "assistant" {
            try AssistantMessage.check(&object, name: name)
        } else if let calls = object["tool_calls"], calls != .array([]) {
            throw RequestError(
                .invalidValue, param: "\(name).tool_calls", "only messages of the role assistant have tool_calls")
        }
        switch object["content"] {
        case .string: break
        case .array(let parts):
            object["content"] = .string(try text(of: parts, name: "\(name).content"))
        case nil:
            // In OpenAI's API an assistant message that only calls tools has no content.
            guard role == "assistant" else {
                throw RequestError(.missingField, param: "\(name).content", "content is missing")
            }
            object["content"] = ""
        case .some(.object(let result)) where role == "tool":
            // A result that the client did not write as text.
            object["content"] = .string(JSONValue.object(result).serialized())
        case .some(let other):
            throw RequestError(
                .invalidValue, param: "\(name).content", "content must be a string, not \(other.kind)")
        }
        return .object(object)
    }

    private static func role(of message: JSONObject, name: String) throws(RequestError) -> String {
        guard let role = message["role"]?.string else {
            throw RequestError(.invalidValue, param: "\(name).role", "role must be a string")
        }
        if let other = otherRoles[role] { return other }
        guard roles.contains(role) else {
            throw RequestError(
                .invalidValue, param: "\(name).role",
                "role must be system, developer, user, assistant or tool, not “\(role.prefix(40))”")
        }
        return role
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

/// Members that only messages of an assistant have: thoughts and tool calls.
private enum AssistantMessage {
    /// Members of OpenAI's API that no template of Qwen prints.
    private static let unprinted = [
        ("audio", "the models read text only"),
        ("refusal", "write its text as content"),
    ]

    /// Checks the message and copies a thought under both of its names.
    static func check(_ message: inout JSONObject, name: String) throws(RequestError) {
        // The older shape of a call.
        if let call = message["function_call"] {
            if message["tool_calls"]?.array?.isEmpty != false { message["tool_calls"] = [["function": call]] }
            message["function_call"] = nil
        }
        for (member, reason) in unprinted where message[member] != nil {
            throw RequestError(
                .unsupported, param: "\(name).\(member)", "\(member) is not supported in a message: \(reason)")
        }
        for (member, other) in [("reasoning", "reasoning_content"), ("reasoning_content", "reasoning")] {
            guard let thought = message[member] else { continue }
            guard thought.string != nil else {
                throw RequestError(
                    .invalidValue, param: "\(name).\(member)", "\(member) must be a string, not \(thought.kind)")
            }
            if message[other] == nil { message[other] = thought }
        }
        try checkCalls(of: &message, name: "\(name).tool_calls")
    }

    /// Checks the calls. Arguments that are the text of an object become that object, as in vLLM: some templates print
    /// its members.
    private static func checkCalls(of message: inout JSONObject, name: String) throws(RequestError) {
        guard let member = message["tool_calls"] else { return }
        guard let calls = member.array else {
            throw RequestError(.invalidValue, param: name, "tool_calls must be an array, not \(member.kind)")
        }
        var read: [JSONValue] = []
        for (index, call) in calls.enumerated() {
            let function = call.object?.withoutNulls["function"] ?? call
            guard function["name"]?.string != nil else {
                throw RequestError(
                    .invalidValue, param: "\(name)[\(index)]",
                    "a tool call must be {\"function\": {\"name\": a string, \"arguments\": an object or a string}}")
            }
            read.append(withArguments(call))
        }
        message["tool_calls"] = .array(read)
    }

    private static func withArguments(_ call: JSONValue) -> JSONValue {
        guard var object = call.object else { return call }
        if let function = object.withoutNulls["function"] {
            object["function"] = withArguments(function)
        } else if let text = object["arguments"]?.string {
            if text.allSatisfy(\.isWhitespace) {
                object["arguments"] = .object(JSONObject())
            } else if let value = try? JSONValue(parsing: text), value.object != nil {
                object["arguments"] = value
            }
        }
        return .object(object)
    }
}

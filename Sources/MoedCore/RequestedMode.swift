/// The reasoning mode that a request body asks for. Four members can name it.
enum RequestedMode {
    private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]

    /// Reads the mode; nil when the body names none. `enable_thinking` at the top of the body becomes a variable of the
    /// template.
    ///
    /// - Throws: `RequestError` for a bad value, and when two members name different modes.
    static func read(_ fields: RequestFields, _ variables: inout JSONObject) throws(RequestError) -> ReasoningMode? {
        let variable = "chat_template_kwargs.enable_thinking"
        var wishes: [(name: String, thinks: Bool)] = []
        if let value = variables["enable_thinking"] {
            guard let thinks = value.bool else {
                throw RequestError(
                    .invalidValue, param: variable, "enable_thinking must be a boolean, not \(value.kind)")
            }
            wishes.append((variable, thinks))
        }
        if let thinks = try fields.bool("enable_thinking") {
            wishes.append(("enable_thinking", thinks))
            if variables["enable_thinking"] == nil { variables["enable_thinking"] = .bool(thinks) }
        }
        if let mode = try named(fields) { wishes.append(("reasoning", mode == .thinking)) }
        if let thinks = try effort(fields) { wishes.append(("reasoning_effort", thinks)) }
        guard let first = wishes.first else { return nil }
        if let other = wishes.first(where: { $0.thinks != first.thinks }) {
            throw RequestError(
                .invalidValue, param: other.name,
                "\(other.name) turns thinking \(other.thinks ? "on" : "off"), but \(first.name) turns it "
                    + (first.thinks ? "on" : "off"))
        }
        return first.thinks ? .thinking : .nonThinking
    }

    private static func named(_ fields: RequestFields) throws(RequestError) -> ReasoningMode? {
        guard let value = fields["reasoning"] else { return nil }
        guard let name = value.string else {
            throw RequestError(
                .invalidValue, param: "reasoning",
                "reasoning must be thinking or non_thinking, not \(value.kind); an effort belongs into reasoning_effort"
            )
        }
        guard let mode = ReasoningMode(rawValue: name) else {
            throw RequestError(
                .invalidValue, param: "reasoning",
                "reasoning must be thinking or non_thinking, not “\(name.prefix(40))”")
        }
        return mode
    }

    private static func effort(_ fields: RequestFields) throws(RequestError) -> Bool? {
        guard let effort = try fields.string("reasoning_effort") else { return nil }
        guard efforts.contains(effort) else {
            throw RequestError(
                .invalidValue, param: "reasoning_effort",
                "reasoning_effort must be one of \(efforts.joined(separator: ", "))")
        }
        return effort != "none"
    }
}

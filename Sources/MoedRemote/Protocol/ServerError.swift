package import MoedCore

/// An error object of a server, in one of the spellings that engines and proxies use.
package struct ServerError: Sendable, Equatable {
    private static let charactersMax = 300

    /// The server's text, shortened. It may quote the prompt, so it is shown to the job's owner and never logged.
    package var message: String
    package var type: String?
    package var code: String?
    /// Field of the request at fault.
    package var param: String?

    package init(message: String, type: String? = nil, code: String? = nil, param: String? = nil) {
        self.message = message
        self.type = type
        self.code = code
        self.param = param
    }

    /// Reads `{"error": {…}}`, `{"error": "…"}`, `{"detail": …}`, `{"message": …}`; nil when the value is none of them.
    package init?(_ value: JSONValue) {
        var inner = value["error"]
        if inner == nil, let detail = value["detail"] { inner = ["message": detail] }
        if inner == nil, value["choices"] == nil, value["message"] != nil { inner = value }
        guard let inner, inner != .null
        else { return nil }
        message = Self.shortened(Self.text(inner["message"]) ?? Self.text(inner) ?? "")
        type = Self.text(inner["type"]).map(Self.shortened)
        code = Self.text(inner["code"]).map(Self.shortened)
        param = Self.text(inner["param"]).map(Self.shortened)
    }

    /// Reads a body that should hold an error object. Other bodies, such as a proxy's page, give no message.
    package init(body: [UInt8]) {
        if let value = try? JSONValue(parsing: body), let error = ServerError(value) {
            self = error
        } else {
            self.init(message: "")
        }
    }

    /// Words for the log: type and code, without the message.
    package var label: String { [type, code].compactMap { $0 }.joined(separator: ", ") }

    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case nil, .null: nil
        case .string(let text): text
        case .some(let other): other.serialized()
        }
    }

    private static func shortened(_ text: String) -> String {
        let line = text.map { $0.isNewline || $0 == "\t" || $0 == "\0" ? " " : $0 }
        return line.count > charactersMax ? String(line.prefix(charactersMax - 1)) + "…" : String(line)
    }
}

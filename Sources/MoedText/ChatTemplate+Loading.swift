import MoedCore

extension ChatTemplate {
    /// Special tokens of `tokenizer_config.json` that templates refer to by name.
    private static let tokenNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// Loads a checkpoint's template. The file `chat_template.jinja` takes precedence over the field `chat_template` of
    /// `tokenizer_config.json`. The field is the source, or a list of named sources with one named `default`.
    ///
    /// - Parameters:
    ///   - tokenizerConfigJSON: Contents of `tokenizer_config.json`; also the source of `bos_token`, `eos_token` and
    ///     similar tokens.
    ///   - chatTemplateFile: Contents of `chat_template.jinja`; nil when the file does not exist.
    ///   - file: Name of `tokenizer_config.json` in errors.
    /// - Returns: nil when the checkpoint has no template.
    package static func load(
        tokenizerConfigJSON: [UInt8], chatTemplateFile: [UInt8]?, file: String
    ) throws(TextError) -> ChatTemplate? {
        let config: JSONValue
        do {
            config = try JSONValue(parsing: tokenizerConfigJSON)
        } catch {
            throw TextError(.malformedFile, file: file, error.description)
        }
        guard let fields = config.object else {
            throw TextError(.malformedFile, file: file, "expected an object, found \(config.kind)")
        }
        let constants = try tokens(in: fields, file: file)
        if let chatTemplateFile {
            guard let source = String(validating: chatTemplateFile, as: UTF8.self) else {
                throw TextError(.malformedFile, file: "chat_template.jinja", "invalid UTF-8")
            }
            return try ChatTemplate(source: source, file: "chat_template.jinja", constants: constants)
        }
        guard let source = try source(in: fields["chat_template"] ?? .null, file: file) else { return nil }
        return try ChatTemplate(source: source, file: "\(file): chat_template", constants: constants)
    }

    private static func source(in field: JSONValue, file: String) throws(TextError) -> String? {
        switch field {
        case .null: return nil
        case .string(let source): return source
        case .array(let choices):
            for (index, choice) in choices.enumerated() {
                guard let name = choice["name"]?.string, let source = choice["template"]?.string else {
                    throw TextError(
                        .malformedFile, file: file, place: "chat_template[\(index)]",
                        "expected an object with the strings 'name' and 'template'")
                }
                if name == "default" { return source }
            }
            throw TextError(.malformedFile, file: file, place: "chat_template", "none is named 'default'")
        default:
            throw TextError(
                .malformedFile, file: file, place: "chat_template",
                "expected a string or an array, found \(field.kind)")
        }
    }

    /// Special tokens by name: each field is a string, or an object with the string as `content`. Null fields stay
    /// undefined.
    private static func tokens(in fields: JSONObject, file: String) throws(TextError) -> JSONObject {
        var tokens = JSONObject()
        for name in tokenNames {
            guard let field = fields[name], field != .null else { continue }
            guard let text = field.string ?? field["content"]?.string else {
                throw TextError(
                    .malformedFile, file: file, place: name,
                    "expected a string or an object with 'content', found \(field.kind)")
            }
            tokens[name] = .string(text)
        }
        return tokens
    }
}

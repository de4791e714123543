/// The form of an answer that a request demands.
package enum AnswerConstraint: Sendable, Equatable {
    /// A JSON value that satisfies a schema.
    ///
    /// - isStrict: false turns refusals of some keywords into warnings.
    case schema(JSONValue, isStrict: Bool)
    case regex(String)
    case choices([String])
    /// A text by a grammar in GBNF.
    case grammar(String)
}

/// A constraint and the field that it comes from.
package struct RequestedConstraint: Sendable, Equatable {
    package var constraint: AnswerConstraint
    /// Field for error messages: `response_format.json_schema.schema`.
    package var param: String

    package init(_ constraint: AnswerConstraint, param: String) {
        self.constraint = constraint
        self.param = param
    }
}

extension RequestedConstraint {
    /// Members of a body with a constraint and its kind, beside `response_format` and `structured_outputs`.
    private static let members: [(name: String, kind: String)] = [
        ("guided_json", "json"), ("guided_regex", "regex"), ("guided_choice", "choice"),
        ("guided_grammar", "grammar"), ("json_schema", "json"), ("regex", "regex"), ("grammar", "grammar"),
        ("ebnf", "grammar"),
    ]
    private static let needles =
        (["response_format", "structured_outputs"] + members.map(\.name)).map { "\"\($0)\"" }

    /// True when the text of a body may hold a constraint: it has the name of such a member between quotes. A text in
    /// a message may look alike, and escapes in a member's name hide it.
    package static func isPossible(in body: String) -> Bool { needles.contains { body.contains($0) } }

    /// Any JSON object.
    private static let object = AnswerConstraint.schema(["type": "object"], isStrict: true)
    private static let choicesMax = 10_000

    /// Reads `response_format` (OpenAI, llama.cpp), else `structured_outputs` and the `guided_*` fields (vLLM), else
    /// `json_schema`, `grammar` (llama.cpp), `regex` and `ebnf` (SGLang).
    static func read(_ fields: RequestFields) throws(RequestError) -> RequestedConstraint? {
        let found = try responseFormat(fields)
        var others: [RequestedConstraint] = []
        if let value = fields["structured_outputs"] { others += try structured(value).map { [$0] } ?? [] }
        for (name, kind) in members {
            // llama.cpp's clients send an empty grammar for none.
            guard let value = fields[name], !(name == "grammar" && value == "") else { continue }
            others.append(try one(kind, value, name))
        }
        if let second = others.dropFirst().first {
            throw RequestError(
                .invalidValue, param: second.param,
                "\(others[0].param) and \(second.param) exclude each other")
        }
        return found ?? others.first
    }

    private static func responseFormat(_ fields: RequestFields) throws(RequestError) -> RequestedConstraint? {
        guard let format = try fields.object("response_format") else { return nil }
        switch format["type"]?.string {
        case "text": return nil
        case "json_object":
            guard let schema = format["schema"] else { return .init(object, param: "response_format") }
            return try one("json", schema, "response_format.schema")
        case "json_schema":
            let name = "response_format.json_schema"
            guard let outer = format["json_schema"] else {
                guard let schema = format["schema"] else {
                    throw RequestError(.missingField, param: name, "\(name) is missing")
                }
                return try one("json", schema, "response_format.schema")
            }
            guard let schema = outer["schema"], schema != .null else {
                throw RequestError(.missingField, param: "\(name).schema", "\(name).schema is missing")
            }
            return try one("json", schema, "\(name).schema", isStrict: outer["strict"] != false)
        default:
            throw RequestError(
                .invalidValue, param: "response_format.type",
                "response_format.type must be text, json_object or json_schema, not "
                    + (format["type"]?.serialized().prefix(40) ?? "absent"))
        }
    }

    private static func structured(_ value: JSONValue) throws(RequestError) -> RequestedConstraint? {
        let name = "structured_outputs"
        guard let object = value.object else {
            throw RequestError(.invalidValue, param: name, "\(name) must be an object, not \(value.kind)")
        }
        let kinds = ["json", "regex", "choice", "grammar", "json_object", "structural_tag"]
        let given = object.members.filter { kinds.contains($0.key) && $0.value != .null }
        guard let member = given.first, given.count == 1 else {
            throw RequestError(
                .invalidValue, param: name,
                "\(name) must have exactly one of \(kinds.joined(separator: ", "))")
        }
        let harmless = ["disable_any_whitespace", "disable_additional_properties", "disable_fallback"]
        for other in object.members where !kinds.contains(other.key) && other.value != .null {
            guard harmless.contains(other.key), other.value == false else {
                throw RequestError(
                    .unsupported, param: "\(name).\(other.key)", "\(name).\(other.key) is not supported")
            }
        }
        return try one(member.key, member.value, "\(name).\(member.key)")
    }

    private static func one(
        _ kind: String, _ value: JSONValue, _ param: String, isStrict: Bool = true
    ) throws(RequestError) -> RequestedConstraint {
        func invalid(_ reason: String) -> RequestError {
            RequestError(.invalidValue, param: param, "\(param) \(reason)")
        }
        switch kind {
        case "json":
            guard let text = value.string else {
                guard value.object != nil || value.bool != nil else {
                    throw invalid("must be a JSON Schema, not \(value.kind)")
                }
                return .init(.schema(value, isStrict: isStrict), param: param)
            }
            do {
                return .init(.schema(try JSONValue(parsing: text), isStrict: isStrict), param: param)
            } catch { throw invalid("is no JSON: \(error)") }
        case "regex":
            guard let text = value.string, !text.contains("\0") else {
                throw invalid("must be a string without NUL")
            }
            return .init(.regex(text), param: param)
        case "choice":
            let choices = value.array?.compactMap(\.string) ?? []
            guard !choices.isEmpty, choices.count == value.array?.count, choices.count <= choicesMax else {
                throw invalid("must be a list of 1 to \(choicesMax) strings")
            }
            guard !choices.contains("") else { throw invalid("must not have an empty string") }
            return .init(.choices(choices), param: param)
        case "grammar":
            guard let text = value.string, !text.isEmpty else { throw invalid("must be a grammar in GBNF") }
            return .init(.grammar(text), param: param)
        case "json_object":
            guard value == true else { throw invalid("must be true") }
            return .init(object, param: param)
        default: throw RequestError(.unsupported, param: param, "\(param) is not supported")
        }
    }
}

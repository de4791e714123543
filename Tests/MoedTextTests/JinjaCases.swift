import Foundation
import MoedCore
import MoedText
import TestSupport
import Testing

/// Templates, variables and recorded results of `Tests/Fixtures/jinja`.
enum JinjaCases {
    static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/jinja")

    /// Variables by the name that a case gives them: `context`, or a chat.
    static let contexts = Result { () throws -> [String: JSONObject] in
        let chats = try JSONValue(parsing: Fixtures.bytes(folder.appending(path: "chats.json")))
        var contexts: [String: JSONObject] = [:]
        for chat in try #require(chats.object).members { contexts[chat.key] = chat.value.object }
        contexts["context"] = try JSONValue(parsing: Fixtures.bytes(folder.appending(path: "context.json")))
            .object
        return contexts
    }

    /// Results that Jinja2 may have and moed has not, by a part of the error.
    static let differences = Result { () throws -> [String] in
        let list = try JSONValue(parsing: Fixtures.bytes(folder.appending(path: "differences.json")))
        return try #require(list.array).map { entry in
            try #require(entry["reason"]?.string?.isEmpty == false)
            return try #require(entry["error"]?.string)
        }
    }

    /// The limits of a daemon, but on a slow machine too a test gives the same result.
    static let unclocked = {
        var limits = TemplateLimits()
        limits.clock = { .zero }
        return limits
    }()

    static func render(
        _ source: String, _ variables: JSONObject = JSONObject(),
        limits: TemplateLimits = unclocked
    ) -> Result<String, TextError> {
        Result { () throws(TextError) in
            let template = try ChatTemplate(source: source, file: "template")
            let others = variables.members.filter { !["messages", "tools"].contains($0.key) }
            return try template.render(
                messages: variables["messages"] ?? [], tools: variables["tools"],
                variables: JSONObject(others.map { ($0.key, $0.value) }), limits: limits)
        }
    }

    /// Renders a line that `render.py` wrote, and compares.
    ///
    /// - Parameter refused: Receives the difference that allows moed to refuse the template.
    /// - Returns: The mismatch; nil when both print the same or both refuse.
    static func mismatch(_ line: JSONValue, refused: (String) -> Void = { _ in }) throws -> String? {
        let contexts = try contexts.get()
        let context = try #require(contexts[line["context"]?.string ?? ""])
        let source: String
        if let file = line["file"]?.string {
            let path = file.hasPrefix("/") ? URL(filePath: file) : folder.appending(path: file)
            source = try String(decoding: Fixtures.bytes(path), as: UTF8.self)
        } else {
            source = try #require(line["source"]?.string)
        }
        let name = "\(line["file"]?.string ?? source) on \(line["context"]?.string ?? "")"
        let expected = line["text"]?.string
        switch (render(source, context), expected) {
        case (.success(let text), let expected?):
            if text.utf8.elementsEqual(expected.utf8) { return nil }
            return "\(name): \(text.debugDescription), Jinja2: \(expected.debugDescription)"
        // Jinja2 ran into a limit of the test, which says nothing about the template.
        case (.success, nil) where ["TimeoutError", "MemoryError", "long"].contains(line["error"]?.string): return nil
        case (.success(let text), nil):
            return "\(name): \(text.debugDescription), Jinja2 refuses: \(line["error"]?.string ?? "")"
        case (.failure, nil): return nil
        case (.failure(let error), let expected?):
            guard let known = try differences.get().first(where: error.reason.contains) else {
                return "\(name): \(error), Jinja2: \(expected.debugDescription)"
            }
            refused(known)
            return nil
        }
    }
}

extension Result where Failure == TextError, Success == String {
    /// The text; an error is recorded as a failed expectation.
    func text(_ location: SourceLocation = #_sourceLocation) -> String? {
        switch self {
        case .success(let text): return text
        case .failure(let error):
            Issue.record("\(error)", sourceLocation: location)
            return nil
        }
    }

    var error: TextError? { if case .failure(let error) = self { error } else { nil } }
}

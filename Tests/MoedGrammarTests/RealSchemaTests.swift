import Foundation
import MoedCore
import MoedGrammar
import TestSupport
import Testing

/// Real-world schemas with instances, from `../shared/json-schema` beside the checkout. `MOED_SCHEMAS=all` takes all.
struct RealSchemaTests {
    private static let file = Fixtures.packageRoot.deletingLastPathComponent()
        .appending(path: "shared/json-schema/bench.jsonl")

    @Test(.enabled(if: FileManager.default.fileExists(atPath: file.path)))
    func realSchemasAreCovered() throws {
        let all = ProcessInfo.processInfo.environment["MOED_SCHEMAS"] == "all"
        let lines = try Fixtures.bytes(Self.file).split(separator: 10).enumerated()
            .filter { all || $0.offset % 25 == 3 }.map { Array($0.element) }
        var covered = 0
        for line in lines {
            let test = try JSONValue(parsing: line)
            let name = test["id"]?.string ?? ""
            do {
                let acceptor = TextAcceptor(try CompiledGrammar(schema: Self.schema(test)))
                let bad = Self.failures(test, acceptor)
                if bad.isEmpty { covered += 1 } else { print("\(name): rejects \(bad)") }
            } catch { print("\(name): refused, \(error)") }
        }
        print("schemas covered: \(covered) of \(lines.count)")
        #expect(Double(covered) >= 0.89 * Double(lines.count))
    }

    /// The line's draft is put into schemas that name none.
    private static func schema(_ test: JSONValue) -> JSONValue {
        guard case .object(var schema)? = test["schema"] else { return test["schema"] ?? true }
        let draft = test["draft"]?.string ?? ""
        if schema["$schema"] == nil, draft.count == 1 { schema["$schema"] = .string("draft-0\(draft)") }
        return .object(schema)
    }

    /// Valid instances that are rejected. Accepting an invalid one is an error in any case.
    private static func failures(_ test: JSONValue, _ acceptor: TextAcceptor) -> [String] {
        func accepts(_ value: JSONValue, _ style: JSONStyle) -> Bool {
            acceptor.accepts(Array(value.serialized(style).utf8))
        }
        for value in (test["invalid"]?.array ?? []) + (test["invalid_format"]?.array ?? []) {
            #expect(
                !accepts(value, .compact) && !accepts(value, .spaced),
                "\(value.serialized().prefix(300)) is invalid")
        }
        return (test["valid"]?.array ?? []).filter { !accepts($0, .compact) || !accepts($0, .spaced) }
            .map { String($0.serialized().prefix(80)) }
    }
}

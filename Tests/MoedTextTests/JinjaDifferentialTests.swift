import Foundation
import MoedCore
import TestSupport
import Testing

/// The interpreter against Jinja2: on recorded results everywhere, and on new ones where Jinja2 is installed.
struct JinjaDifferentialTests {
    /// A Python that has Jinja2: `.ci/venv` makes one.
    private static let python: URL? = {
        let python = Fixtures.packageRoot.appending(path: ".build-venv/bin/python")
        return FileManager.default.isExecutableFile(atPath: python.path) ? python : nil
    }()

    /// Number of random templates and their seed. A longer run sets MOED_JINJA_COUNT=100000 and a seed of its own.
    private static let (count, seed) = (number("MOED_JINJA_COUNT", 3000), number("MOED_JINJA_SEED", 20_251_130))

    private static func number(_ name: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
    }

    private static func recorded() throws -> [JSONValue] {
        try Fixtures.lines(JinjaCases.folder.appending(path: "recorded.jsonl"))
    }

    @Test func recordedResults() throws {
        var used: Set<String> = []
        var mismatches: [String] = []
        let lines = try Self.recorded()
        for line in lines {
            if let mismatch = try JinjaCases.mismatch(line, refused: { used.insert($0) }) {
                mismatches.append(mismatch)
            }
        }
        #expect(mismatches == [])
        #expect(lines.filter { $0["source"] != nil }.count >= 600)
        #expect(Set(lines.compactMap { $0["file"]?.string }).count >= 60)
        #expect(lines.filter { $0["text"] != nil }.count > lines.count * 3 / 4)
        // Each difference that is named is one still.
        #expect(try JinjaCases.differences.get().filter { !used.contains($0) } == [])
    }

    /// All templates anew, those of the golden data if it is there, and random ones from a seed.
    @Test(
        .enabled(if: python != nil, "no Jinja2: run .ci/venv, which installs it into .build-venv"),
        .timeLimit(.minutes(60)))
    func newResults() async throws {
        let script = JinjaCases.folder.appending(path: "render.py").path
        var arguments = ["-B", script, "--seed", "\(Self.seed)", "--count", "\(Self.count)"]
        if let golden = Fixtures.golden {
            arguments += ["--templates", golden.appending(path: "chat-template").path]
        }
        let result = try await Command.run(try #require(Self.python), arguments)
        try #require(result.status == 0, "\(result.output.suffix(2000))")
        let lines = try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        let recorded = try Self.recorded()
        #expect(lines.count >= recorded.count + Self.count)
        for (line, old) in zip(lines, recorded) {
            #expect(line["text"] == old["text"], "recorded.jsonl is old: \(old.serialized())")
        }
        var mismatches: [String] = []
        // Templates that moed refuses without a named difference. No job gets another prompt by them.
        var refused: [String] = []
        for line in lines.dropFirst(recorded.count) {
            guard let mismatch = try JinjaCases.mismatch(line) else { continue }
            if mismatch.contains("on context: template: ") { refused.append(mismatch) } else { mismatches.append(mismatch) }
        }
        #expect(mismatches == [])
        #expect(refused.count <= Self.count / 1000, "\(refused)")
    }
}

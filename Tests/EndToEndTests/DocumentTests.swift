import Foundation
import MoedPostgres
import TestSupport
import Testing

/// A server, a migrated database and a working folder for a document's commands.
///
/// Documents speak of a model in `MODEL` and of a database that libpq's variables name. Variables of the environment
/// override `moed.yaml`, so that a document may show paths of its own there.
private struct DocumentScene {
    static let psql = Command.find("psql")
    static var obstacle: String? {
        Scene.obstacle ?? (psql == nil ? "psql is not installed (Debian: postgresql-client)" : nil)
    }

    /// The document's own server; it stops with this value.
    private let server: PostgresServer
    let scene: Scene
    let folder: TemporaryFolder
    private let environment: [String: String]

    init() async throws {
        // Roles belong to a server: each document has one of its own.
        server = PostgresServer()
        scene = try await Scene(on: server)
        folder = try TemporaryFolder()
        try folder.createFolder("bin")
        let binary = try #require(MoedProgram.binary)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("bin/moed"), withDestinationPath: binary.path)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        environment = [
            "PATH": "\(folder.path("bin")):\(path)", "PGHOST": scene.database.host, "PGUSER": "postgres",
            "PGDATABASE": scene.database.name, "PAGER": "cat", "MODEL": Fixtures.sampleModel.path,
            "MOED_MODEL_PATH": Fixtures.sampleModel.path, "MOED_DATABASE_URL": scene.database.conninfo,
        ]
    }

    /// Runs a block; its standard error goes to a file.
    func run(_ block: MarkdownDocument.Block) async throws -> Command.Result {
        try folder.write("block", Array(block.text.utf8))
        let program =
            block.language == "sql"
            ? ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", "block"] : ["bash", "-euo", "pipefail", "block"]
        let shell = try #require(Command.find("bash"))
        return try await Command.run(
            shell, ["-c", #"cd "$1" && shift && exec "$@" 2>errors"#, "bash", folder.path] + program,
            environment: environment)
    }

    var errors: String { String(decoding: (try? folder.bytes("errors")) ?? [], as: UTF8.self) }
}

/// Every command of the documents runs, in order, document by document.
@Suite(.serialized, .enabled(if: DocumentScene.obstacle == nil, Comment(rawValue: DocumentScene.obstacle ?? "")))
struct DocumentTests {
    @Test(arguments: MarkdownDocument.all.filter { $0.blocks.contains { $0.use == .run } })
    func commandsRun(_ document: MarkdownDocument) async throws {
        let scene = try await DocumentScene()
        // A reader has them from the start, wherever a document shows them.
        for block in document.blocks {
            if case .file(let name) = block.use { try scene.folder.write(name, Array(block.text.utf8)) }
        }
        var output = ""
        for block in document.blocks {
            let place = "\(document.path):\(block.line)"
            switch block.use {
            case .run:
                let result = try await scene.run(block)
                output = result.output
                try #require(result.status == 0, "\(place):\n\(block.text)\n\(output)\n\(scene.errors)")
            case .output: #expect(Self.lines(output) == Self.lines(block.text), "\(place)")
            case .file, .shown, .notRun, .unclear: break
            }
        }
        // The accounting contracts hold after a document's commands, too.
        #expect(try await scene.scene.accountingFaults() == [])
    }

    /// Lines without trailing blanks, because editors remove them.
    private static func lines(_ text: String) -> [String] {
        text.trimmingCharacters(in: .newlines).split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0.replacing(#/\s+$/#, with: "")) }
    }

    /// `docs/sql.md` names every view and every function that the migrations make.
    @Test func theReferenceOfSQLIsComplete() async throws {
        let scene = try await Scene()
        let rows = try await scene.database.query(
            """
            SELECT p.proname::text AS name FROM pg_proc p WHERE p.pronamespace = 'moed'::regnamespace
            UNION
            SELECT c.relname::text FROM pg_class c
             WHERE c.relnamespace = 'moed'::regnamespace AND c.relkind IN ('v', 'r')
            """)
        let names = try rows.map { try $0.value("name", as: String.self) }.sorted()
        #expect(names.contains("enqueue") && names.contains("jobs") && names.contains("token_ledger"))
        let text = try String(
            contentsOf: Fixtures.packageRoot.appending(path: "docs/sql.md"), encoding: .utf8)
        for name in names {
            #expect(text.contains(try Regex("moed\\.\(name)\\b")), "docs/sql.md does not name moed.\(name)")
        }
    }
}

/// The documents as texts; nothing runs here.
struct DocumentTextTests {
    @Test(arguments: MarkdownDocument.all)
    func blocksAreRunOrSayWhyNot(_ document: MarkdownDocument) {
        for block in document.blocks {
            #expect(block.use != .unclear, "\(document.path):\(block.line): \(block.language)")
        }
        // An indented block would escape.
        for (number, line) in document.prose {
            #expect(!line.hasPrefix("    "), "\(document.path):\(number): indented by four")
        }
    }

    @Test(arguments: MarkdownDocument.all)
    func sentencesAreShort(_ document: MarkdownDocument) {
        for (number, words) in document.sentences {
            #expect(
                words.count <= 25, "\(document.path):\(number): \(words.count) words: \(words.joined(separator: " "))")
        }
    }

    @Test(arguments: MarkdownDocument.all)
    func linksLeadToFiles(_ document: MarkdownDocument) {
        for path in document.linkedFiles {
            let file = Fixtures.packageRoot.appending(path: path)
            #expect(FileManager.default.fileExists(atPath: file.path), "\(document.path) links to \(path)")
        }
    }

    @Test func theReadmeFitsOnThreeScreens() throws {
        let readme = try #require(MarkdownDocument.all.first { $0.path == "README.md" })
        #expect(readme.lineCount <= 150)
    }

    /// `docs/operations.md` quotes log lines: each of them is in the sources, and no warning is missing.
    @Test func logLinesAreTheSources() throws {
        let operations = try #require(MarkdownDocument.all.first { $0.path == "docs/operations.md" })
        let root = Fixtures.packageRoot.appending(path: "Sources")
        let walk = try #require(FileManager.default.enumerator(atPath: root.path))
        let sources = walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.compactMap {
            try? String(contentsOf: root.appending(path: $0), encoding: .utf8)
        }.joined()
        let rows = Array(
            operations.prose.map(\.text).drop { $0 != "## Log lines" }.dropFirst().prefix { !$0.hasPrefix("## ") })
        let lines = rows.compactMap { $0.firstMatch(of: #/^\| `([^`]+)`/#)?.1 }
        #expect(lines.count > 10)
        for line in lines {
            for piece in line.split(separator: "…") {
                let piece = piece.trimmingCharacters(in: .whitespaces)
                #expect(sources.contains(piece), "no log line has “\(piece)”")
            }
        }
        // The beginnings of texts; one that begins with a figure has none.
        let written = sources.matches(of: #/log\.(?:warning|error|critical)\(\s*"+\s*([^"\\]+)/#).map(\.1)
        #expect(written.count > 5)
        for text in written {
            let start = text.prefix(24).trimmingCharacters(in: .whitespaces)
            #expect(rows.contains { $0.contains(start) }, "“\(start)” is not explained")
        }
    }

    @Test func blocksAreFound() {
        let text = """
            One. Two `a b c`: three
            and four.

            ```sh
            a
            ```
            ```sql not-run: why
            b
            ```
            ```text output
            c
            ```
            ```yaml file: x.yaml
            d
            ```
            ```python
            e
            ```
            [x](../README.md#y)
            """
        let document = MarkdownDocument(path: "docs/x.md", text: text)
        #expect(
            document.blocks.map(\.use) == [
                .run, .notRun(reason: "why"), .output, .file("x.yaml"), .unclear,
            ])
        #expect(document.blocks.map(\.text) == ["a\n", "b\n", "c\n", "d\n", "e\n"])
        #expect(document.blocks.map(\.line) == [5, 8, 11, 14, 17])
        #expect(document.sentences.map(\.words.count) == [1, 2, 3, 1])
        #expect(document.linkedFiles == ["README.md"])
    }
}

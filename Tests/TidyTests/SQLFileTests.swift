import Testing

/// SQL stands where SQL tools can read it.
struct SQLFileTests {
    /// Folders of `sql/schema`, each with the kind of its objects.
    private static let kinds = [
        "types": "TYPE", "sequences": "SEQUENCE", "domains": "DOMAIN", "functions": "FUNCTION",
        "tables": "TABLE",
        "views": "VIEW",
    ]

    private static let files = SourceTree.everything.filter {
        $0.path.hasPrefix("sql/schema/") && $0.path != "sql/schema/all.sql"
            && $0.path != "sql/schema/schema.sql"
    }

    @Test(arguments: files)
    func aFileDefinesTheObjectOfItsName(file: SourceFile) throws {
        let parts = file.path.split(separator: "/").map(String.init)
        try #require(parts.count == 4)
        let kind = try #require(Self.kinds[parts[2]], "\(parts[2]) is no folder of sql/schema")
        let name = try #require(parts[3].wholeMatch(of: #/([a-z_]+)\.sql/#)).1
        let created = file.lines.compactMap { $0.firstMatch(of: #/^CREATE ([A-Z]+) moed\.([a-z_]+)/#) }
        #expect(created.map { "\($0.1) \($0.2)" } == ["\(kind) \(name)"])
    }

    @Test func allFilesAreLoadedOnce() throws {
        let all = try #require(SourceTree.everything.first { $0.path == "sql/schema/all.sql" })
        let loaded = all.lines.filter { $0.hasPrefix("\\ir ") }.map { "sql/schema/" + $0.dropFirst(4) }
        #expect(loaded.sorted() == (Self.files.map(\.path) + ["sql/schema/schema.sql"]).sorted())
        #expect(loaded.count > 50)
    }

    /// Any role may take and hold an advisory lock, and so stop whoever asks for it.
    @Test(
        arguments: SourceTree.everything.filter {
            $0.path.hasSuffix(".sql") && ($0.path.hasPrefix("sql/schema/") || $0.path.hasPrefix("Sources/MoedQueue/"))
        })
    func nothingAsksForAnAdvisoryLock(file: SourceFile) {
        for line in file.lines { #expect(!line.contains("advisory"), "\(file.path): \(line)") }
    }

    /// Statements in Swift are at most so long; longer ones are files of `Statements`.
    private static let statementLinesMax = 20

    @Test(arguments: SourceTree.swiftSources.filter { $0.path.hasPrefix("Sources/MoedQueue/JobStore") })
    func longStatementsAreFiles(file: SourceFile) {
        var start: Int?
        for (index, line) in file.lines.enumerated() where line.contains("\"\"\"") {
            if let begin = start {
                #expect(index - begin - 1 <= Self.statementLinesMax, "\(file.path):\(begin + 1)")
            }
            start = start == nil ? index : nil
        }
        #expect(start == nil)
    }
}

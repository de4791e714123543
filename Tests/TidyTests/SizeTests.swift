import Testing

/// A file is a walk, a function a screen.
struct SizeTests {
    private static let fileLinesMax = 400
    private static let functionLinesMax = 70
    private static let lineCharactersMax = 120

    private static let code = SourceTree.everything.filter { file in
        [".swift", ".c", ".h"].contains(where: file.path.hasSuffix)
    }

    @Test func filesAreShort() {
        for file in Self.code {
            #expect(file.lines.count < Self.fileLinesMax, "\(file.path) has \(file.lines.count) lines")
        }
        let lengths = SourceTree.swiftSources.map(\.lines.count).sorted()
        print(
            "TidyTests: \(lengths.count) Swift files in Sources, median \(lengths[lengths.count / 2]) lines")
    }

    /// Tests may quote a statement or a message in one piece.
    @Test(arguments: code.filter { $0.path.hasPrefix("Sources/") })
    func linesAreShort(file: SourceFile) {
        for (index, line) in file.lines.enumerated() {
            #expect(
                line.count <= Self.lineCharactersMax, "\(file.path):\(index + 1) has \(line.count) characters"
            )
        }
    }

    @Test(arguments: SourceTree.swiftSources)
    func functionsFitOnAScreen(file: SourceFile) {
        for function in Self.functions(in: file.code) {
            #expect(
                function.lines <= Self.functionLinesMax,
                "\(file.path):\(function.start + 1) begins a function of \(function.lines) lines")
        }
    }

    /// Functions and initializers with a body: index of the first line, and lines up to the closing brace.
    private static func functions(in code: [String]) -> [(start: Int, lines: Int)] {
        var functions: [(start: Int, lines: Int)] = []
        /// Line and brace depth of each declaration whose body is open.
        var open: [(start: Int, depth: Int)] = []
        var awaitsBody: Int?
        var depth = 0
        for (index, line) in code.enumerated() {
            if line.contains(/\bfunc |(^|\s)init[(<?]|\bdeinit\b/) { awaitsBody = index }
            for character in line {
                if character == "{" {
                    if let start = awaitsBody { open.append((start, depth)) }
                    awaitsBody = nil
                    depth += 1
                } else if character == "}" {
                    depth -= 1
                    if let last = open.last, last.depth == depth {
                        functions.append((last.start, index - last.start + 1))
                        open.removeLast()
                    }
                }
            }
        }
        return functions
    }

    @Test func functionsAreMeasured() {
        let code = [
            "struct A {", "    func a(", "        x: Int", "    ) {", "        if x { y() }", "    }", "}",
        ]
        let functions = Self.functions(in: code)
        #expect(functions.map(\.start) == [1])
        #expect(functions.map(\.lines) == [5])
    }
}

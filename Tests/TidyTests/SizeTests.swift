import Testing

/// A file is a walk, a function a screen.
struct SizeTests {
    private static let fileLinesMax = 400
    private static let functionLinesMax = 60
    private static let parametersMax = 7
    private static let medianMax = 90
    private static let targetLinesMax = 5000
    /// The tokenizer and the template language are two rooms in one target.
    private static let largerTargets = ["MoedText"]
    private static let lineCharactersMax = 120

    private static let code = SourceTree.everything.filter { file in
        [".swift", ".c", ".h"].contains(where: file.path.hasSuffix)
    }

    @Test func filesAreShort() {
        for file in Self.code {
            #expect(file.lines.count < Self.fileLinesMax, "\(file.path) has \(file.lines.count) lines")
        }
        let lengths = SourceTree.swiftSources.map(\.lines.count).sorted()
        #expect(lengths[lengths.count / 2] <= Self.medianMax)
        print(
            "TidyTests: \(lengths.count) Swift files in Sources, median \(lengths[lengths.count / 2]) lines")
    }

    @Test func targetsAreHouses() {
        let targets = Dictionary(grouping: SourceTree.swiftSources, by: \.target)
        for (target, files) in targets where !Self.largerTargets.contains(target) {
            let lines = files.reduce(0) { $0 + $1.lines.count }
            #expect(lines <= Self.targetLinesMax, "\(target) has \(lines) lines")
        }
        // The daemon only puts things together.
        let daemon = targets["MoedDaemon"] ?? []
        #expect(daemon.count <= 20 && daemon.reduce(0) { $0 + $1.lines.count } <= 1500)
    }

    @Test(arguments: SourceTree.swiftSources)
    func declarationsHaveFewParameters(file: SourceFile) {
        for (line, count) in Self.parameterCounts(in: file.code) {
            #expect(
                count <= Self.parametersMax, "\(file.path):\(line + 1) declares \(count) parameters")
        }
    }

    /// Parameters of each function and initializer, by the index of its line.
    private static func parameterCounts(in code: [String]) -> [(line: Int, count: Int)] {
        var counts: [(line: Int, count: Int)] = []
        for (index, line) in code.enumerated() {
            guard line.contains(/\bfunc |^\s*((package|private|fileprivate|convenience|required) )*init[(<?]/)
            else { continue }
            var (depth, count, isEmpty, hasBegun) = (0, 1, true, false)
            scan: for rest in code[index...] {
                for character in rest {
                    if "([{".contains(character) {
                        depth += 1
                        if depth == 1, character == "(", !hasBegun {
                            hasBegun = true
                            continue
                        }
                    } else if ")]}".contains(character) {
                        depth -= 1
                        if depth == 0, hasBegun { break scan }
                    } else if character == ",", depth == 1, hasBegun {
                        count += 1
                    }
                    if hasBegun, !character.isWhitespace { isEmpty = false }
                }
            }
            counts.append((index, isEmpty ? 0 : count))
        }
        return counts
    }

    @Test func parametersAreCounted() {
        let code = [
            "func a() {}", "package init(", "    x: (Int, Int), y: [Int]", ") {", "    b(1, 2, 3)", "}",
        ]
        #expect(Self.parameterCounts(in: code).map(\.count) == [0, 2])
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

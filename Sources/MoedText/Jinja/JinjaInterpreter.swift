/// Runs one template once. The file and the line at hand go into every error.
struct JinjaInterpreter {
    /// Evaluated expressions and executed statements. A message costs about fifty in Qwen's templates.
    static let stepsMax = 5_000_000
    /// Bytes of all strings and lists made on the way, and of the output: fifty times the longest prompt.
    static let bytesMax = 512 << 20
    /// Expressions and blocks inside each other, through macro calls too; bounds the stack.
    static let depthMax = 300
    /// Lists and dictionaries inside each other; bounds the stack of whatever walks them.
    static let valueDepthMax = 200
    /// Longest `range`, as in Jinja2's sandbox.
    static let rangeMax = 100_000

    let program: JinjaProgram
    let file: String
    /// Where we are, for error messages.
    var line = 1
    /// Variables, innermost scope last; the first is the template's own.
    var scopes: [[String: JinjaValue]]
    var output = ""
    var namespaces: [JinjaDictionary] = []
    var generators: [[JinjaValue]] = []
    private var stepsLeft = stepsMax
    private var bytesLeft = bytesMax
    private var depth = 0

    init(program: JinjaProgram, file: String, variables: [String: JinjaValue]) {
        self.program = program
        self.file = file
        scopes = [variables, [:]]
    }

    mutating func run() throws(TextError) -> String {
        _ = try execute(program.body)
        return output
    }

    func failure(_ reason: String) -> TextError {
        TextError(.templateFailed, file: file, place: "line \(line)", reason)
    }

    private func limit(_ reason: String) -> TextError {
        TextError(.limitExceeded, file: file, place: "line \(line)", reason)
    }

    // MARK: Limits

    mutating func charge(steps: Int) throws(TextError) {
        stepsLeft -= steps
        guard stepsLeft >= 0 else { throw limit("more than \(Self.stepsMax) steps") }
    }

    mutating func charge(bytes: Int) throws(TextError) {
        bytesLeft -= bytes
        guard bytesLeft >= 0 else { throw limit("more than \(Self.bytesMax) bytes of text and lists") }
    }

    /// Begins an expression or statement; `leave` ends it.
    mutating func enter(line: Int) throws(TextError) {
        self.line = line
        try charge(steps: 1)
        guard depth < Self.depthMax else { throw limit("nested deeper than \(Self.depthMax) levels") }
        depth += 1
    }

    mutating func leave() { depth -= 1 }

    mutating func list(_ elements: [JinjaValue]) throws(TextError) -> JinjaValue {
        .list(try sequence(elements))
    }

    mutating func sequence(_ elements: [JinjaValue]) throws(TextError) -> JinjaSequence {
        try charge(bytes: elements.count * MemoryLayout<JinjaValue>.stride)
        let sequence = JinjaSequence(elements)
        try check(depth: sequence.depth)
        return sequence
    }

    mutating func dictionary(_ members: [(key: String, value: JinjaValue)]) throws(TextError)
        -> JinjaDictionary
    {
        var dictionary = JinjaDictionary()
        for (key, value) in members {
            try charge(bytes: key.utf8.count + MemoryLayout<JinjaValue>.stride)
            dictionary.set(key, value)
        }
        try check(depth: dictionary.depth)
        return dictionary
    }

    func check(depth: Int) throws(TextError) {
        guard depth <= Self.valueDepthMax else {
            throw limit("a value is nested deeper than \(Self.valueDepthMax) levels")
        }
    }

    mutating func generator(_ elements: [JinjaValue]) throws(TextError) -> JinjaValue {
        generators.append(try sequence(elements).elements)
        return .generator(generators.count - 1)
    }

    // MARK: Variables

    mutating func write(_ text: String) throws(TextError) {
        try charge(bytes: text.utf8.count)
        output += text
    }

    func lookUp(_ name: String) -> JinjaValue {
        for scope in scopes.reversed() {
            if let value = scope[name] { return value }
        }
        if let function = JinjaFunction(rawValue: name) { return .function(function) }
        return .undefined("'\(name)'")
    }

    mutating func set(_ name: String, _ value: JinjaValue) { scopes[scopes.count - 1][name] = value }
}

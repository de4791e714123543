/// Runs one template once. The file and the line at hand go into every error.
///
/// A class: a call on a structure would work on a copy made before its arguments are evaluated. It would miss the
/// namespaces and generators of the arguments.
final class JinjaInterpreter {
    /// Expressions and blocks inside each other, through macro calls too; bounds the stack.
    static let depthMax = 300
    /// Lists and dictionaries inside each other; bounds the stack of all code that walks them.
    static let valueDepthMax = 200
    /// Longest `range`, as in Jinja2's sandbox.
    static let rangeMax = 100_000

    let program: JinjaProgram
    let file: String
    /// The line being run, for error messages.
    var line = 1
    /// Variables, innermost scope last; the first is the template's own.
    var scopes: [[String: JinjaValue]]
    var output = ""
    var namespaces: [JinjaDictionary] = []
    var generators: [[JinjaValue]] = []
    private var budget: JinjaBudget
    private var depth = 0

    init(
        program: JinjaProgram, file: String, variables: [String: JinjaValue],
        limits: TemplateLimits
    ) {
        self.program = program
        self.file = file
        scopes = [variables, [:]]
        budget = JinjaBudget(limits)
    }

    func run() throws(TextError) -> String {
        _ = try execute(program.body)
        return output
    }

    func failure(_ reason: String) -> TextError {
        TextError(.templateFailed, file: file, place: "line \(line)", reason)
    }

    func unsupported(_ feature: String) -> TextError {
        TextError(.unsupported, file: file, place: "line \(line)", "\(feature) is not supported")
    }

    private func limit(_ reason: String) -> TextError {
        TextError(.limitExceeded, file: file, place: "line \(line)", reason)
    }

    // MARK: Limits

    func charge(steps: Int) throws(TextError) {
        if let reason = budget.take(steps: steps) { throw limit(reason) }
    }

    /// Pays for reading text or elements that exist already.
    func charge(reading bytes: Int) throws(TextError) {
        if let reason = budget.take(reading: bytes) { throw limit(reason) }
    }

    /// Pays for memory; called before it is allocated.
    func charge(bytes: Int) throws(TextError) {
        if let reason = budget.take(bytes: bytes) { throw limit(reason) }
    }

    /// Pays for `count` pieces of `size` bytes.
    func charge(bytes size: Int, times count: Int) throws(TextError) {
        let (bytes, overflows) = max(0, size).multipliedReportingOverflow(by: max(0, count))
        try charge(bytes: overflows ? .max : bytes)
    }

    /// Pays for the memory of a list.
    func charge(elements count: Int) throws(TextError) {
        try charge(bytes: MemoryLayout<JinjaValue>.stride, times: count)
    }

    /// Pays for a list of strings beside their bytes: a string that is not short has a header of its own.
    func charge(pieces count: Int) throws(TextError) {
        try charge(elements: count)
        try charge(bytes: 32, times: count)
    }

    /// Begins an expression or statement; `leave` ends it.
    func enter(line: Int) throws(TextError) {
        self.line = line
        try charge(steps: 1)
        guard depth < Self.depthMax else { throw limit("nested deeper than \(Self.depthMax) levels") }
        depth += 1
    }

    func leave() { depth -= 1 }

    // MARK: Values

    /// - Parameter isPaid: The elements' memory is charged already.
    func list(_ elements: [JinjaValue], isPaid: Bool = false) throws(TextError) -> JinjaValue {
        .list(try sequence(elements, isPaid: isPaid))
    }

    func sequence(_ elements: [JinjaValue], isPaid: Bool = false) throws(TextError) -> JinjaSequence {
        if !isPaid { try charge(elements: elements.count) }
        let sequence = JinjaSequence(elements)
        try check(depth: sequence.depth)
        return sequence
    }

    func dictionary(_ members: [(key: String, value: JinjaValue)]) throws(TextError) -> JinjaDictionary {
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

    func generator(_ elements: [JinjaValue], isPaid: Bool = false) throws(TextError) -> JinjaValue {
        let elements = try sequence(elements, isPaid: isPaid).elements
        try charge(bytes: MemoryLayout<[JinjaValue]>.stride)
        generators.append(elements)
        return .generator(generators.count - 1)
    }

    // MARK: Variables

    func write(_ text: String) throws(TextError) {
        try charge(bytes: text.utf8.count)
        output += text
    }

    func lookUp(_ name: String) throws(TextError) -> JinjaValue {
        for scope in scopes.reversed() {
            if let value = scope[name] { return value }
        }
        if let function = JinjaFunction(rawValue: name) { return .function(function) }
        guard !JinjaFunction.missing.contains(name) else { throw unsupported("'\(name)'") }
        return .undefined("'\(name)'")
    }

    func set(_ name: String, _ value: JinjaValue) { scopes[scopes.count - 1][name] = value }
}

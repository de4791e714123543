/// One token of a template: text between tags, the border of a tag, or a word inside one.
struct JinjaToken: Sendable {
    enum Kind: Sendable, Equatable {
        /// Text to be printed as it stands; whitespace control is already applied.
        case data(String)
        case variableBegin, variableEnd
        case blockBegin, blockEnd
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        /// Operators and brackets, spelled as in the template.
        case symbol(String)
        case end
    }

    var kind: Kind
    /// Counted from 1.
    var line: Int

    /// The token as an error message shows it.
    var shown: String {
        switch kind {
        case .data: "text outside of tags"
        case .variableBegin: "'{{'"
        case .variableEnd: "'}}'"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .integer(let value): "\(value)"
        case .float(let value): "\(value)"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end of the template"
        }
    }
}

/// Cuts a template into tokens as Jinja2 does with `trim_blocks` and `lstrip_blocks` set, the way chat templates
/// are rendered everywhere: the line break after a block tag and the indentation before it are dropped.
struct JinjaLexer {
    let file: String
    var text: [Unicode.Scalar]
    var at = 0
    var line = 1
    var tokens: [JinjaToken] = []
    /// True when the last tag ended with a line break: the text after it begins a line.
    private var startsLine = true

    private init(source: String, file: String) {
        self.file = file
        text = []
        text.reserveCapacity(source.utf8.count)
        for scalar in source.unicodeScalars {
            if scalar == "\n", text.last == "\r" { text.removeLast() }
            text.append(scalar)
        }
        // Every spelling of a line break is one line feed; one at the very end does not count.
        for index in text.indices where text[index] == "\r" { text[index] = "\n" }
        if text.last == "\n" { text.removeLast() }
    }

    static func tokens(of source: String, file: String) throws(TextError) -> [JinjaToken] {
        var lexer = JinjaLexer(source: source, file: file)
        while lexer.at < lexer.text.count { try lexer.dataAndTag() }
        lexer.append(.end)
        return lexer.tokens
    }

    func error(_ reason: String, line: Int? = nil) -> TextError {
        TextError(.templateSyntax, file: file, place: "line \(line ?? self.line)", reason)
    }

    mutating func append(_ kind: JinjaToken.Kind) { tokens.append(JinjaToken(kind: kind, line: line)) }

    func starts(with word: StaticString, at place: Int) -> Bool {
        var place = place
        for scalar in word.description.unicodeScalars {
            guard place < text.count, text[place] == scalar else { return false }
            place += 1
        }
        return true
    }

    /// Moves on, counting lines.
    mutating func advance(to place: Int) {
        for index in at..<place where text[index] == "\n" { line += 1 }
        if place > at { startsLine = text[place - 1] == "\n" }
        at = place
    }

    mutating func skipSpace() {
        var place = at
        while place < text.count, text[place].isPythonSpace { place += 1 }
        advance(to: place)
    }

    // MARK: Text and the tags in it

    private mutating func dataAndTag() throws(TextError) {
        var place = at
        while place < text.count {
            if text[place] == "{", place + 1 < text.count, ["{", "%", "#"].contains(text[place + 1]) {
                break
            }
            place += 1
        }
        guard place < text.count else {
            appendData(at..<place)
            advance(to: place)
            return
        }
        let opener = text[place + 1]
        let sign = sign(at: place + 2)
        appendData(kept(at..<place, before: opener, sign: sign))
        advance(to: place + 2 + (sign == nil ? 0 : 1))
        switch opener {
        case "#": try comment()
        case "{": try tag(.variableBegin, .variableEnd)
        default:
            if let end = rawTagEnd() {
                advance(to: end)
                try raw()
            } else {
                try tag(.blockBegin, .blockEnd)
            }
        }
    }

    private func sign(at place: Int) -> Unicode.Scalar? {
        place < text.count && (text[place] == "-" || text[place] == "+") ? text[place] : nil
    }

    /// The part of the text before a tag that is printed.
    private func kept(
        _ range: Range<Int>, before opener: Unicode.Scalar, sign: Unicode.Scalar?
    ) -> Range<Int> {
        var end = range.upperBound
        while end > range.lowerBound, text[end - 1].isPythonSpace {
            if sign != "-", text[end - 1] == "\n" { break }
            end -= 1
        }
        if sign == "-" { return range.lowerBound..<end }
        guard sign == nil, opener != "{" else { return range }
        let reachesLineStart = end > range.lowerBound ? text[end - 1] == "\n" : startsLine
        return reachesLineStart ? range.lowerBound..<end : range
    }

    private mutating func appendData(_ range: Range<Int>) {
        if !range.isEmpty { append(.data(String(scalars: text[range]))) }
    }

    private mutating func comment() throws(TextError) {
        let start = line
        var place = at
        while !starts(with: "#}", at: place) {
            guard place < text.count else { throw error("the comment is not closed", line: start) }
            place += 1
        }
        let sign = place > at ? sign(at: place - 1) : nil
        advance(to: place + 2)
        closed(sign, trims: true)
    }

    /// Effect of the end of a tag on the text after it.
    mutating func closed(_ sign: Unicode.Scalar?, trims: Bool) {
        if sign == "-" {
            skipSpace()
        } else if sign == nil, trims, at < text.count, text[at] == "\n" {
            advance(to: at + 1)
        }
    }

    // MARK: raw

    /// The place after `{% raw %}` when the tag just opened is one.
    private func rawTagEnd() -> Int? {
        guard var place = wordEnd("raw", after: at) else { return nil }
        if starts(with: "-%}", at: place) {
            place += 3
            while place < text.count, text[place].isPythonSpace { place += 1 }
            return place
        }
        return starts(with: "%}", at: place) ? place + 2 : nil
    }

    /// The place after white space, a word and white space.
    private func wordEnd(_ word: StaticString, after start: Int) -> Int? {
        var place = start
        while place < text.count, text[place].isPythonSpace { place += 1 }
        guard starts(with: word, at: place) else { return nil }
        place += word.utf8CodeUnitCount
        while place < text.count, text[place].isPythonSpace { place += 1 }
        return place
    }

    private mutating func raw() throws(TextError) {
        let start = line
        for place in at..<text.count where starts(with: "{%", at: place) {
            let opening = sign(at: place + 2)
            guard let end = wordEnd("endraw", after: place + (opening == nil ? 2 : 3)) else { continue }
            let closing = sign(at: end)
            let border = end + (closing == nil ? 0 : 1)
            guard starts(with: "%}", at: border) else { continue }
            appendData(kept(at..<place, before: "%", sign: opening))
            advance(to: border + 2)
            closed(closing, trims: true)
            return
        }
        throw error("'raw' is not closed by 'endraw'", line: start)
    }
}

package import MoedCore

/// A filter that answers each input line independently: JSON lines in, JSON lines out. An invalid line gets an error
/// line.
package struct LineFilter {
    private let answer: (JSONValue) throws -> JSONValue

    package init(_ answer: @escaping (JSONValue) throws -> JSONValue) { self.answer = answer }

    /// Runs until the input ends.
    ///
    /// - Throws: when input or output fails; never because of a line's content.
    package func run(input: Int32 = 0, output: Int32 = 1) throws {
        var reader = LineReader(descriptor: input)
        let writer = LineWriter(descriptor: output)
        while true {
            switch try reader.next() {
            case .line(let bytes): if let result = Self.answer(to: bytes, answer) { try writer.write(result) }
            case .tooLong: try writer.write(Self.tooLong)
            case .notYet: continue
            case .end: return
            }
        }
    }

    static let tooLong = ChatCompletion.error(
        RequestError(.promptTooLarge, "the line is longer than \(LineReader.lineBytesMax) bytes"))

    /// True for lines of white space. Filters skip them: an extra final line feed is no request.
    static func isBlank(_ line: [UInt8]) -> Bool {
        line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }

    private static func answer(to line: [UInt8], _ answer: (JSONValue) throws -> JSONValue) -> JSONValue? {
        guard !isBlank(line) else { return nil }
        do {
            return try answer(try JSONValue(parsing: line))
        } catch {
            return errorLine(error)
        }
    }

    static func errorLine(_ error: any Error) -> JSONValue {
        switch error {
        case let error as RequestError: ChatCompletion.error(error)
        case let error as EngineError where error.code != .invalidInput: ChatCompletion.error(error)
        case let error as JSONError: ChatCompletion.error(RequestError(.invalidJSON, error.description))
        default: ChatCompletion.error(RequestError(.invalidValue, "\(error)"))
        }
    }
}

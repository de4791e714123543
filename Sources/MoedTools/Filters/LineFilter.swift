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
        var line = 0
        while true {
            let next = try reader.next()
            line += 1
            switch next {
            case .line(let bytes):
                if let result = Self.answer(to: bytes, line, answer) { try writer.write(result) }
            case .tooLong: try writer.write(Self.errorLine(Self.tooLong, line))
            case .notYet: continue
            case .end: return
            }
        }
    }

    static let tooLong = RequestError(
        .promptTooLarge, "the line is longer than \(LineReader.lineBytesMax) bytes")

    /// True for lines of white space. Filters skip them: an extra final line feed is no request.
    static func isBlank(_ line: [UInt8]) -> Bool {
        line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }

    private static func answer(
        to line: [UInt8], _ number: Int, _ answer: (JSONValue) throws -> JSONValue
    ) -> JSONValue? {
        guard !isBlank(line) else { return nil }
        do {
            return try answer(try JSONValue(parsing: line))
        } catch {
            return errorLine(error, number)
        }
    }

    /// The error object for an input line, with the line's number as member `line` and in the message.
    ///
    /// - Parameter number: counted from 1, blank lines included.
    static func errorLine(_ error: any Error, _ number: Int) -> JSONValue {
        let answer = errorObject(error)
        guard var object = answer["error"]?.object else { return answer }
        object["message"] = .string("line \(number): \(object["message"]?.string ?? "")")
        object["line"] = .integer(Int64(number))
        return .object(JSONObject([("error", .object(object))]))
    }

    private static func errorObject(_ error: any Error) -> JSONValue {
        switch error {
        case let error as RequestError: ChatCompletion.error(error)
        case let error as EngineError where error.code != .invalidInput: ChatCompletion.error(error)
        case let error as JSONError: ChatCompletion.error(RequestError(.invalidJSON, error.description))
        default: ChatCompletion.error(RequestError(.invalidValue, "\(error)"))
        }
    }
}

/// Reads `multipart/form-data` (RFC 7578) piece by piece. It keeps a part's headers and at most a boundary's length
/// of data.
package struct MultipartParser {
    package enum Event: Equatable {
        /// A part begins.
        case part(MultipartHeader)
        /// Bytes of the part.
        case data([UInt8])
        /// The part has ended.
        case end
    }

    private enum State { case preamble, afterBoundary, headers, body, epilogue }

    private static let headerBytesMax = 16 << 10
    private static let partsMax = 32

    private let boundary: [UInt8]
    private var state = State.preamble
    private var pending: [UInt8] = []
    private var parts = 0

    /// - Parameter contentType: the request's header, which names the boundary.
    package init(contentType: String?) throws(APIError) {
        let parameters = HeaderParameters(contentType ?? "")
        guard parameters.value == "multipart/form-data", let name = parameters["boundary"],
            (1...70).contains(name.utf8.count)
        else {
            throw .invalid(
                "the body must be multipart/form-data with a boundary, as in: curl -F purpose=batch -F file=@FILE"
            )
        }
        boundary = Array("\r\n--\(name)".utf8)
        // The first boundary may stand at the very beginning.
        pending = Array("\r\n".utf8)
    }

    /// True once the last boundary was read.
    package var isComplete: Bool { state == .epilogue }

    /// Takes the next bytes of the body.
    package mutating func add(_ bytes: some Sequence<UInt8>) throws(APIError) -> [Event] {
        pending += bytes
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// Reads as far as the bytes at hand allow. Returns false when more bytes are needed.
    private mutating func step(_ events: inout [Event]) throws(APIError) -> Bool {
        switch state {
        case .preamble:
            guard let end = endOfBoundary(keeping: &events, isBody: false) else { return false }
            drop(end)
            state = .afterBoundary
        case .body:
            guard let end = endOfBoundary(keeping: &events, isBody: true) else { return false }
            drop(end)
            events.append(.end)
            state = .afterBoundary
        case .afterBoundary:
            guard pending.count >= 2 else { return false }
            if pending.starts(with: "--".utf8) {
                state = .epilogue
            } else {
                guard let line = pending.firstIndex(of: 10) else {
                    if pending.count > 1024 { throw .invalid("a boundary of the body is no boundary") }
                    return false
                }
                drop(line + 1)
                state = .headers
            }
        case .headers:
            guard let header = try takeHeader() else { return false }
            events.append(.part(header))
            state = .body
        case .epilogue:
            pending.removeAll()
            return false
        }
        return true
    }

    private mutating func drop(_ count: Int) { pending.removeFirst(count) }

    private mutating func takeHeader() throws(APIError) -> MultipartHeader? {
        let end: Int
        let length: Int
        if pending.starts(with: "\r\n".utf8) {
            (end, length) = (0, 2)
        } else if let found = Self.place(of: Array("\r\n\r\n".utf8), in: pending) {
            (end, length) = (found, 4)
        } else {
            guard pending.count <= Self.headerBytesMax else {
                throw .invalid("the headers of a part are too long")
            }
            return nil
        }
        parts += 1
        guard parts <= Self.partsMax else { throw .invalid("the form has more than \(Self.partsMax) parts") }
        let text = String(decoding: pending[..<end], as: UTF8.self)
        drop(end + length)
        return MultipartHeader(text)
    }

    /// Place after the next boundary. Bytes before it are data in a body, and are passed over before the first part.
    private mutating func endOfBoundary(keeping events: inout [Event], isBody: Bool) -> Int? {
        let found = Self.place(of: boundary, in: pending)
        let end = found ?? max(0, pending.count - boundary.count + 1)
        if isBody, end > 0 { events.append(.data(Array(pending[..<end]))) }
        if let found { return found + boundary.count }
        drop(end)
        return nil
    }

    private static func place(of pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        var from = 0
        while let start = bytes[from...].firstIndex(of: pattern[0]) {
            guard bytes.count - start >= pattern.count else { return nil }
            if bytes[start..<start + pattern.count].elementsEqual(pattern) { return start }
            from = start + 1
        }
        return nil
    }
}

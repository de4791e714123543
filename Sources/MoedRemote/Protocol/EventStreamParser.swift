/// Splits a stream of server-sent events (WHATWG HTML, 9.2) into the data of its events.
///
/// An event exists once its blank line has arrived. An incomplete event at the end of the stream is dropped.
package struct EventStreamParser: Sendable {
    /// Maximum size of an event in bytes. No event of a token is larger.
    package static let eventBytesMax = 1 << 20

    package enum Failure: Error, Equatable {
        case eventTooLarge
    }

    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    /// True when the last byte was a carriage return: a line feed after it belongs to the same line end.
    private var endedWithReturn = false
    private var isAtStart = true

    package init() {}

    /// Takes the next bytes, and returns the data of each event that they complete.
    package mutating func append(_ bytes: [UInt8]) throws(Failure) -> [[UInt8]] {
        var events: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n"), endedWithReturn {
                endedWithReturn = false
                continue
            }
            endedWithReturn = byte == UInt8(ascii: "\r")
            guard byte == UInt8(ascii: "\n") || endedWithReturn else {
                line.append(byte)
                guard line.count + data.count <= Self.eventBytesMax else { throw .eventTooLarge }
                continue
            }
            if let event = endLine() { events.append(event) }
        }
        return events
    }

    /// Ends a line. Returns the data of the event that a blank line ends.
    private mutating func endLine() -> [UInt8]? {
        if isAtStart {
            isAtStart = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer {
                data = []
                hasData = false
            }
            return hasData ? data : nil
        }
        let name = line.prefix { $0 != UInt8(ascii: ":") }
        // Comments, `event`, `id` and `retry` carry no tokens.
        guard name.elementsEqual("data".utf8) else { return nil }
        var value = line.dropFirst(name.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if hasData { data.append(UInt8(ascii: "\n")) }
        hasData = true
        data.append(contentsOf: value)
        return nil
    }
}

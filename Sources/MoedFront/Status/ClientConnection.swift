import Glibc

/// Connection to a client that sends one request. It never waits: the server calls it when its socket is ready.
struct ClientConnection: ~Copyable {
    private enum Phase {
        case reading
        /// The bytes of the answer that are not sent yet.
        case writing(ArraySlice<UInt8>)
        /// The answer is sent. What the client still sends is read, or the system would drop the answer.
        case parting
        case ended
    }

    /// Time for the request and its answer together.
    private static let patience = Duration.seconds(5)
    private static let headBytesMax = 8192

    let descriptor: Int32
    let deadline = ContinuousClock.now + Self.patience
    private var head: [UInt8] = []
    private var phase = Phase.reading

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    var isEnded: Bool { if case .ended = phase { true } else { ContinuousClock.now >= deadline } }
    /// Events of poll(2) that the connection waits for.
    var events: Int16 { if case .writing = phase { Int16(POLLOUT) } else { Int16(POLLIN) } }

    /// Goes on as far as the socket allows.
    mutating func proceed(_ respond: (_ path: String) -> HTTPAnswer) {
        if case .reading = phase { read(respond) }
        if case .writing(let rest) = phase { write(rest) }
        if case .parting = phase { part() }
    }

    private mutating func read(_ respond: (_ path: String) -> HTTPAnswer) {
        var part = [UInt8](repeating: 0, count: 2048)
        while true {
            let count = unsafe recv(descriptor, &part, part.count, 0)
            guard count > 0 else { return endUnlessWaiting(count) }
            head += part[..<count]
            if let end = Self.end(of: head) {
                let text = String(decoding: head[..<end], as: UTF8.self)
                phase = .writing(HTTPAnswer(toHead: text, respond).bytes[...])
                return
            }
            guard head.count < Self.headBytesMax else {
                let answer = HTTPAnswer(
                    "431 Request Header Fields Too Large", "at most \(Self.headBytesMax) bytes of headers\n")
                phase = .writing(answer.bytes[...])
                return
            }
        }
    }

    /// Index after the empty line that ends the headers; nil when it has not come.
    private static func end(of head: [UInt8]) -> Int? {
        var isLineEmpty = false
        for (index, byte) in head.enumerated() where byte != UInt8(ascii: "\r") {
            if byte == UInt8(ascii: "\n"), isLineEmpty { return index + 1 }
            isLineEmpty = byte == UInt8(ascii: "\n")
        }
        return nil
    }

    private mutating func write(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                phase = .writing(rest)
                return endUnlessWaiting(count)
            }
            rest = rest.dropFirst(count)
        }
        shutdown(descriptor, Int32(SHUT_WR))
        phase = .parting
    }

    private mutating func part() {
        var part = [UInt8](repeating: 0, count: 2048)
        while true {
            let count = unsafe recv(descriptor, &part, part.count, 0)
            guard count > 0 else { return endUnlessWaiting(count) }
        }
    }

    private mutating func endUnlessWaiting(_ count: Int) {
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        phase = .ended
    }
}

import Glibc
package import MoedHost

/// Reads a file descriptor line by line and never holds more than one line and one chunk. Lines end with LF or CRLF;
/// the last line needs none.
package struct LineReader {
    package enum Next: Equatable {
        case line([UInt8])
        /// A line longer than the limit. The reader skipped it.
        case tooLong
        /// No complete line is available and the caller does not wait.
        case notYet
        case end
    }

    /// Maximum line length: far above a request with the longest prompt of any model.
    static let lineBytesMax = 256 << 20
    private static let chunkBytes = 1 << 16

    private let descriptor: Int32
    private let lineBytesMax: Int
    private var buffer: [UInt8] = []
    /// Start of the next line in `buffer`. Lines before it stay until the next chunk, so that each byte moves once.
    private var start = 0
    /// End of the part of `buffer` behind `start` that contains no line feed.
    private var searched = 0
    private var isSkipping = false
    private var hasEnded = false

    package init(descriptor: Int32, lineBytesMax: Int = LineReader.lineBytesMax) {
        self.descriptor = descriptor
        self.lineBytesMax = lineBytesMax
    }

    /// - Throws: `WholeFile.Failure` when reading fails.
    package mutating func next(waits: Bool = true) throws(WholeFile.Failure) -> Next {
        while true {
            if let feed = buffer[searched...].firstIndex(of: 0x0A) {
                let line = buffer[start..<feed]
                start = feed + 1
                searched = start
                defer { isSkipping = false }
                return isSkipping ? .tooLong : .line(Self.withoutReturn(line))
            }
            dropReadLines()
            searched = buffer.count
            if buffer.count > lineBytesMax {
                isSkipping = true
                buffer = []
                searched = 0
            }
            if hasEnded {
                defer {
                    buffer = []
                    searched = 0
                    isSkipping = false
                }
                if isSkipping { return .tooLong }
                return buffer.isEmpty ? .end : .line(Self.withoutReturn(buffer[...]))
            }
            guard try fill(waits: waits) else { return .notYet }
        }
    }

    private mutating func dropReadLines() {
        buffer.removeSubrange(..<start)
        start = 0
    }

    /// Reads a chunk. Returns false when no input is available and the caller does not wait.
    private mutating func fill(waits: Bool) throws(WholeFile.Failure) -> Bool {
        if !waits {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&request, 1, 0) > 0 else { return false }
        }
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        let count = unsafe read(descriptor, &chunk, chunk.count)
        if count < 0 {
            if errno == EINTR { return true }
            throw WholeFile.Failure(path: "standard input", errno: errno)
        }
        hasEnded = count == 0
        buffer.append(contentsOf: chunk[..<count])
        return true
    }

    private static func withoutReturn(_ line: ArraySlice<UInt8>) -> [UInt8] {
        Array(line.last == 0x0D ? line.dropLast() : line)
    }
}

/// Cuts a text file into slices of whole lines, and counts the lines.
package struct LineSlicer {
    /// Whole lines, about as many as one statement adds.
    package struct Slice: Sendable, Equatable {
        package var text: String
        /// Lines that are not empty.
        package var lines: Int
    }

    private static let sliceBytes = 256 << 10
    private static let lineBytesMax = 16 << 20

    private let limits: UploadForm.Limits
    private var pending: [UInt8] = []
    /// Place of the last end of line among the pending bytes.
    private var lastEnd: Int?
    private var bytes = 0
    private var linesBefore = 0
    private var fullLines = 0

    package init(_ limits: UploadForm.Limits) { self.limits = limits }

    package mutating func add(_ data: [UInt8]) throws(APIError) -> [Slice] {
        let (sum, isTooLarge) = bytes.addingReportingOverflow(data.count)
        guard !isTooLarge, sum <= limits.bytes else {
            throw APIError(413, "the file has more than \(limits.bytes) bytes", param: "file")
        }
        bytes = sum
        if let end = data.lastIndex(of: 10) { lastEnd = pending.count + end }
        pending += data
        guard pending.count >= Self.sliceBytes, let last = lastEnd else {
            guard pending.count <= Self.lineBytesMax else {
                throw .invalid(
                    "line \(linesBefore + 1) of the file has more than \(Self.lineBytesMax) bytes",
                    param: "file")
            }
            return []
        }
        let slice = try slice(pending[...last])
        pending.removeFirst(last + 1)
        lastEnd = nil
        return [slice]
    }

    package mutating func finish() throws(APIError) -> Slice? {
        guard !pending.isEmpty else { return nil }
        defer { pending = [] }
        return try slice(pending[...])
    }

    private mutating func slice(_ bytes: ArraySlice<UInt8>) throws(APIError) -> Slice {
        var (full, read) = (0, 0)
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            read += 1
            if line.contains(where: { ![9, 13, 32].contains($0) }) { full += 1 }
        }
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw .invalid(
                "line \(linesBefore + firstBad(bytes)) of the file is no UTF-8 text", param: "file")
        }
        linesBefore += bytes.last == 10 ? read - 1 : read
        fullLines += full
        guard fullLines <= limits.lines else {
            throw .invalid(
                "the file has more than \(limits.lines) lines", param: "file", code: "too_many_lines")
        }
        return Slice(text: text, lines: full)
    }

    /// Number of the first line that is no text, from 1.
    private func firstBad(_ bytes: ArraySlice<UInt8>) -> Int {
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        let bad = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil || $0.contains(0) }
        return (bad ?? 0) + 1
    }
}

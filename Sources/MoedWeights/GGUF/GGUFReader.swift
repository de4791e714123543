import MoedCore

/// Reads the header of a GGUF file from front to back, never past its end.
struct GGUFReader {
    private static let portion = 1 << 20

    let file: WeightFile
    /// Offset of the next byte.
    private(set) var offset = 0
    private var buffer: [UInt8] = []
    private var bufferStart = 0

    init(_ file: WeightFile) { self.file = file }

    var remaining: Int { file.byteCount - offset }

    func error(_ reason: String) -> EngineError {
        EngineError(.badCheckpoint, "\(file.path): at byte \(offset): \(reason)")
    }

    /// The next bytes.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when the file has fewer.
    mutating func bytes(_ count: Int) throws(EngineError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else {
            throw error("the header goes on, but the file ends: the download is incomplete")
        }
        if offset + count > bufferStart + buffer.count {
            let length = min(max(count, Self.portion), remaining)
            buffer = [UInt8](repeating: 0, count: length)
            bufferStart = offset
            try file.read(length, at: offset, into: &buffer)
        }
        let start = offset - bufferStart
        offset += count
        return buffer[start..<start + count]
    }

    /// A little-endian whole number of 1 to 8 bytes.
    mutating func number(_ byteCount: Int) throws(EngineError) -> UInt64 {
        try bytes(byteCount).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A number of things, each of which takes at least so many bytes.
    mutating func count(of what: String, eachAtLeast bytes: Int) throws(EngineError) -> Int {
        let number = try number(8)
        guard number <= UInt64(remaining / bytes) else {
            throw error("\(number) \(what) are more than the file has room for")
        }
        return Int(number)
    }

    mutating func string() throws(EngineError) -> String {
        let length = try count(of: "bytes of text", eachAtLeast: 1)
        let bytes = try bytes(length)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw error("a text is not UTF-8") }
        return text
    }

    /// A value of metadata; its type is a number of the format.
    mutating func value(_ type: UInt64, depth: Int = 0) throws(EngineError) -> JSONValue {
        switch type {
        case 0: .integer(Int64(try number(1)))
        case 1: .integer(Int64(Int8(truncatingIfNeeded: try number(1))))
        case 2: .integer(Int64(try number(2)))
        case 3: .integer(Int64(Int16(truncatingIfNeeded: try number(2))))
        case 4: .integer(Int64(try number(4)))
        case 5: .integer(Int64(Int32(truncatingIfNeeded: try number(4))))
        case 6: .double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: try number(4)))))
        case 7: .bool(try number(1) != 0)
        case 8: .string(try string())
        case 9: .array(try array(depth))
        case 10: .integer(Int64(clamping: try number(8)))
        case 11: .integer(Int64(bitPattern: try number(8)))
        case 12: .double(Double(bitPattern: try number(8)))
        default: throw error("a value has the unknown type \(type)")
        }
    }

    private mutating func array(_ depth: Int) throws(EngineError) -> [JSONValue] {
        let type = try number(4)
        guard depth < 4 else { throw error("arrays are nested too deeply") }
        let count = try count(of: "elements", eachAtLeast: 1)
        var values: [JSONValue] = []
        values.reserveCapacity(min(count, 1 << 18))
        for _ in 0..<count { values.append(try value(type, depth: depth + 1)) }
        return values
    }
}

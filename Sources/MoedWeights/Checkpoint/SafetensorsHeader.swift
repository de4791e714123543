package import MoedCore

/// The header of a safetensors file: 8 bytes of length, a JSON object, then the tensors' bytes without gaps.
///
/// Everything it says is checked against the file before any tensor is read: it may come from anywhere.
/// Offsets need no alignment, as tensors are copied out and never used in place.
package struct SafetensorsHeader: Sendable {
    /// In the order of their bytes.
    package let tensors: [TensorEntry]

    /// The format's own limit.
    static let byteCountMax = 100_000_000

    /// - Throws: `EngineError(.badCheckpoint)` naming the file, the tensor and the reason.
    package init(of file: WeightFile) throws(EngineError) {
        let parser = HeaderParser(path: file.path)
        guard file.byteCount >= 8 else {
            throw parser.error("\(file.byteCount) bytes are too few for a header")
        }
        var prefix = [UInt8](repeating: 0, count: 8)
        try file.read(8, at: 0, into: &prefix)
        let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= Self.byteCountMax else {
            throw try parser.foreign(file) {
                "is no safetensors file: its header claims \(length) bytes, more than the format's "
                    + "\(Self.byteCountMax)"
            }
        }
        guard Int(length) <= file.byteCount - 8 else {
            throw try parser.foreign(file) {
                "its header claims \(length) bytes, but the file has \(file.byteCount): it is cut off, "
                    + "or no safetensors file"
            }
        }
        var text = [UInt8](repeating: 0, count: Int(length))
        try file.read(text.count, at: 8, into: &text)
        tensors = try parser.tensors(
            text, dataStart: 8 + text.count, dataCount: file.byteCount - 8 - text.count)
    }
}

private struct HeaderParser {
    let path: String

    func error(_ reason: String) -> EngineError { EngineError(.badCheckpoint, "\(path): \(reason)") }

    func error(_ tensor: String, _ reason: String) -> EngineError {
        EngineError(.badCheckpoint, "\(path): tensor \(tensor.prefix(200)): \(reason)")
    }

    /// An error about a file that does not begin as a safetensors file does.
    func foreign(_ file: WeightFile, _ reason: () -> String) throws(EngineError) -> EngineError {
        var start = [UInt8](repeating: 0, count: min(file.byteCount, FileSignature.length))
        try file.read(start.count, at: 0, into: &start)
        if let kind = FileSignature.kind(start) { return EngineError(.badCheckpoint, "\(path) \(kind)") }
        return EngineError(.badCheckpoint, "\(path): \(reason())")
    }

    /// Throws when a tensor of the header ends behind the file, naming the last one.
    private func checkLength(_ object: JSONObject, _ dataCount: Int) throws(EngineError) {
        func end(_ member: JSONObject.Member) -> Int { member.value["data_offsets"]?.array?.last?.integer ?? 0 }
        guard let last = object.members.max(by: { end($0) < end($1) }), end(last) > dataCount else { return }
        throw error(
            last.key,
            "its data_offsets end at \(end(last)), outside of the file's \(dataCount) data bytes: the file is shorter "
                + "than its header says. The download is incomplete; download the file again")
    }

    func tensors(_ text: [UInt8], dataStart: Int, dataCount: Int) throws(EngineError) -> [TensorEntry] {
        let value: JSONValue
        do { value = try JSONValue(parsing: text) } catch { throw self.error("its header: \(error)") }
        guard let object = value.object else { throw error("its header is \(value.kind), not an object") }
        if let name = TopLevelKeys.repeated(in: text) { throw error(name, "named twice in the header") }
        try checkLength(object, dataCount)
        var tensors: [TensorEntry] = []
        tensors.reserveCapacity(object.count)
        for member in object.members where ExactString(member.key) != ExactString("__metadata__") {
            tensors.append(try tensor(member.key, member.value, dataCount))
        }
        tensors.sort { ($0.offset, $0.byteCount, $0.name) < ($1.offset, $1.byteCount, $1.name) }
        var end = 0
        for index in tensors.indices {
            let tensor = tensors[index]
            if tensor.offset < end {
                throw error(tensor.name, "its bytes overlap with those of \(tensors[index - 1].name)")
            }
            if tensor.offset > end {
                throw error(tensor.name, "\(tensor.offset - end) bytes before it belong to no tensor")
            }
            end = tensor.offset + tensor.byteCount
            tensors[index].offset += dataStart
        }
        guard end == dataCount else { throw error("its last \(dataCount - end) bytes belong to no tensor") }
        return tensors
    }

    private func tensor(_ name: String, _ value: JSONValue, _ dataCount: Int) throws(EngineError)
        -> TensorEntry
    {
        guard let object = value.object else {
            throw error(name, "described by \(value.kind), not an object")
        }
        guard let typeName = object["dtype"]?.string else { throw error(name, "dtype is missing") }
        guard let type = ElementType(rawValue: typeName) else {
            throw error(name, "unknown dtype \(typeName.prefix(40))")
        }
        guard let sizes = object["shape"]?.array, sizes.count <= 8 else {
            throw error(name, "shape is missing or too long")
        }
        var shape: [Int] = []
        var byteCount = type.byteCount
        for size in sizes {
            guard let size = size.integer, size >= 0 else {
                throw error(name, "shape has a size that is no count")
            }
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: size)
            guard !overflow else { throw error(name, "its shape is larger than memory can be") }
            byteCount = product
            shape.append(size)
        }
        guard let offsets = object["data_offsets"]?.array, offsets.count == 2,
            let begin = offsets[0].integer, let end = offsets[1].integer
        else { throw error(name, "data_offsets is not a pair of offsets") }
        guard begin >= 0, begin <= end, end <= dataCount else {
            throw error(
                name, "data_offsets \(begin)…\(end) lie outside of the file's \(dataCount) data bytes")
        }
        guard end - begin == byteCount else {
            throw error(
                name, "\(end - begin) bytes for shape \(shape) of \(type.rawValue), which needs \(byteCount)")
        }
        return TensorEntry(name: name, type: type, shape: shape, offset: begin, byteCount: byteCount)
    }
}

/// Finds a member that a JSON object has twice: a parsed object keeps only the last one, so two readers could
/// disagree about what the file says.
private enum TopLevelKeys {
    /// - Parameter text: valid JSON, an object.
    static func repeated(in text: [UInt8]) -> String? {
        var seen: Set<ExactString> = []
        var depth = 0
        var expectsKey = false
        var at = 0
        while at < text.count {
            let byte = text[at]
            at += 1
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                expectsKey = depth == 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): expectsKey = depth == 1
            case UInt8(ascii: "\""):
                let start = at
                while at < text.count, text[at] != UInt8(ascii: "\"") {
                    at += text[at] == UInt8(ascii: "\\") ? 2 : 1
                }
                let end = min(at, text.count)
                at = end + 1
                guard depth == 1, expectsKey else { continue }
                expectsKey = false
                let key = unescaped(text[start..<end])
                if !seen.insert(ExactString(key)).inserted { return key }
            default: break
            }
        }
        return nil
    }

    private static func unescaped(_ key: ArraySlice<UInt8>) -> String {
        let quoted = [UInt8(ascii: "\"")] + key + [UInt8(ascii: "\"")]
        // The text was parsed before, so this cannot fail; were it to, the raw bytes still tell keys apart.
        guard case .string(let name)? = try? JSONValue(parsing: quoted) else {
            return String(decoding: key, as: UTF8.self)
        }
        return name
    }
}

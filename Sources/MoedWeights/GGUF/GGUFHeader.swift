import MoedCore

/// The header of one GGUF file: metadata, and the places of its tensors.
///
/// Source: the GGUF specification of ggml, versions 2 and 3.
struct GGUFHeader {
    var metadata: [ExactString: JSONValue] = [:]
    /// With names as in the file, shapes with the rows first, and offsets in the file.
    var tensors: [TensorEntry] = []

    /// - Throws: `EngineError(.badCheckpoint)` naming file, key or tensor, and reason; `(.unsupportedModel)` for a
    ///   tensor of a type that is not read.
    init(_ file: WeightFile) throws(EngineError) {
        var reader = GGUFReader(file)
        guard try Array(reader.bytes(4)) == Array("GGUF".utf8) else {
            throw EngineError(.badCheckpoint, "\(file.path) is no GGUF file")
        }
        let version = try reader.number(4)
        guard version == 2 || version == 3 else {
            let reason = version == 0x0300_0000 ? "is big-endian" : "has version \(version)"
            throw EngineError(
                .unsupportedModel, "\(file.path) \(reason): GGUF versions 2 and 3, little-endian, are read")
        }
        let tensorCount = try reader.count(of: "tensors", eachAtLeast: 24)
        let valueCount = try reader.count(of: "values of metadata", eachAtLeast: 13)
        for _ in 0..<valueCount {
            let key = try reader.string()
            let type = try reader.number(4)
            guard metadata.updateValue(try reader.value(type), forKey: ExactString(key)) == nil else {
                throw reader.error("the key \(key.prefix(100)) is there twice")
            }
        }
        var infos: [Info] = []
        for _ in 0..<tensorCount { infos.append(try Info(&reader)) }
        try place(infos, file, behind: reader.offset)
    }

    /// A tensor as the header describes it.
    private struct Info {
        var name: String
        var shape: [Int]
        var type: UInt64
        var offset: UInt64

        init(_ reader: inout GGUFReader) throws(EngineError) {
            name = try reader.string()
            let rank = try reader.number(4)
            guard rank <= 4 else { throw reader.error("the tensor \(name.prefix(100)) has \(rank) dimensions") }
            var sizes: [Int] = []
            for _ in 0..<rank {
                let size = try reader.number(8)
                guard size > 0, size <= 1 << 40 else {
                    throw reader.error("the tensor \(name.prefix(100)) has a dimension of \(size)")
                }
                sizes.append(Int(size))
            }
            shape = sizes.reversed()
            type = try reader.number(4)
            offset = try reader.number(8)
        }
    }

    private mutating func place(
        _ infos: [Info], _ file: WeightFile, behind headerEnd: Int
    ) throws(EngineError) {
        let alignment = metadata[ExactString("general.alignment")]?.integer ?? 32
        guard alignment > 0, alignment <= 1 << 20 else {
            throw EngineError(.badCheckpoint, "\(file.path): general.alignment is \(alignment)")
        }
        let start = (headerEnd + alignment - 1) / alignment * alignment
        var names: Set<ExactString> = []
        for info in infos {
            func error(_ code: EngineError.Code, _ reason: String) -> EngineError {
                EngineError(code, "\(file.path): tensor \(info.name.prefix(200)) \(reason)")
            }
            guard names.insert(ExactString(info.name)).inserted else { throw error(.badCheckpoint, "is there twice") }
            guard let type = GGUFType(info.type) else {
                throw error(
                    .unsupportedModel,
                    "has the type \(GGUFType.unread(info.type)), which is not read. Take a file of another "
                        + "quantisation, such as Q4_K_M, Q5_K_M, Q6_K or Q8_0")
            }
            guard let byteCount = type.byteCount(info.shape) else {
                throw error(.badCheckpoint, "has shape \(info.shape), whose rows are no whole blocks of \(type)")
            }
            let room = file.byteCount - start
            guard info.offset <= UInt64(max(0, room)), byteCount <= room - Int(info.offset) else {
                throw error(
                    .badCheckpoint,
                    "ends behind the file, which has \(file.byteCount) bytes: the download is incomplete")
            }
            tensors.append(
                TensorEntry(
                    name: info.name, type: type.element, shape: info.shape, offset: start + Int(info.offset),
                    byteCount: byteCount, blocks: type.blocks))
        }
        let sorted = tensors.sorted { $0.offset < $1.offset }
        for (one, next) in zip(sorted, sorted.dropFirst()) where one.offset + one.byteCount > next.offset {
            throw EngineError(
                .badCheckpoint, "\(file.path): tensor \(next.name.prefix(200)) overlaps with \(one.name.prefix(200))")
        }
    }
}

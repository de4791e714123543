package import MoedCore
import MoedWeights

extension PackManifest {
    /// Half a million experts would fit.
    static let byteCountMax = 128 << 20
    /// Larger than any machine's memory, and small enough that sums of offsets cannot overflow.
    static let weightBytesMax = 1 << 50

    /// Reads and checks a manifest.
    ///
    /// - Parameter path: for messages.
    /// - Throws: `EngineError(.badCheckpoint)` when it is damaged or contradicts itself, `(.unsupportedModel)` when
    ///   it is of another version, byte order or architecture; both name the field.
    package init(_ bytes: [UInt8], path: String) throws(EngineError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            throw EngineError(.badCheckpoint, "\(path): \(error)")
        }
        guard var object = value.object else {
            throw EngineError(.badCheckpoint, "\(path) holds \(value.kind), not an object")
        }
        let fields = ConfigurationFields(path: path, object: object)
        guard try fields.optionalString("format") == Self.mark else {
            throw fields.error("format", "is not “\(Self.mark)”: this is no pack of moed")
        }
        // Before anything else: of another version the other members may mean anything.
        let version = try fields.integer("version", in: 1...Int(Int32.max))
        guard version == Self.version else {
            let advice = version > Self.version ? "a newer moed wrote it" : "pack the checkpoint again"
            throw fields.unsupported("version", "is \(version), this moed reads \(Self.version): \(advice)")
        }
        let order = try fields.string("byte_order")
        guard order == Self.byteOrder else {
            throw fields.unsupported("byte_order", "is “\(order)”, this machine's is “\(Self.byteOrder)”")
        }
        let digest = try fields.digest("digest")
        object["digest"] = nil
        guard Self.digest(of: object) == digest else {
            throw fields.error("digest", "does not match: the file is damaged or was edited")
        }
        guard let architecture = ModelConfiguration.Architecture(rawValue: try fields.string("architecture"))
        else {
            throw fields.unsupported("architecture", "is not one this moed runs")
        }
        self.init(
            tool: try fields.string("tool"), architecture: architecture,
            experts: try fields.string("experts"),
            dense: try fields.string("dense"),
            copies: try fields.list("files").map { entry throws(EngineError) in try Copy(entry) },
            blobs: try fields.list("blobs").map { entry throws(EngineError) in try Blob(entry) })
        try checkPlaces(path)
    }

    /// Blobs have names of their own and follow each other without gaps.
    private func checkPlaces(_ path: String) throws(EngineError) {
        var ends: [WeightFileName: Int] = [:]
        var names: Set<ExactString> = []
        for blob in blobs {
            guard names.insert(ExactString(blob.name)).inserted else {
                throw EngineError(.badCheckpoint, "\(path): blob \(blob.name) is listed twice")
            }
            let end = ends[blob.file, default: 0]
            guard blob.offset == end, blob.byteCount <= Self.weightBytesMax - end else {
                throw EngineError(
                    .badCheckpoint, "\(path): blob \(blob.name) begins at byte \(blob.offset), not at \(end)")
            }
            ends[blob.file] = end + blob.byteCount
        }
        for copy in copies where !names.insert(ExactString(copy.name)).inserted {
            throw EngineError(.badCheckpoint, "\(path): file \(copy.name) is listed twice")
        }
    }
}

extension PackManifest.Copy {
    fileprivate init(_ fields: ConfigurationFields) throws(EngineError) {
        let name = try fields.string("name")
        guard Pack.copiedFiles.contains(name) else {
            throw fields.error("name", "“\(name.prefix(100))” is no file of a pack")
        }
        self.init(
            name: name, byteCount: try fields.integer("bytes", in: 0...Pack.copiedBytesMax),
            digest: try fields.digest("digest"))
    }
}

extension PackManifest.Blob {
    fileprivate init(_ fields: ConfigurationFields) throws(EngineError) {
        let range = 0...PackManifest.weightBytesMax
        let file = try fields.string("file")
        guard let file = PackManifest.WeightFileName(rawValue: file) else {
            throw fields.error("file", "“\(file.prefix(100))” is no weight file of a pack")
        }
        self.init(
            name: try fields.string("name"), file: file, offset: try fields.integer("offset", in: range),
            byteCount: try fields.integer("bytes", in: 1...PackManifest.weightBytesMax),
            partByteCount: try fields.integer("part", in: 1...Pack.partBytesMax),
            format: try fields.string("format"), digest: try fields.digest("digest"))
        guard (byteCount - 1) / partByteCount < 1 << 20 else { throw fields.error("part", "is too small") }
    }
}

extension ConfigurationFields {
    func string(_ field: String) throws(EngineError) -> String {
        guard let text = try optionalString(field) else { throw error(field, "is missing") }
        return text
    }

    func digest(_ field: String) throws(EngineError) -> Digest {
        guard let digest = Digest(try string(field)) else {
            throw error(field, "is not a digest of 16 hexadecimal digits")
        }
        return digest
    }

    /// The members of a list of objects.
    func list(_ field: String) throws(EngineError) -> [ConfigurationFields] {
        guard let value = self[field] else { throw error(field, "is missing") }
        guard let entries = value.array else { throw error(field, "must be a list, not \(value.kind)") }
        var result: [ConfigurationFields] = []
        for (index, entry) in entries.enumerated() {
            guard let object = entry.object else {
                throw error("\(field)[\(index)]", "must be an object, not \(entry.kind)")
            }
            result.append(ConfigurationFields(path: "\(path): \(field)[\(index)]", object: object))
        }
        return result
    }
}

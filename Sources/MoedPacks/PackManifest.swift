import MoedCore
package import MoedWeights

/// `manifest.json` of a pack: what it was made of, and where each of its blobs lies.
///
/// The blobs of a weight file lie one behind the other without gaps, padding included. Every byte of a pack belongs to
/// some digest.
package struct PackManifest: Sendable, Equatable {
    package static let fileName = "manifest.json"
    /// Says that a directory is a pack of ours.
    package static let mark = "moed-pack"
    /// Rises with every change of the files or of the kernels' weight layout.
    package static let version = 3

    /// The two weight files.
    package enum WeightFileName: String, Sendable, CaseIterable {
        case dense = "dense.bin"
        case experts = "experts.bin"
    }

    /// A file taken over from the checkpoint as it is.
    package struct Copy: Sendable, Equatable {
        package var name: String
        package var byteCount: Int
        package var digest: Digest

        package init(name: String, byteCount: Int, digest: Digest) {
            self.name = name
            self.byteCount = byteCount
            self.digest = digest
        }
    }

    /// A piece of the pack that is read whole: one matrix, one norm, or one expert's gate, up and down.
    package struct Blob: Sendable, Equatable {
        /// The tensor's name, or the beginning that an expert's tensors share.
        package var name: String
        package var file: WeightFileName
        package var offset: Int
        package var byteCount: Int
        /// Bytes of each part but the last, which may be shorter: parts are digested, written and read by themselves.
        package var partByteCount: Int
        /// As the engine calls it: `bf16`, `f32`, `int8/64`, …
        package var format: String
        /// Digest of the parts' digests, in order.
        package var digest: Digest

        package init(
            name: String, file: WeightFileName, offset: Int, byteCount: Int, partByteCount: Int,
            format: String,
            digest: Digest
        ) {
            self.name = name
            self.file = file
            self.offset = offset
            self.byteCount = byteCount
            self.partByteCount = partByteCount
            self.format = format
            self.digest = digest
        }

        /// The byte ranges of its file that its parts occupy.
        package var parts: [Range<Int>] {
            stride(from: offset, to: offset + byteCount, by: partByteCount).map {
                $0..<min($0 + partByteCount, offset + byteCount)
            }
        }
    }

    /// The program that wrote it, for people.
    package var tool: String
    package var architecture: ModelConfiguration.Architecture
    /// Formats as asked for; a blob may differ from them: routers and norms are never quantised.
    package var experts: String
    package var dense: String
    package var copies: [Copy]
    package var blobs: [Blob]

    package init(
        tool: String, architecture: ModelConfiguration.Architecture, experts: String, dense: String,
        copies: [Copy], blobs: [Blob]
    ) {
        self.tool = tool
        self.architecture = architecture
        self.experts = experts
        self.dense = dense
        self.copies = copies
        self.blobs = blobs
    }

    /// Digest of the weights in their formats. A checkpoint in the same formats has the same one.
    package var weightsDigest: Digest { Self.digest(of: blobs) }

    package static func digest(of blobs: [Blob]) -> Digest {
        Digest(
            parts: blobs.sorted { $0.name < $1.name }.flatMap {
                [Digest(Array("\($0.name) \($0.format)".utf8)), $0.digest]
            })
    }

    package func byteCount(of file: WeightFileName) -> Int {
        blobs.reduce(0) { $1.file == file ? max($0, $1.offset + $1.byteCount) : $0 }
    }
}

extension PackManifest {
    /// The file's text: an object that ends with the digest of all its other members as written here.
    package var text: String {
        var object = JSONObject([
            ("format", .string(Self.mark)), ("version", .integer(Int64(Self.version))),
            ("byte_order", .string(Self.byteOrder)), ("tool", .string(tool)),
            ("architecture", .string(architecture.rawValue)), ("experts", .string(experts)),
            ("dense", .string(dense)),
            ("files", .array(copies.map(\.json))), ("blobs", .array(blobs.map(\.json))),
        ])
        object["digest"] = .string(Self.digest(of: object).description)
        return JSONValue.object(object).serialized() + "\n"
    }

    /// Weights are stored in the byte order of the machine that wrote them, which is that of every machine we run on.
    static var byteOrder: String { 1.littleEndian == 1 ? "little" : "big" }

    static func digest(of object: JSONObject) -> Digest {
        Digest(Array(JSONValue.object(object).serialized().utf8))
    }
}

extension PackManifest.Copy {
    fileprivate var json: JSONValue {
        .object(
            JSONObject([
                ("name", .string(name)), ("bytes", .integer(Int64(byteCount))),
                ("digest", .string(digest.description)),
            ]))
    }
}

extension PackManifest.Blob {
    fileprivate var json: JSONValue {
        .object(
            JSONObject([
                ("name", .string(name)), ("file", .string(file.rawValue)),
                ("offset", .integer(Int64(offset))),
                ("bytes", .integer(Int64(byteCount))), ("part", .integer(Int64(partByteCount))),
                ("format", .string(format)), ("digest", .string(digest.description)),
            ]))
    }
}

import MoedCore
import MoedPacks
import MoedWeights
import Testing

/// Manifests that are damaged, foreign or lie.
@Suite struct PackManifestTests {
    private static let manifest = PackManifest(
        tool: "moed test", architecture: .mixtureOfExperts, experts: "int4/64", dense: "int8/64",
        copies: [PackManifest.Copy(name: "config.json", byteCount: 7, digest: Digest([1]))],
        blobs: [
            blob("a", .dense, 0, 128, part: 64), blob("b", .experts, 0, 4096, part: 4096),
            blob("c", .dense, 128, 100, part: 64),
        ])

    private static func blob(
        _ name: String, _ file: PackManifest.WeightFileName, _ offset: Int, _ count: Int, part: Int
    ) -> PackManifest.Blob {
        PackManifest.Blob(
            name: name, file: file, offset: offset, byteCount: count, partByteCount: part, format: "int8/64",
            digest: Digest([2]))
    }

    private func error(_ text: String) -> EngineError? {
        do throws(EngineError) {
            _ = try PackManifest(Array(text.utf8), path: "here/manifest.json")
        } catch { return error }
        return nil
    }

    /// The text with a member changed (nil removes it) and the digest made right again.
    private func text(_ key: String, _ value: JSONValue?) throws -> String {
        var object = try #require(try JSONValue(parsing: Self.manifest.text).object)
        object["digest"] = nil
        object[key] = value
        object["digest"] = .string(Digest(Array(JSONValue.object(object).serialized().utf8)).description)
        return JSONValue.object(object).serialized()
    }

    @Test func roundTrip() throws {
        let text = Self.manifest.text
        #expect(try PackManifest(Array(text.utf8), path: "m") == Self.manifest)
        #expect(Self.manifest.byteCount(of: .dense) == 228)
        #expect(Self.manifest.blobs[2].parts == [128..<192, 192..<228])
        // Laid out by hand it is the same.
        #expect(error(text.replacing(",\"", with: " ,\n  \"")) == nil)
    }

    @Test func everyBitFlipIsSeen() throws {
        let bytes = Array(Self.manifest.text.utf8)
        for index in bytes.indices {
            for bit: UInt8 in [1, 4, 32] {
                var changed = bytes
                changed[index] ^= bit
                // A blank of another kind means the same.
                if bytes[index] == 0x0A, changed[index] == 0x0A { continue }
                #expect(throws: EngineError.self, "byte \(index)") { try PackManifest(changed, path: "m") }
            }
        }
    }

    @Test func everyTruncationIsSeen() {
        let bytes = Array(Self.manifest.text.utf8)
        for count in 0..<bytes.count - 1 {
            #expect(throws: EngineError.self) { try PackManifest(Array(bytes.prefix(count)), path: "m") }
        }
    }

    @Test func otherVersionsAreRefusedBeforeAllElse() throws {
        let newer = try #require(error(#"{"format": "moed-pack", "version": 4, "news": []}"#))
        #expect(newer.code == .unsupportedModel)
        #expect(newer.message.contains("here/manifest.json: version is 4") && newer.message.contains("newer"))
        let older = try #require(error(try text("version", 2)))
        #expect(older.code == .unsupportedModel)
        #expect(older.message.contains("version is 2") && older.message.contains("pack the checkpoint again"))
        #expect(try #require(error(try text("version", 0))).message.contains("version"))
        let foreign = try #require(error(#"{"format": "gguf", "version": 1}"#))
        #expect(foreign.message.contains("no pack of moed"))
        let big = try #require(error(try text("byte_order", "big")))
        #expect(big.code == .unsupportedModel && big.message.contains("big"))
        #expect(try #require(error(try text("architecture", "LlamaForCausalLM"))).code == .unsupportedModel)
    }

    @Test func editedManifestsAreRefused() throws {
        let edited = Self.manifest.text.replacing("int4/64", with: "int4/32")
        #expect(try #require(error(edited)).message.contains("digest"))
    }

    @Test(arguments: [
        "format", "version", "byte_order", "tool", "architecture", "experts", "dense", "files", "blobs",
    ])
    func everyMemberIsNeeded(_ key: String) throws {
        for value: JSONValue? in [nil, .null, true, .array([1]), .object(JSONObject([("a", "b")])), -1] {
            let error = try #require(
                error(try text(key, value)), "\(key) may be \(String(describing: value))")
            #expect(error.message.contains("here/manifest.json: \(key)"), "\(error.message)")
        }
    }

    /// Blobs with one member changed; the others and the digest are right.
    @Test(
        arguments: [
            ("offset", -1), ("offset", 64), ("offset", .integer(Int64.max)), ("offset", 0.5), ("bytes", 0),
            ("bytes", -128),
            ("bytes", .integer(Int64.max)), ("bytes", 1_125_899_906_842_624), ("part", 0), ("part", -64),
            ("part", .integer(Int64.max)),
            ("file", "../dense.bin"), ("file", "config.json"), ("file", 1), ("name", "b"), ("name", .null),
            ("format", 4), ("digest", "xyz"), ("digest", 1), ("digest", ""), ("file", "experts.bin"),
        ] as [(String, JSONValue)])
    func hostileBlobs(_ key: String, _ value: JSONValue) throws {
        let manifest = try JSONValue(parsing: Self.manifest.text)
        var blobs = try #require(manifest["blobs"]?.array)
        var blob = try #require(blobs[0].object)
        blob[key] = value
        blobs[0] = .object(blob)
        #expect(error(try text("blobs", .array(blobs))) != nil)
    }

    @Test(arguments: [
        "../../etc/passwd", "/etc/passwd", "model.safetensors", "", "manifest.json", "dense.bin",
    ])
    func foreignFilesAreRefused(_ name: String) throws {
        let entry: JSONValue = ["name": .string(name), "bytes": 1, "digest": "0000000000000000"]
        #expect(try #require(error(try text("files", .array([entry])))).message.contains("files[0]"))
    }

    @Test func manyTinyPartsAreRefused() throws {
        let blob: JSONValue = [
            "name": "a", "file": "dense.bin", "offset": 0, "bytes": 1_000_000_000_000, "part": 1,
            "format": "bf16",
            "digest": "0000000000000000",
        ]
        #expect(try #require(error(try text("blobs", .array([blob])))).message.contains("part"))
    }
}

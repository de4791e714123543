import MoedCore
import MoedWeights
import TestSupport
import Testing

/// Files that lie, and files cut short: each is an error that names file, tensor and reason.
@Suite struct SafetensorsTests {
    private func refuses(
        _ file: [UInt8], naming words: String..., location: SourceLocation = #_sourceLocation
    ) throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write("model.safetensors", file)
        expectRefusal(checkpoint, naming: "model.safetensors", location: location)
        for word in words { expectRefusal(checkpoint, naming: word, location: location) }
    }

    private func entry(_ name: String, _ shape: String, _ begin: Int, _ end: Int, _ type: String = "F32")
        -> String
    {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
    }

    private func file(_ entries: String..., data: Int = 0) -> [UInt8] {
        TestCheckpoint.safetensors(
            header: "{\(entries.joined(separator: ","))}", data: [UInt8](repeating: 0, count: data))
    }

    @Test func goodFileOpens() throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write("model.safetensors", TestCheckpoint.safetensors())
        let opened = try Checkpoint.open(checkpoint.path)
        #expect(opened.tensors.count == TestCheckpoint.tensors.count)
        #expect(opened.byteCount == opened.summary.parameters * 4)
        let entry = try opened.weight("model.norm.weight", shape: [2])
        var bytes = [UInt8](repeating: 0, count: 8)
        try opened.read(entry, bytes: 0..<8, into: &bytes)
        #expect(bytes == [0, 0, 0, 0, 0, 0, 0, 0x3E])
        #expect(throws: EngineError.self) { try opened.read(entry, bytes: 4..<12, into: &bytes) }
        #expect(throws: EngineError.self) { try opened.weight("model.norm.weight", shape: [3]) }
        #expect(throws: EngineError.self) { try opened.weight("model.absent.weight", shape: [2]) }
    }

    @Test func metadataAndEmptyTensorsAreAllowed() throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write(
            "model.safetensors",
            file(
                "\"__metadata__\":{\"format\":\"pt\"}", entry("a", "[0,3]", 0, 0), entry("b", "[]", 0, 4),
                data: 4))
        #expect(try Checkpoint.open(checkpoint.path).tensors.count == 2)
    }

    @Test func truncatedAnywhere() throws {
        let whole = TestCheckpoint.safetensors()
        for count in [0, 1, 7, 8, 9, 100, whole.count / 2, whole.count - 1] {
            try refuses(Array(whole.prefix(count)))
        }
        try refuses(whole + [0], naming: "1 bytes belong to no tensor")
    }

    @Test func headerLengthsThatCannotBe() throws {
        try refuses([UInt8](repeating: 0xFF, count: 16), naming: "claims")
        try refuses([0, 0, 0, 0, 0, 0, 0, 0x80, 1, 2], naming: "claims")
        try refuses([200, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8), naming: "claims 200")
        try refuses([0, 0xE1, 0xF5, 6, 0, 0, 0, 0], naming: "claims")
    }

    @Test func headersThatAreNoObject() throws {
        for text in ["", "{", "[]", "null", "{\"a\":}", "\u{0}", String(repeating: "[", count: 100_000)] {
            try refuses(TestCheckpoint.safetensors(header: text), naming: "header")
        }
        try refuses([2, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFE], naming: "header")
    }

    @Test func offsets() throws {
        try refuses(
            file(entry("a", "[2]", 0, 8), entry("b", "[2]", 4, 12), data: 12), naming: "tensor b", "overlap",
            "a")
        try refuses(
            file(entry("a", "[2]", 0, 8), entry("b", "[2]", 12, 20), data: 20), naming: "tensor b", "4 bytes")
        try refuses(file(entry("a", "[2]", 4, 12), data: 12), naming: "tensor a")
        try refuses(file(entry("a", "[2]", 0, 16), data: 8), naming: "tensor a", "outside")
        try refuses(file(entry("a", "[2]", 8, 0), data: 8), naming: "tensor a")
        try refuses(file(entry("a", "[2]", -8, 0), data: 8), naming: "tensor a")
        try refuses(file(entry("a", "[2]", 0, 4), data: 4), naming: "tensor a", "needs 8")
        try refuses(
            file(entry("a", "[2]", 0, 8), entry("a2", "[2]", 0, 8), data: 8), naming: "tensor a2", "overlap")
        let far = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,1e300]}"
        try refuses(file(far, data: 8), naming: "tensor a", "data_offsets")
        let fraction = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8.5]}"
        try refuses(file(fraction, data: 8), naming: "tensor a", "data_offsets")
        try refuses(
            file("\"a\":{\"dtype\":\"F32\",\"shape\":[2]}", data: 8), naming: "tensor a", "data_offsets")
    }

    @Test func shapesAndTypes() throws {
        try refuses(
            file(entry("a", "[9223372036854775807,9223372036854775807]", 0, 8), data: 8), naming: "tensor a")
        try refuses(
            file(entry("a", "[4611686018427387904,4]", 0, 0)), naming: "tensor a", "larger than memory")
        try refuses(file(entry("a", "[-1]", 0, 8), data: 8), naming: "tensor a", "shape")
        try refuses(file(entry("a", "[1.5]", 0, 8), data: 8), naming: "tensor a", "shape")
        try refuses(file(entry("a", "\"2\"", 0, 8), data: 8), naming: "tensor a", "shape")
        try refuses(file(entry("a", "[1,1,1,1,1,1,1,1,1]", 0, 4), data: 4), naming: "tensor a", "shape")
        try refuses(file(entry("a", "[2]", 0, 8, "F33"), data: 8), naming: "tensor a", "F33")
        try refuses(
            file("\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}", data: 8), naming: "tensor a", "dtype")
        try refuses(file("\"a\":[]"), naming: "tensor a")
        try refuses(file("\"a\":1"), naming: "tensor a")
    }

    @Test func namesGivenTwice() throws {
        try refuses(
            file(entry("a", "[2]", 0, 8), entry("a", "[2]", 0, 8), data: 8), naming: "tensor a", "twice")
        // The same name spelled differently.
        try refuses(
            file(entry("a\\\"b", "[2]", 0, 8), entry("\\u0061\\\"b", "[2]", 0, 8), data: 8), naming: "twice")
    }

    @Test func missingFilesAndOddOnes() throws {
        let checkpoint = try TestCheckpoint()
        expectRefusal(checkpoint, naming: "config.json", "missing")
        try checkpoint.writeConfiguration()
        expectRefusal(checkpoint, naming: "model.safetensors", "No such file")
        expectRefusal(try TestCheckpoint(), naming: "the directory is empty")
        #expect(throws: EngineError.self) { try Checkpoint.open("/dev") }
        #expect(throws: EngineError.self) { try WeightFile("/dev/zero") }
        #expect(throws: EngineError.self) { try WeightFile(checkpoint.path) }
    }

    /// The file is cut after its header was checked.
    @Test func shrinkingFile() throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        let whole = TestCheckpoint.safetensors()
        try checkpoint.write("model.safetensors", whole)
        let opened = try Checkpoint.open(checkpoint.path)
        try checkpoint.truncate("model.safetensors", to: whole.count - 4)
        let last = try #require(opened.tensors.max { $0.offset < $1.offset })
        var bytes = [UInt8](repeating: 0, count: last.byteCount)
        #expect(throws: EngineError.self) { try opened.read(last, bytes: 0..<last.byteCount, into: &bytes) }
    }
}

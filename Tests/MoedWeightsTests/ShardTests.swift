import MoedCore
import MoedWeights
import TestSupport
import Testing

@Suite struct ShardTests {
    let checkpoint: TestCheckpoint
    private let tensors = TestCheckpoint.tensors
    private var half: Int { tensors.count / 2 }

    init() throws {
        checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write("a.safetensors", TestCheckpoint.safetensors(Array(tensors[..<half])))
        try checkpoint.write("b.safetensors", TestCheckpoint.safetensors(Array(tensors[half...])))
    }

    private func writeIndex(_ change: (inout JSONObject) -> Void = { _ in }) throws {
        var map = JSONObject()
        for (index, tensor) in tensors.enumerated() {
            map[tensor.name] = index < half ? "a.safetensors" : "b.safetensors"
        }
        change(&map)
        try checkpoint.write(
            "model.safetensors.index.json",
            JSONValue.object(JSONObject([("weight_map", .object(map))])).serialized())
    }

    @Test func opens() throws {
        try writeIndex()
        #expect(try Checkpoint.open(checkpoint.path).tensors.count == tensors.count)
    }

    @Test func missingShard() throws {
        try writeIndex { $0["x"] = "c.safetensors" }
        expectRefusal(checkpoint, naming: "c.safetensors")
    }

    /// What is needed must be there once; what the index says of it does not matter, as in transformers.
    @Test func indexThatDisagrees() throws {
        for change: (inout JSONObject) -> Void in [
            { $0[tensors[0].name] = "b.safetensors" }, { $0[tensors[0].name] = nil },
            { $0["mtp.fc.weight"] = "a.safetensors" },
        ] {
            try writeIndex(change)
            let opened = try Checkpoint.open(checkpoint.path)
            #expect(try opened.weight(tensors[0].name, shape: tensors[0].shape).name == tensors[0].name)
        }
    }

    @Test func tensorOfTheIndexThatNoShardHas() throws {
        try checkpoint.write("a.safetensors", TestCheckpoint.safetensors(Array(tensors[1..<half])))
        try writeIndex()
        let opened = try Checkpoint.open(checkpoint.path)
        let error = #expect(throws: EngineError.self) {
            try opened.weight(tensors[0].name, shape: tensors[0].shape)
        }
        #expect(error?.message.contains("\(tensors[0].name) is missing") == true)
        #expect(error?.message.contains("a.safetensors") == true)
    }

    @Test func tensorInBothShards() throws {
        try checkpoint.write("b.safetensors", TestCheckpoint.safetensors(Array(tensors[(half - 1)...])))
        try writeIndex()
        let opened = try Checkpoint.open(checkpoint.path)
        #expect(try opened.weight(tensors[0].name, shape: tensors[0].shape).name == tensors[0].name)
        let error = #expect(throws: EngineError.self) {
            try opened.weight(tensors[half - 1].name, shape: tensors[half - 1].shape)
        }
        for word in ["a.safetensors", "b.safetensors", tensors[half - 1].name] {
            #expect(error?.message.contains(word) == true)
        }
    }

    @Test(arguments: ["../a.safetensors", "/etc/passwd", "", "..", "x/y"]) func pathsOutside(_ path: String)
        throws
    {
        try writeIndex { $0["x"] = .string(path) }
        expectRefusal(checkpoint, naming: "index.json", "tensor x")
    }

    @Test func indexThatIsNone() throws {
        for text in ["", "[]", "{}", "{\"weight_map\":[]}", "{\"weight_map\":{\"x\":1}}"] {
            try checkpoint.write("model.safetensors.index.json", text)
            expectRefusal(checkpoint, naming: "index.json")
        }
    }
}

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

    @Test func disagreement() throws {
        try writeIndex { $0[tensors[0].name] = "b.safetensors" }
        expectRefusal(checkpoint, naming: "a.safetensors", tensors[0].name, "b.safetensors")
        try writeIndex { $0[tensors[0].name] = nil }
        expectRefusal(checkpoint, naming: "a.safetensors", tensors[0].name)
        try writeIndex { $0["ghost"] = "a.safetensors" }
        expectRefusal(checkpoint, naming: "a.safetensors", "ghost")
    }

    @Test func tensorInBothShards() throws {
        try checkpoint.write("b.safetensors", TestCheckpoint.safetensors(Array(tensors[(half - 1)...])))
        try writeIndex()
        expectRefusal(checkpoint, naming: "b.safetensors", tensors[half - 1].name)
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

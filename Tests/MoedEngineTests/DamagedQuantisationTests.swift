import Foundation
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Quantised checkpoints with one fault each: the refusal names file, tensor and reason.
@Suite struct DamagedQuantisationTests {
    private static let module = "model.layers.0.self_attn.q_proj"

    private static func stored(_ name: String) throws -> StoredModel {
        try StoredModel(RecordedCheckpointTests.folder.appending(path: name))
    }

    private static func refusal(_ model: StoredModel, cut: Int = 0) throws -> EngineError? {
        let checkpoint = try model.write(cut: cut)
        do throws(EngineError) {
            _ = try Qwen3Model.load(try Checkpoint.open(checkpoint.path), threads: 1)
        } catch { return error }
        return nil
    }

    /// One of each layout, with a tensor of scales, the sizes that this should not have, and its tensors.
    struct Layout: Sendable, CustomStringConvertible {
        var name: String
        var scale: String
        var needed: [String]
        var description: String { name }
    }

    static let layouts = [
        Layout(name: "gptq4-v1-desc_act", scale: "scales", needed: ["qzeros", "scales", "g_idx"]),
        Layout(name: "gptq4-v2-zeros", scale: "scales", needed: ["qzeros", "scales"]),
        Layout(name: "awq-gemm-16", scale: "scales", needed: ["qzeros", "scales"]),
        Layout(name: "auto-round-raw", scale: "scales", needed: ["qzeros", "scales"]),
        Layout(
            name: "pack4-actorder-zeros", scale: "weight_scale",
            needed: ["weight_scale", "weight_zero_point", "weight_g_idx"]),
        Layout(name: "pack4-group16", scale: "weight_scale", needed: ["weight_scale"]),
        Layout(name: "int8-channel-zeros", scale: "weight_scale", needed: ["weight_scale", "weight_zero_point"]),
        Layout(name: "fp8-block", scale: "weight_scale_inv", needed: ["weight_scale_inv"]),
        Layout(name: "nvfp4", scale: "weight_scale", needed: ["weight_scale", "weight_global_scale"]),
    ]

    @Test(arguments: layouts)
    func wholeOnesLoad(_ layout: Layout) throws {
        #expect(try Self.refusal(Self.stored(layout.name)) == nil)
    }

    @Test(arguments: layouts)
    func missingTensors(_ layout: Layout) throws {
        for ending in layout.needed {
            var model = try Self.stored(layout.name)
            model.tensors["\(Self.module).\(ending)"] = nil
            let error = try Self.refusal(model)
            #expect(error?.code == .badCheckpoint, "\(ending)")
            #expect(error?.message.contains("\(Self.module).\(ending)") == true, "\(error?.message ?? ending)")
            #expect(error?.message.contains("model.safetensors") == true, "\(error?.message ?? ending)")
        }
    }

    /// A group or block more, one less, and another rank.
    @Test(arguments: layouts)
    func otherCountsOfScales(_ layout: Layout) throws {
        let name = "\(Self.module).\(layout.scale)"
        let shape = try #require(try Self.stored(layout.name).tensors[name]?.shape)
        for dimension in shape.indices {
            for change in [-1, 1, shape[dimension]] where shape[dimension] + change > 0 {
                var other = shape
                other[dimension] += change
                try Self.expectRefusal(layout, name, other)
            }
        }
        for other in [[shape.reduce(1, *)], shape + [1], [1] + shape, [0] + shape.dropFirst()] {
            // As many scales as rows are read in any rank.
            if other.count == 1, shape.last == 1 { continue }
            try Self.expectRefusal(layout, name, other)
        }
    }

    /// Every tensor of the module with a row or column too many or too few.
    @Test(arguments: layouts)
    func otherShapes(_ layout: Layout) throws {
        let model = try Self.stored(layout.name)
        for name in model.tensors.keys.sorted() where name.hasPrefix("\(Self.module).") {
            guard let shape = model.tensors[name]?.shape, shape.reduce(1, *) > 1 else { continue }
            for dimension in shape.indices {
                for change in [-1, 1] where shape[dimension] + change > 0 {
                    var other = shape
                    other[dimension] += change
                    try Self.expectRefusal(layout, name, other)
                }
            }
        }
    }

    private static func expectRefusal(_ layout: Layout, _ name: String, _ shape: [Int]) throws {
        var model = try stored(layout.name)
        let old = model.tensors[name]?.shape ?? []
        if old == shape { return }
        model.resize(name, to: shape)
        let error = try refusal(model)
        #expect(error != nil, "\(name): \(old) as \(shape)")
        guard let error else { return }
        #expect(error.message.contains(module) && error.message.contains("model.safetensors"), "\(error.message)")
    }

    @Test(arguments: layouts)
    func otherTypes(_ layout: Layout) throws {
        for ending in layout.needed + ["qweight", "weight_packed", "weight"] {
            var model = try Self.stored(layout.name)
            let name = "\(Self.module).\(ending)"
            guard let tensor = model.tensors[name] else { continue }
            let same = ["I32": "F32", "F16": "I16", "BF16": "I16", "F32": "I32", "I8": "F8_E5M2", "F8_E4M3": "F8_E5M2", "U8": "BOOL"]
            model.tensors[name]?.type = try #require(same[tensor.type])
            let error = try Self.refusal(model)
            #expect(error?.message.contains(name) == true, "\(name): \(error?.message ?? "loaded")")
        }
    }

    @Test(arguments: layouts)
    func cutFiles(_ layout: Layout) throws {
        for cut in [1, 100] {
            let error = try Self.refusal(try Self.stored(layout.name), cut: cut)
            #expect(error?.message.contains("the file is shorter than its header says") == true, "\(error?.message ?? "")")
        }
    }

    @Test(arguments: [("gptq4-v1-desc_act", "g_idx"), ("pack4-actorder-zeros", "weight_g_idx")])
    func groupsThatDoNotExist(_ name: String, _ ending: String) throws {
        let tensor = "\(Self.module).\(ending)"
        let groups = try #require(try Self.stored(name).tensors[tensor]?.shape.first) / 16
        for bad in [groups, -1, Int(Int32.max), Int(Int32.min)] {
            var model = try Self.stored(name)
            model.set(tensor, at: 5, to: Int32(bad))
            let message = try Self.refusal(model)?.message
            #expect(message?.contains("\(tensor) has group \(bad) at column 5") == true, "\(message ?? "")")
        }
        // −1 everywhere is how compressed-tensors initialises it: groups one behind the other.
        var model = try Self.stored(name)
        for column in 0..<groups * 16 { model.set(tensor, at: column, to: -1) }
        #expect(try (Self.refusal(model) == nil) == (ending == "weight_g_idx"))
    }

    @Test(arguments: [("fp8-block", "weight", 0x7F), ("fp8-block", "weight", 0xFF), ("nvfp4", "weight_scale", 0x7F)])
    func codesThatAreNoNumbers(_ name: String, _ ending: String, _ code: Int) throws {
        var model = try Self.stored(name)
        model.tensors["\(Self.module).\(ending)"]?.bytes[1] = UInt8(code)
        let message = try Self.refusal(model)?.message
        #expect(message?.contains(Self.module) == true && message?.contains("not a number") == true, "\(message ?? "")")
    }

    @Test(arguments: layouts)
    func scalesThatAreNoNumbers(_ layout: Layout) throws {
        var model = try Self.stored(layout.name)
        let name = "\(Self.module).\(layout.scale)"
        let count = try #require(model.tensors[name]?.bytes.count)
        model.tensors[name]?.bytes = [UInt8](repeating: 0xFF, count: count)
        let message = try Self.refusal(model)?.message
        #expect(message?.contains(Self.module) == true && message?.contains("not a number") == true, "\(message ?? "")")
    }

    /// Codes beside plain weights of the same module.
    @Test(arguments: ["gptq4-v2-zeros", "awq-gemm-16", "pack4-group16", "nvfp4"])
    func plainAndQuantisedAtOnce(_ name: String) throws {
        var model = try Self.stored(name)
        let embedding = try #require(model.tensors["model.embed_tokens.weight"])
        model.tensors["\(Self.module).weight"] = StoredModel.Tensor(
            type: embedding.type, shape: embedding.shape, bytes: embedding.bytes)
        let message = try Self.refusal(model)?.message
        #expect(message?.contains("\(Self.module).weight and ") == true, "\(message ?? "")")
        #expect(message?.contains("are both there") == true, "\(message ?? "")")
    }

    /// Without a description zero points of GPTQ have two meanings. The shapes tell the rest.
    @Test(arguments: layouts)
    func withoutDescription(_ layout: Layout) throws {
        var model = try Self.stored(layout.name)
        model.configuration["quantization_config"] = nil
        let error = try Self.refusal(model)
        if layout.name.hasPrefix("gptq") || layout.name.hasPrefix("auto-round") {
            #expect(error?.message.contains("quantization_config") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("\(Self.module).qweight") == true, "\(error?.message ?? "")")
        } else if layout.name == "fp8-block" {
            #expect(error?.message.contains("fits no blocks") == true, "\(error?.message ?? "")")
        } else {
            #expect(error == nil, "\(error?.message ?? "")")
        }
    }

    @Test func aBiasThatIsNotZero() throws {
        var model = try Self.stored("gptq4-v1-sym")
        model.tensors["\(Self.module).bias"]?.bytes[1] = 0x3C
        let message = try Self.refusal(model)?.message
        #expect(message?.contains("\(Self.module).bias is not zero") == true, "\(message ?? "")")
    }
}

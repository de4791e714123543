import MoedPacks
import MoedWeights
import Testing

/// Sizes derived from the published shapes, against figures of the technical report and the checkpoints.
@Suite struct ModelShapeTests {
    private func shape(_ name: String) throws -> ModelConfiguration {
        try #require(ModelConfiguration.knownShapes.first { $0.name == name }).shape
    }

    @Test func aSparseModel() throws {
        let c = try shape("qwen3-30b-a3b")
        let sizes = c.shape
        #expect(sizes.expertCount == 48 * 128 && sizes.sparseLayers == 48 && sizes.denseLayers == 0)
        #expect(sizes.attention.queryWidth == 4096 && sizes.attention.keyValueWidth == 512)
        let summary = CheckpointSummary(c, weightBytes: 0)
        #expect(summary.parameters == 30_532_122_624, "as the checkpoint's index says: 61,064,245,248 bytes")
        #expect(summary.keyValueBytesPerToken == 48 * 2 * 512 * 4)
        #expect(sizes.router == MatrixShape(128, 2048))
    }

    @Test func aDenseModel() throws {
        let sizes = try shape("qwen3-0.6b").shape
        #expect(sizes.expertCount == 0 && sizes.expert == nil && sizes.router == nil && sizes.denseLayers == 28)
        #expect(CheckpointSummary(try shape("qwen3-0.6b"), weightBytes: 0).parameters == 596_049_920)
    }

    @Test func mixedLayersAreNumbered() throws {
        var c = try shape("qwen3-30b-a3b")
        c.layers = 6
        c.experts?.step = 2
        c.experts?.denseLayers = [3]
        let sizes = c.shape
        #expect(sizes.sparseIndex == [nil, 0, nil, nil, nil, 1])
        #expect(sizes.sparseLayers == 2 && sizes.denseLayers == 4 && sizes.expertCount == 256)
    }

    /// An expert's three matrices begin at cache lines, and the expert fills whole pages.
    @Test func anExpertIsLaidOut() throws {
        let expert = FeedForwardShape(hidden: 40, intermediate: 24)
        let layout = ExpertLayout(expert, [.int4(group: 32), .int8(group: 32), .bf16])
        let sizes = layout.parts.map { $0.format.byteCount(outputs: $0.shape.outputs, inputs: $0.shape.inputs) }
        #expect(layout.parts.map(\.name) == ["gate_proj", "up_proj", "down_proj"])
        #expect(layout.parts[1].offset == (sizes[0] + 63) / 64 * 64 && layout.parts[2].offset % 64 == 0)
        #expect(layout.byteCount == layout.parts[2].offset + (sizes[2] + 63) / 64 * 64)
        #expect(layout.paddedByteCount % 4096 == 0 && layout.paddedByteCount - layout.byteCount < 4096)
        #expect(layout.format == "int4/32+int8/32+bf16" && ExpertLayout(expert, [.bf16]).format == "bf16")
    }
}

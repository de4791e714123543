import CMoedKernels
import MoedCore
import MoedHost

/// Memory for the keys and values of all open sequences, in blocks of 32 tokens.
///
/// A block covers all layers and heads; `moed_kernels.h` describes the place of one head in it. Who uses which
/// block is kept by `KVBlocks`.
final class KVCache {
    static let blockTokens = MOED_KV_BLOCK

    let blocks: Int
    let format: KVFormat
    let clamps = KVClamps()
    /// Bytes from one block to the next within a layer.
    let blockStride: Int
    private let headBytes: Int
    private let layerStride: Int
    private let memory: AlignedMemory

    init(layers: Int, heads: Int, headDim: Int, blocks: Int, format: KVFormat) throws(EngineError) {
        self.blocks = blocks
        self.format = format
        headBytes = moed_kv_head_bytes(format.code, headDim)
        blockStride = heads * headBytes
        let (stride, overflow) = blocks.multipliedReportingOverflow(by: blockStride)
        layerStride = stride
        let (bytes, tooMany) = stride.multipliedReportingOverflow(by: layers)
        guard !overflow, !tooMany else {
            throw EngineError(.outOfMemory, "the KV cache is larger than memory can be")
        }
        memory = try AlignedMemory.allocated(byteCount: bytes, purpose: "the KV cache")
    }

    var byteCount: Int { memory.byteCount }

    static func blocks(for tokens: Int) -> Int { (tokens + blockTokens - 1) / blockTokens }

    /// A layer's head in a block.
    func head(layer: Int, _ head: Int, block: Int = 0) -> UnsafeMutableRawPointer {
        precondition(block < blocks)
        return unsafe memory.base + layer * layerStride + head * headBytes + block * blockStride
    }
}

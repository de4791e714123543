import CMoedKernels
import MoedCore

/// Keys and values of all open sequences, in blocks of 32 tokens, f32.
///
/// A block belongs to one sequence and covers all layers and heads: per layer and head the keys transposed,
/// `[headDim, 32]`, then the values, `[32, headDim]`. Block b of a sequence holds its positions 32 b … 32 b +
/// 31.
final class KVCache {
    static let blockTokens = MOED_KV_BLOCK

    let blocks: Int
    let headDim: Int
    /// Floats of one head in a block.
    let headFloats: Int
    /// Floats from one block to the next within a layer.
    let blockStride: Int
    private let layerStride: Int
    private let memory: AlignedMemory
    private var free: [UInt32]

    init(layers: Int, heads: Int, headDim: Int, blocks: Int) throws(EngineError) {
        self.blocks = blocks
        self.headDim = headDim
        headFloats = moed_kv_head_floats(headDim)
        blockStride = heads * headFloats
        let (stride, overflow) = blocks.multipliedReportingOverflow(by: blockStride)
        layerStride = stride
        let (bytes, tooMany) = stride.multipliedReportingOverflow(by: layers * MemoryLayout<Float>.stride)
        guard !overflow, !tooMany else {
            throw EngineError(.outOfMemory, "the KV cache is larger than memory can be")
        }
        memory = try AlignedMemory(byteCount: bytes, purpose: "the KV cache")
        free = (0..<UInt32(blocks)).reversed()
    }

    var byteCount: Int { memory.byteCount }

    var freeBlocks: Int { free.count }

    static func blocks(for tokens: Int) -> Int { (tokens + blockTokens - 1) / blockTokens }

    /// Blocks for one sequence; nil when so many are not free.
    func take(_ count: Int) -> [UInt32]? {
        guard count <= free.count else { return nil }
        let taken = Array(free.suffix(count).reversed())
        free.removeLast(count)
        return taken
    }

    func giveBack(_ blocks: [UInt32]) { free.append(contentsOf: blocks.reversed()) }

    /// A layer's head in block 0.
    func head(layer: Int, _ head: Int) -> UnsafeMutablePointer<Float> {
        unsafe memory.base.assumingMemoryBound(to: Float.self) + layer * layerStride + head * headFloats
    }
}

import CMoedKernels
import MoedSampling

extension Compute {
    /// Rows of one sequence in a sweep.
    struct AttentionSpan {
        /// Rows of the sweep's buffers, one per token, at consecutive positions.
        var rows: Range<Int>
        /// Position of the first of them.
        var firstPosition: Int
        /// Index of the sequence's first block in the sweep's block table.
        var blocksStart: Int
    }

    /// The spans of a sweep, shared out among threads once for all layers.
    struct AttentionRows {
        /// Few enough rows to share a long prompt out, enough to use a key block often while it is cached.
        private static let partRowsMax = 16

        private(set) var spans: [AttentionSpan] = []
        /// The same rows in pieces of at most `partRowsMax`.
        private(set) var parts: [AttentionSpan] = []
        /// Index in `parts` of every row's piece.
        private(set) var partOfRow: [Int] = []
        /// Pairs of a row and a position that it attends to, at most.
        private(set) var pairs = 0

        /// - Precondition: the span's rows follow those of the span before.
        mutating func append(_ span: AttentionSpan) {
            precondition(span.rows.lowerBound == partOfRow.count)
            spans.append(span)
            pairs += span.rows.count * (span.firstPosition + span.rows.count)
            for start in stride(from: span.rows.lowerBound, to: span.rows.upperBound, by: Self.partRowsMax) {
                var part = span
                part.rows = start..<min(start + Self.partRowsMax, span.rows.upperBound)
                part.firstPosition += start - span.rows.lowerBound
                for _ in part.rows { partOfRow.append(parts.count) }
                parts.append(part)
            }
        }
    }

    /// Sizes and tables of attention, the same for all layers.
    struct AttentionShape {
        let heads: Int
        let keyValueHeads: Int
        let headDim: Int
        let epsilon: Float
        /// cos and sin of every row's angles, `[rows, headDim / 2]`.
        let cosine: RowBuffer<Float>
        let sine: RowBuffer<Float>
        /// Blocks of the sweep's sequences, one after the other.
        let blockTable: RowBuffer<UInt32>

        var byteCount: Int { cosine.byteCount + sine.byteCount + blockTable.byteCount }
    }

    /// Fills the rotation tables for rows at `positions`.
    func rotations(of positions: [Int], _ frequencies: [Float], factor: Double, _ shape: AttentionShape) {
        pool.parallelFor(positions.count, cost: positions.count * frequencies.count * 100) { row in
            for (index, frequency) in frequencies.enumerated() {
                let (cosine, sine) = PortableMath.cosineAndSine(Double(positions[row]) * Double(frequency))
                shape.cosine[row, index] = Float(cosine * factor)
                shape.sine[row, index] = Float(sine * factor)
            }
        }
    }

    /// Queries, keys and values of a sweep's rows, before and after norm and rotation.
    struct AttentionInput {
        /// `[rows, heads · headDim]`
        let queries: RowBuffer<Float>
        /// `[rows, keyValueHeads · headDim]`
        let keys: RowBuffer<Float>
        let values: RowBuffer<Float>

        var byteCount: Int { queries.byteCount + keys.byteCount + values.byteCount }
    }

    /// Keys and values of one layer in the cache.
    struct KVLayer {
        let cache: KVCache
        let layer: Int
    }

    /// Norms and rotates queries and keys head by head, then stores keys and values in the cache.
    ///
    /// - Parameter norms: weights for queries and for keys, `[headDim]` each.
    func prepare(
        _ input: AttentionInput, norms: (query: [Float], key: [Float]), _ sweep: AttentionRows,
        _ shape: AttentionShape, in kv: KVLayer
    ) {
        let (queries, keys, values) = (input.queries, input.keys, input.values)
        let rows = sweep.partOfRow.count
        precondition(norms.query.count == shape.headDim && norms.key.count == shape.headDim)
        precondition(rows <= queries.rows && queries.columns == shape.heads * shape.headDim)
        precondition(keys.columns == shape.keyValueHeads * shape.headDim && values.columns == keys.columns)
        pool.parallelFor(rows, cost: rows * (queries.columns + keys.columns) * 75) { row in
            normAndRotate(queries, row, shape.heads, norms.query, shape)
            normAndRotate(keys, row, shape.keyValueHeads, norms.key, shape)
            let part = sweep.parts[sweep.partOfRow[row]]
            let position = part.firstPosition + row - part.rows.lowerBound
            let block = Int(shape.blockTable[0, part.blocksStart + position / KVCache.blockTokens])
            var clamped = 0
            for head in 0..<shape.keyValueHeads {
                clamped &+= unsafe kernels.table.pointee.kv_store(
                    kv.cache.head(layer: kv.layer, head, block: block), kv.cache.format.code,
                    position % KVCache.blockTokens,
                    keys.row(row) + head * shape.headDim, values.row(row) + head * shape.headDim,
                    shape.headDim)
            }
            kv.cache.clamps.add(clamped)
        }
    }

    private func normAndRotate(
        _ x: RowBuffer<Float>, _ row: Int, _ heads: Int, _ norm: [Float], _ shape: AttentionShape
    ) {
        let headDim = shape.headDim
        unsafe kernels.table.pointee.rms_norm(
            x.row(row), headDim, x.row(row), headDim, norm, heads, headDim, shape.epsilon)
        unsafe kernels.table.pointee.rope(
            x.row(row), shape.cosine.row(row), shape.sine.row(row), heads, headDim)
    }

    /// Causal attention of every row over its own sequence's cache; queries and out `[rows, heads ·
    /// headDim]`.
    func attend(
        _ queries: RowBuffer<Float>, _ sweep: AttentionRows, _ shape: AttentionShape, in kv: KVLayer,
        into out: RowBuffer<Float>
    ) {
        let headGroup = shape.heads / shape.keyValueHeads
        let scale = 1 / Float(shape.headDim).squareRoot()
        precondition(queries.stride == out.stride && queries.columns == out.columns)
        let cost = sweep.pairs * shape.heads * shape.headDim * 2
        pool.parallelFor(sweep.parts.count * shape.keyValueHeads, cost: cost) { index in
            let (part, head) = index.quotientAndRemainder(dividingBy: shape.keyValueHeads)
            let span = sweep.parts[part]
            let column = head * headGroup * shape.headDim
            var job = unsafe moed_attention(
                out: out.row(span.rows.lowerBound) + column,
                q: UnsafePointer(queries.row(span.rows.lowerBound) + column),
                stride: queries.stride, rows: span.rows.count, head_group: headGroup, head_dim: shape.headDim,
                kv: UnsafeRawPointer(kv.cache.head(layer: kv.layer, head)), block_stride: kv.cache.blockStride,
                format: kv.cache.format.code,
                blocks: UnsafePointer(shape.blockTable.row(0) + span.blocksStart),
                first_position: span.firstPosition, scale: scale)
            unsafe kernels.table.pointee.attention(&job)
        }
    }
}

package import MoedCore
package import MoedWeights

extension Qwen3Model {
    /// Called now and then on the calling thread, with the bytes read so far and those to read.
    package typealias Progress = (_ loadedBytes: Int, _ totalBytes: Int) -> Void

    /// Reads a checkpoint's weights into memory, in the kernels' layout.
    ///
    /// - Parameters:
    ///   - experts: format of the experts; `.bf16` leaves them as stored (f32 for f16 and f32 checkpoints).
    ///   - dense: the same for all other matrices but the routers, which are left as stored.
    /// - Throws: `EngineError` naming file, tensor and reason: missing or misshapen tensors, a file that ends
    ///   early, weights that are infinite or not a number; or when there is not enough memory.
    package static func load(
        _ checkpoint: Checkpoint, experts: WeightFormat = .bf16, dense: WeightFormat = .bf16, threads: Int,
        progress: Progress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        try UnloadedModel(.checkpoint(checkpoint), experts: experts, dense: dense).load(
            threads: threads, progress)
    }

    /// Memory that a checkpoint's weights will occupy when loaded; reads its headers and norms only.
    package static func weightByteCount(
        of checkpoint: Checkpoint, experts: WeightFormat = .bf16, dense: WeightFormat = .bf16
    ) throws(EngineError) -> Int {
        try UnloadedModel(.checkpoint(checkpoint), experts: experts, dense: dense).model.weightByteCount
    }
}

extension CheckpointWeights {
    /// Makes all panels from the checkpoint's tensors.
    func load(with pool: WorkerPool, _ progress: Qwen3Model.Progress) throws(EngineError) {
        try dense.allocate()
        try experts.allocate()
        let maker = PanelMaker(checkpoint: checkpoint, measuresErrors: false)
        let work = PartWork(parts, byteCount: \.sourceByteCount)
        let blobs = blobs
        try work.run(on: pool, progress) { (part) throws(EngineError) in
            let blob = blobs[part.blob]
            let start = unsafe memory(of: blob.file).bytes(
                at: part.range.lowerBound, count: part.range.count)
            _ = try unsafe maker.make(part, at: start)
        }
    }
}

/// Parts of the weights, worked on by all threads, a batch at a time.
struct PartWork<Part> {
    private let parts: [Part]
    private let sizes: [Int]

    /// - Parameter byteCount: what a part counts for in the progress shown.
    init(_ parts: [Part], byteCount: (Part) -> Int) {
        self.parts = parts
        sizes = parts.map(byteCount)
    }

    /// Runs `body` for every part and returns the results in order.
    ///
    /// - Throws: the error of the first part, in order, that failed.
    @discardableResult
    func run<Result>(
        on pool: WorkerPool, _ progress: Qwen3Model.Progress, _ body: (Part) throws(EngineError) -> Result
    ) throws(EngineError) -> [Result] {
        let total = sizes.reduce(0, +)
        let batch = max(16, pool.threads * 4)
        var results: [Result] = []
        results.reserveCapacity(parts.count)
        var done = 0
        progress(0, total)
        for start in stride(from: 0, to: parts.count, by: batch) {
            let indices = start..<min(start + batch, parts.count)
            let made = pool.map(indices.count) { index -> Swift.Result<Result, EngineError> in
                do throws(EngineError) { return .success(try body(parts[start + index])) } catch {
                    return .failure(error)
                }
            }
            for result in made { results.append(try result.get()) }
            done += indices.reduce(0) { $0 + sizes[$1] }
            progress(done, total)
        }
        return results
    }
}

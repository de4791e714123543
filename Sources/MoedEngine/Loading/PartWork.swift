import MoedCore

/// Progress of loading or packing: bytes done so far, and bytes in all. Called on the calling thread.
package typealias LoadProgress = (_ doneBytes: Int, _ totalBytes: Int) -> Void

/// Parts of the weights, worked on by all threads, a batch at a time.
struct PartWork<Part> {
    private let parts: [Part]
    private let sizes: [Int]

    /// - Parameter byteCount: bytes that a part counts for in the progress.
    init(_ parts: [Part], byteCount: (Part) -> Int) {
        self.parts = parts
        sizes = parts.map(byteCount)
    }

    /// Runs `body` for every part and returns the results in order.
    ///
    /// - Throws: the error of the first part, in order, that failed.
    @discardableResult
    func run<Result>(
        on pool: WorkerPool, _ progress: LoadProgress, _ body: (Part) throws(EngineError) -> Result
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

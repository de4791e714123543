package import MoedCore
import MoedHost
import MoedPacks
import MoedWeights

extension Pack {
    /// Reads all of the weight files and compares them with their digests.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming the first blob, in the manifest's order, that is damaged.
    package func verify(threads: Int, progress: LoadProgress = { _, _ in }) throws(EngineError) {
        let pool = try WorkerPool(threads: threads)
        let parts = manifest.blobs.flatMap { blob in blob.parts.map { (blob, $0) } }
        let digests = try PartWork(parts, byteCount: \.1.count)
            .run(on: pool, progress) { (part) throws(EngineError) in
                let memory = try AlignedMemory.allocated(byteCount: part.1.count, purpose: "verifying")
                return try unsafe readPart(part.1, of: part.0, to: memory.base)
            }
        var first = 0
        for blob in manifest.blobs {
            let count = blob.parts.count
            try check(blob, parts: Array(digests[first..<first + count]))
            first += count
        }
    }
}

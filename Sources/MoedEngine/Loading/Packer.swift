package import MoedAdapters
package import MoedCore
package import MoedHost
package import MoedPacks
package import MoedWeights

/// Makes a pack of a checkpoint, part by part: only the parts that threads work on are in memory.
package struct Packer {
    package struct Options: Sendable, Equatable {
        /// `.bf16` leaves the weights as stored: bf16, or f32 for f16 and f32 checkpoints.
        package var experts: WeightFormat
        /// Format of all other matrices; see `WeightRole`.
        package var dense: WeightFormat
        package var threads: Int
        /// Compares every packed weight with its original.
        package var measuresErrors: Bool
        /// The program that packs, for the manifest.
        package var tool: String

        package init(
            experts: WeightFormat, dense: WeightFormat, threads: Int, measuresErrors: Bool = false,
            tool: String
        ) {
            self.experts = experts
            self.dense = dense
            self.threads = threads
            self.measuresErrors = measuresErrors
            self.tool = tool
        }
    }

    private let checkpoint: Checkpoint
    private let options: Options
    private let weights: CheckpointWeights

    /// Finds all tensors; nothing is written yet.
    ///
    /// - Parameter adapters: merged into the weights.
    /// - Throws: `EngineError` naming file, tensor and reason.
    package init(_ checkpoint: Checkpoint, _ options: Options, adapters: [Adapter] = []) throws(EngineError) {
        self.checkpoint = checkpoint
        self.options = options
        weights = CheckpointWeights(
            checkpoint, experts: options.experts, dense: options.dense, adapters: adapters)
        _ = try ModelAssembly(source: weights).model()
    }

    /// Writes the pack; until everything is on disk there is no directory at `path`.
    ///
    /// - Parameters:
    ///   - interruption: ends the work between two parts.
    ///   - progress: bytes of the checkpoint packed so far and in all, on the calling thread.
    /// - Throws: `EngineError(.badCheckpoint)` for weights that cannot be packed, `(.io)` when writing fails, the disk
    ///   is too small or `path` exists, `(.interrupted)`.
    package func pack(
        to path: String, interruption: Interruption? = nil, progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> PackReport {
        let destination = try PackDestination(
            path, byteCount: weights.dense.byteCount + weights.experts.byteCount)
        let copies = try copyFiles(to: destination)
        let pool = try WorkerPool(threads: options.threads)
        let maker = PanelMaker(measuresErrors: options.measuresErrors)
        let parts = weights.parts
        let made = try PartWork(parts, byteCount: \.sourceByteCount)
            .run(on: pool, progress) { (part) throws(EngineError) in
                if interruption?.isWanted == true {
                    throw EngineError(.interrupted, "packing was interrupted")
                }
                var bytes = [UInt8](repeating: 0, count: part.range.count)
                let errors = try Self.make(part, maker, &bytes)
                try destination.write(bytes, to: weights.blobs[part.blob].file, at: part.range.lowerBound)
                return (digest: Digest(bytes), errors: errors)
            }

        var report = PackReport()
        for (part, result) in zip(parts, made) {
            for (piece, sums) in zip(part.pieces, result.errors) {
                let packed = piece.matrix.packed
                report.add(
                    PackReport.Tensor(
                        name: piece.matrix.source.name, format: packed.format,
                        weights: packed.rows(of: piece.panels).count * packed.inputs,
                        squaredError: sums.error,
                        squaredWeights: sums.weights))
            }
        }
        let blobs = weights.packBlobs(made.map(\.digest))
        let norms = try writeVectors(to: destination)
        let manifest = PackManifest(
            tool: options.tool, architecture: weights.configuration.architecture,
            experts: "\(options.experts)",
            dense: "\(options.dense)", copies: copies, blobs: blobs + norms)
        try destination.publish(manifest)
        report.byteCount = manifest.blobs.reduce(0) { $0 + $1.byteCount }
        return report
    }

    private static func make(
        _ part: CheckpointWeights.Part, _ maker: PanelMaker, _ bytes: inout [UInt8]
    ) throws(EngineError) -> [PanelMaker.ErrorSums] {
        // Typed throws do not pass through the closure.
        let result = unsafe bytes.withUnsafeMutableBytes {
            buffer -> Result<[PanelMaker.ErrorSums], EngineError> in
            guard let base = buffer.baseAddress else { return .success([]) }
            do throws(EngineError) { return .success(try unsafe maker.make(part, at: base)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func copyFiles(to destination: PackDestination) throws(EngineError) -> [PackManifest.Copy] {
        var copies: [PackManifest.Copy] = []
        for name in Pack.copiedFiles {
            guard let bytes = try checkpoint.modelFiles.contents(name) else { continue }
            try destination.write(name, bytes)
            copies.append(PackManifest.Copy(name: name, byteCount: bytes.count, digest: Digest(bytes)))
        }
        return copies
    }

    private func writeVectors(to destination: PackDestination) throws(EngineError) -> [PackManifest.Blob] {
        let norms = weights.packNorms
        for (blob, bytes) in norms { try destination.write(bytes, to: .dense, at: blob.offset) }
        return norms.map(\.blob)
    }
}

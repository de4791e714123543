import MoedPacks
import MoedWeights

/// The weights as the manifest of their pack lists them.
extension CheckpointWeights {
    /// Matrices and experts.
    ///
    /// - Parameter made: digest of each of `parts`, in order.
    func packBlobs(_ made: [Digest]) -> [PackManifest.Blob] {
        var digests = blobs.map { _ in [Digest]() }
        for (part, digest) in zip(parts, made) { digests[part.blob].append(digest) }
        return zip(blobs, digests).map { blob, parts in
            PackManifest.Blob(
                name: blob.name, file: blob.file, offset: blob.offset, byteCount: blob.byteCount,
                partByteCount: blob.partByteCount, format: blob.format, digest: Digest(parts: parts))
        }
    }

    /// The norms with their bytes, behind the matrices of `dense.bin`: they are read by themselves.
    var packNorms: [(blob: PackManifest.Blob, bytes: [UInt8])] {
        var offset = dense.byteCount
        return vectors.map { name, values in
            var bytes = [UInt8](
                repeating: 0, count: (values.count * 4).rounded(upTo: Pack.matrixAlignment))
            for (index, value) in values.enumerated() {
                for byte in 0..<4 {
                    bytes[index * 4 + byte] = UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(8 * byte))
                }
            }
            let blob = PackManifest.Blob(
                name: name, file: .dense, offset: offset, byteCount: bytes.count, partByteCount: bytes.count,
                format: "f32", digest: Digest(parts: [Digest(bytes)]))
            offset += bytes.count
            return (blob, bytes)
        }
    }
}

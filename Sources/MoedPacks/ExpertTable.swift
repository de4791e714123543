package import MoedCore
import MoedWeights

/// The table of all experts of a pack: where each lies in its file, in the order of (sparse layer, expert).
package struct ExpertTable: Sendable {
    /// An expert's number: sparse layer · experts of a layer + expert.
    package typealias Key = Int

    package let path: String
    package let blobs: [PackManifest.Blob]
    /// Experts of a layer.
    package let perLayer: Int
    /// Number of each layer among the sparse ones; nil for dense layers.
    package let sparseIndex: [Int?]
    /// Bytes of an expert place: room for any expert.
    package let placeByteCount: Int

    /// - Throws: `EngineError(.badCheckpoint)` when an expert of the pack does not lie in one piece of whole pages.
    package init(_ pack: Pack, blobs: [PackManifest.Blob]) throws(EngineError) {
        let shape = ModelShape(pack.configuration)
        path = "\(pack.directory)/\(PackManifest.WeightFileName.experts.rawValue)"
        perLayer = shape.expertsPerLayer
        sparseIndex = shape.sparseIndex
        precondition(blobs.count == shape.expertCount, "each expert of each sparse layer has a blob")
        for blob in blobs {
            let unit = Pack.expertAlignment
            guard blob.offset % unit == 0, blob.byteCount % unit == 0, blob.partByteCount >= blob.byteCount
            else { throw pack.error(blob, "is not one piece of whole pages: pack the checkpoint again") }
        }
        self.blobs = blobs
        placeByteCount = blobs.reduce(0) { max($0, $1.byteCount) }
    }

    package var count: Int { blobs.count }
    package var layers: Int { perLayer > 0 ? count / perLayer : 0 }
    /// True when each expert lies at a multiple of its size, as in expert places.
    package var isUniform: Bool {
        blobs.indices.allSatisfy {
            blobs[$0].offset == $0 * placeByteCount && blobs[$0].byteCount == placeByteCount
        }
    }
    package var byteCount: Int { blobs.reduce(0) { $0 + $1.byteCount } }

    package func key(layer: Int, expert: Int) -> Key {
        guard let sparse = sparseIndex[layer] else { preconditionFailure("layer \(layer) has no experts") }
        return sparse * perLayer + expert
    }

    package func error(_ key: Key, _ code: EngineError.Code, _ reason: String) -> EngineError {
        EngineError(code, "expert \(blobs[key].name) at byte \(blobs[key].offset) of \(path): \(reason)")
    }
}

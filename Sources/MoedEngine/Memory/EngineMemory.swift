/// Bytes by what they are for.
package struct EngineMemory: Sendable, Equatable {
    /// Weights in memory; of a streamed model without the experts.
    package var weights: Int
    /// Expert places of a streamed model, staging included.
    package var expertPlaces = 0
    package var keyValues: Int
    package var activations: Int

    package var total: Int { weights + expertPlaces + keyValues + activations }
}

/// Bytes by what they are for.
package struct EngineMemory: Sendable, Equatable {
    package var weights: Int
    package var keyValues: Int
    package var activations: Int

    package var total: Int { weights + keyValues + activations }
}

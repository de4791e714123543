/// Bytes by what they are for.
package struct EngineMemory: Sendable, Equatable {
    /// Of a streamed model those that stay in memory.
    package var weights: Int
    /// Of a streamed model, staging included.
    package var expertSlots = 0
    package var keyValues: Int
    package var activations: Int

    package var total: Int { weights + expertSlots + keyValues + activations }
}

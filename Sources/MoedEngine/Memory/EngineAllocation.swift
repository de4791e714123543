import MoedCore
import MoedHost

extension AlignedMemory {
    /// Zeroed memory for the engine.
    ///
    /// - Throws: `EngineError(.outOfMemory)` naming size and purpose.
    static func allocated(byteCount: Int, purpose: String) throws(EngineError) -> AlignedMemory {
        do {
            return try AlignedMemory(byteCount: byteCount, purpose: purpose)
        } catch {
            throw EngineError(.outOfMemory, "\(error)")
        }
    }
}

import MoedCore
import MoedWeights
import TestSupport
import Testing

/// Opens a checkpoint that must be refused, and checks the error's code and words.
func expectRefusal(
    _ checkpoint: TestCheckpoint, _ code: EngineError.Code = .badCheckpoint, naming words: String...,
    location: SourceLocation = #_sourceLocation
) {
    do throws(EngineError) {
        _ = try Checkpoint.open(checkpoint.path)
        Issue.record("opened", sourceLocation: location)
    } catch {
        #expect(error.code == code, "\(error)", sourceLocation: location)
        for word in words {
            #expect(error.message.contains(word), "\(error.message)", sourceLocation: location)
        }
    }
}

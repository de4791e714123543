import Foundation
import MoedCore
import MoedGrammar
import MoedText
import TestSupport
import Testing

@testable import MoedPreparation

/// Compiled constraints are kept within a number of bytes; the ones that were not used for longest go first.
struct ConstraintCacheTests {
    private static func regex(_ count: Int) -> RequestedConstraint {
        RequestedConstraint(.regex("[a-z]{\(count)}"), param: "structured_outputs.regex")
    }

    @Test func theLeastUsedGoFirst() throws {
        let text = try TextSide(directory: Fixtures.sampleModel.path)
        let roomy = ConstraintCache()
        let first = try roomy.grammar(Self.regex(1001), text)
        let bytes = first.byteCount
        #expect(bytes > 1000)
        // Three of the size fit.
        let cache = ConstraintCache(bytesMax: bytes * 7 / 2)
        let one = try cache.grammar(Self.regex(1001), text)
        for count in [1002, 1003] { _ = try cache.grammar(Self.regex(count), text) }
        #expect(cache.count == 3)
        #expect(try cache.grammar(Self.regex(1001), text) === one)
        _ = try cache.grammar(Self.regex(1004), text)
        #expect(cache.count == 3)
        #expect(try cache.grammar(Self.regex(1001), text) === one)
        // A constraint beyond the limit is alone.
        _ = try cache.grammar(Self.regex(9000), text)
        #expect(cache.count == 1)
        #expect(try cache.grammar(Self.regex(1001), text) !== one)
    }

    @Test func theirMemoryIsPlanned() {
        #expect(RequestPreparer.memory(context: 1024, vocabulary: 1000) > ConstraintCache.memory(vocabulary: 1000))
        #expect(ConstraintCache.memory(vocabulary: 0) > ConstraintCache.bytesMax)
    }
}

import MoedWeights
import Testing

@Suite struct DigestTests {
    /// Digests of the reference implementation (xxHash 0.8) for all lengths around the algorithm's branches.
    @Test(arguments: [
        (0, "ef46db3751d8e999"), (1, "a96c7f0ce858bbb7"), (3, "bed43740ee6332bb"), (4, "fa212ae44b3bb23d"),
        (7, "2744460dd675d2c0"), (8, "994b676b71ce94dd"), (12, "b92f588ce720786e"), (31, "6711d55e306b5d8f"),
        (32, "07f7b8e3bc5d6e25"), (33, "09f85eeb4e1cbe9f"), (63, "b7c9968c066cb6a5"),
        (64, "50d4159a0411632e"),
        (100, "9ddada11d3dc2d8f"), (1000, "0bf0bdbcc82eb373"), (1024, "5960af0c625acfb7"),
    ])
    func knownAnswers(_ count: Int, _ expected: String) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 131 + 7) }
        #expect(Digest(bytes).description == expected)
        // At an odd address.
        let shifted = [0] + bytes
        #expect(Digest(Array(shifted.dropFirst())).description == expected)
    }

    @Test func publishedAnswers() {
        #expect(Digest(Array("abc".utf8)).description == "44bc2cf5ad770999")
        #expect(
            Digest(Array("Nobody inspects the spammish repetition".utf8)).description == "fbcea83c8a378bf1")
    }

    @Test func everyBitCounts() {
        let bytes = (0..<257).map { UInt8(truncatingIfNeeded: $0) }
        var seen: Set<Digest> = [Digest(bytes)]
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                seen.insert(Digest(changed))
            }
        }
        #expect(seen.count == 1 + 257 * 8)
    }

    @Test func partsAreOrderedAndCounted() {
        let (a, b) = (Digest([1]), Digest([2]))
        #expect(Set([[a, b], [b, a], [a], [a, b, b], []].map { Digest(parts: $0) }).count == 5)
        // The digest of the parts' digests, lowest byte first.
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: a.value >> (8 * $0)) }
        #expect(Digest(parts: [a]) == Digest(bytes))
    }

    @Test func textAndBack() throws {
        let digest = Digest([])
        #expect(try #require(Digest(digest.description)) == digest)
        #expect(Digest("00000000000000ff")?.value == 255)
        for text in [
            "", "ff", "00000000000000fg", "00000000000000FF", "+0000000000000ff", "00000000000000ff0",
        ] {
            #expect(Digest(text) == nil)
        }
    }
}

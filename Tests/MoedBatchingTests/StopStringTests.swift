import MoedBatching
import MoedCore
import TestSupport
import Testing

/// Stop strings come from strangers: they are found as by trying all, and cost the same whatever they are.
@Suite struct StopStringTests {
    /// The text of each token, by its id.
    private struct Pieces: TokenTextStream {
        var pieces: [String]
        mutating func append(_ token: TokenID) -> String { pieces[Int(token)] }
        mutating func finish() -> String { "" }
    }

    /// The answer of a job whose output has these pieces.
    private func answer(_ pieces: [String], stops: [String]) -> GenerationChoice? {
        let engine = ScriptedEngine(
            limits: EngineLimits(
                contextLength: 4096, kvTokens: 4096, kvBlockTokens: 32, sequencesMax: 1, rowsPerSweepMax: 64)
        ) { TokenID($0.count) }
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 64)
        var task = GenerationTask(
            job: JobID(1), jobClass: JobClass(model: "m", mode: .nonThinking, bucket: 8), prompt: [1],
            newTokensMax: pieces.count, makeTextStream: { Pieces(pieces: pieces) })
        task.stopStrings = stops
        loop.submit(task, now: .zero)
        while !loop.isIdle {
            for case .finished(_, let result) in loop.advance(now: .zero) { return result.choices.first }
        }
        return nil
    }

    @Test func theFirstMatchIsFoundAsByTryingAll() {
        var random = SplitMix(seed: 12)
        func word(_ most: Int) -> String {
            String((0..<Int.random(in: 1...most, using: &random)).compactMap { _ in "aab".randomElement(using: &random) })
        }
        for _ in 0..<400 {
            let (pieces, stops) = ((0..<12).map { _ in word(4) }, (0..<3).map { _ in word(7) })
            var expected = ""
            var isFound = false
            for piece in pieces where !isFound {
                expected += piece
                if let cut = stops.compactMap({ expected.firstRange(of: $0)?.lowerBound }).min() {
                    expected = String(expected[..<cut])
                    isFound = true
                }
            }
            let choice = answer(pieces, stops: stops)
            #expect(choice?.content == expected, "\(pieces) \(stops)")
            #expect(choice?.finishReason == (isFound ? .stop : .length))
        }
    }

    /// Strings that nearly match at every place of a long answer. Trying all would take hours.
    @Test func nearMatchesCostNoMore() {
        let stops = (0..<64).map { _ in String(repeating: "a", count: 4095) + "b" }
        let piece = String(repeating: "a", count: 4096)
        let choice = answer([String](repeating: piece, count: 40), stops: stops)
        #expect(choice?.content.utf8.count == 40 * 4096)
    }
}

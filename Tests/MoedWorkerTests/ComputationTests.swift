import MoedCore
import MoedQueue
import MoedWorker
import Testing

/// What is written of an attempt names what computed it: mode, model and origin.
@Suite struct ComputationTests {
    private let expected = Computation(mode: .nonThinking, model: "served", origin: "digest")

    private func jobs(_ ids: ClosedRange<Int64>) -> RunningJobs {
        var jobs = RunningJobs(modelName: "served", origin: "digest")
        for id in ids {
            jobs.claimed(WorkerParts.job(id, WorkerParts.thinking), at: .zero)
            jobs.prepared(JobID(id), .nonThinking)
        }
        return jobs
    }

    @Test func everyEndNamesWhatRan() throws {
        var jobs = jobs(1...5)
        jobs.finished(JobID(1), WorkerParts.result(), at: .zero, unixTime: 0)
        jobs.failed(JobID(2), EngineError(.io, "disk"), wasted: Usage(), at: .zero)
        jobs.stopped([JobID(3): Usage()], at: .zero, isInterrupted: false)
        let isStopped = jobs.stop(JobID(4), at: .zero)
        jobs.stopped([JobID(4): Usage()], at: .zero, isInterrupted: false)
        #expect(isStopped && jobs.completions.map(\.computation) == [expected])
        #expect(jobs.failures.map(\.computation) == [expected])
        #expect(jobs.releases.map(\.computation) == [expected, expected])
        jobs.progressed([OutputPiece(job: JobID(5), choice: 0, firstToken: 0, tokens: [7])])
        #expect(jobs.checkpointsToWrite.map(\.mode) == [.nonThinking])
    }

    /// An adapter is a model of its own: its name, its origin, its checkpoints.
    @Test func adaptersAreNamed() throws {
        var jobs = RunningJobs(modelName: "served", origin: "digest", adapters: ["support": "other"])
        var support = WorkerParts.thinking
        support.model = "support"
        jobs.claimed(WorkerParts.job(1, support), at: .zero)
        jobs.claimed(WorkerParts.job(2, WorkerParts.thinking), at: .zero)
        jobs.progressed([2, 1].map { OutputPiece(job: JobID($0), choice: 0, firstToken: 0, tokens: [7]) })
        #expect(jobs.checkpointsByOrigin.map(\.origin) == ["digest", "other"])
        #expect(jobs.checkpointsByOrigin.map { $0.pieces.map(\.lease.job) } == [[JobID(2)], [JobID(1)]])
        for id in 1...2 { jobs.finished(JobID(Int64(id)), WorkerParts.result(), at: .zero, unixTime: 0) }
        #expect(jobs.completions.map(\.computation.model) == ["support", "served"])
        #expect(jobs.completions.map(\.computation.origin) == ["other", "digest"])
        #expect(jobs.completions[0].body.contains(#""model":"support""#), "\(jobs.completions[0].body)")
    }

    /// The tokens of an answer that cannot be stored were computed.
    @Test func aRefusedResultIsWasted() throws {
        var jobs = jobs(1...1)
        jobs.finished(JobID(1), WorkerParts.result(), at: .seconds(2), unixTime: 0)
        jobs.resultRefused(try #require(jobs.completions.first), "too large")
        #expect(jobs.failures.map(\.usage) == [WorkerParts.result().usage])
        #expect(jobs.failures.map(\.wall) == [.seconds(2)] && jobs.failures.map(\.computation) == [expected])
    }

    @Test(arguments: [
        ("a", FinishReason.stop, false, false), ("a", .length, true, false), (" \n\u{A0}", .stop, false, true),
        ("", .length, true, true),
    ])
    func emptyAndCutAnswersAreMarked(_ text: String, _ reason: FinishReason, _ isTruncated: Bool, _ isEmpty: Bool) {
        var jobs = jobs(1...1)
        var result = WorkerParts.result("whole")
        result.choices.append(
            GenerationChoice(index: 1, content: text, reasoning: nil, finishReason: reason, outputIDs: []))
        jobs.finished(JobID(1), result, at: .zero, unixTime: 0)
        #expect(jobs.completions.map(\.isTruncated) == [isTruncated])
        #expect(jobs.completions.map(\.isEmpty) == [isEmpty])
    }
}

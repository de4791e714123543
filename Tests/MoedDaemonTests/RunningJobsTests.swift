import MoedBatching
import MoedCore
import MoedDaemon
import MoedQueue
import Testing

@Suite struct RunningJobsTests {
    func claimed(_ id: Int64, token: Int64 = 1, bucket: Int = 8) -> ClaimedJob {
        ClaimedJob(
            lease: JobLease(job: JobID(id), token: token), attempt: 1, crashes: 0,
            group: JobGroup(model: "m", mode: .thinking, bucket: bucket), tenant: "default", tenantID: 1,
            body: "{}", waited: .zero)
    }

    func result() -> GenerationResult {
        var usage = Usage()
        usage.prompt = 3
        usage.answer = 2
        let choice = GenerationChoice(
            index: 0, content: "a\0b", reasoning: nil, finishReason: .stop, outputIDs: [1, 2])
        return GenerationResult(choices: [choice], usage: usage, seed: 9)
    }

    @Test func aFinishedJobBecomesACompletion() throws {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1, token: 5), at: .seconds(1))
        #expect(jobs.count == 1 && jobs.preparingCount == 1)
        let isHeld = jobs.prepared(JobID(1))
        #expect(isHeld && jobs.preparingCount == 0)
        jobs.ended(.finished(JobID(1), result()), at: .seconds(3), unixTime: 100)
        let completion = try #require(jobs.completions.first)
        #expect(completion.lease == JobLease(job: JobID(1), token: 5))
        #expect(completion.wall == .seconds(2) && completion.seed == 9)
        let body = try JSONValue(parsing: completion.body)
        #expect(body["usage"]?["total_tokens"] == 5 && body["created"] == 100)
        #expect(body["choices"]?.array?.first?["message"]?["content"] == "a\0b")
        #expect(jobs.count == 0 && jobs.hasWrites)
        jobs.written(completions: 1, failures: 0)
        #expect(!jobs.hasWrites)
    }

    @Test func whatIsNotHeldIsIgnored() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1), at: .zero)
        #expect(jobs.takeLeases().map(\.job) == [JobID(1)])
        let isHeld = jobs.prepared(JobID(1))
        #expect(!isHeld)
        jobs.ended(.finished(JobID(1), result()), at: .zero, unixTime: 0)
        jobs.refused(JobID(1), RequestError(.invalidValue, "late"))
        #expect(!jobs.hasWrites)
    }

    /// The lease is ours until it is known what the job generated, and that is written.
    @Test func givenUpAndReleased() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1, token: 5), at: .seconds(1))
        let given = [jobs.giveUp(JobID(1), at: .seconds(4)), jobs.giveUp(JobID(1), at: .seconds(4))]
        #expect(given == [true, false])
        #expect(jobs.count == 0 && jobs.releases.isEmpty && jobs.hasWrites)
        #expect(jobs.owned == [JobLease(job: JobID(1), token: 5)])
        var usage = Usage()
        (usage.prompt, usage.answer) = (3, 2)
        jobs.stopped([JobID(1): usage, JobID(7): Usage()])
        #expect(jobs.releases.map(\.usage) == [usage])
        #expect(jobs.releases.map(\.wall) == [.seconds(3)] && jobs.owned.count == 1)
        jobs.written(releases: 1)
        #expect(!jobs.hasWrites && jobs.owned.isEmpty)
    }

    @Test func engineFailuresAreRetriedRefusalsAreNot() {
        var jobs = RunningJobs(modelName: "m")
        for id in [1, 2] as [Int64] { jobs.claimed(claimed(id), at: .zero) }
        jobs.refused(JobID(1), RequestError(.invalidValue, param: "n", "bad"))
        jobs.ended(.failed(JobID(2), EngineError(.io, "disk")), at: .zero, unixTime: 0)
        #expect(jobs.failures.map(\.retryable) == [false, true])
        #expect(jobs.failures.map(\.param) == ["n", nil])
    }

    @Test func aSuspectRunsAlone() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1, bucket: JobGroup.quarantine), at: .zero)
        #expect(jobs.runsAlone)
        jobs.ended(.finished(JobID(1), result()), at: .zero, unixTime: 0)
        #expect(!jobs.runsAlone)
    }
}

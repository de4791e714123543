import MoedCore
import MoedWorker
import MoedQueue
import Testing

@Suite struct RunningJobsTests {
    func claimed(_ id: Int64, token: Int64 = 1, bucket: Int = 8) -> ClaimedJob {
        ClaimedJob(
            lease: JobLease(job: JobID(id), token: token),
            jobClass: JobClass(model: "m", mode: .thinking, bucket: bucket), tenant: "default", tenantID: 1,
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
        #expect(jobs.count == 1)
        jobs.finished(JobID(1), result(), at: .seconds(3), unixTime: 100)
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
        jobs.finished(JobID(1), result(), at: .zero, unixTime: 0)
        jobs.refused(JobID(1), RequestError(.invalidValue, "late"))
        #expect(!jobs.hasWrites)
    }

    /// The worker owns the lease of a stopped job until the job's wasted tokens are known and written.
    @Test func givenUpAndReleased() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1, token: 5), at: .seconds(1))
        let given = [jobs.stop(JobID(1), at: .seconds(4)), jobs.stop(JobID(1), at: .seconds(4))]
        #expect(given == [true, false])
        #expect(jobs.count == 0 && jobs.releases.isEmpty && jobs.hasWrites)
        #expect(jobs.owned == [JobLease(job: JobID(1), token: 5)])
        var usage = Usage()
        (usage.prompt, usage.answer) = (3, 2)
        jobs.stopped([JobID(1): usage, JobID(7): Usage()], at: .seconds(5), isInterrupted: false)
        #expect(jobs.releases.map(\.usage) == [usage])
        #expect(jobs.releases.map(\.wall) == [.seconds(3)] && jobs.owned.count == 1)
        jobs.written(releases: 1)
        #expect(!jobs.hasWrites && jobs.owned.isEmpty)
    }

    /// A job that no engine can continue keeps its tokens: they are checkpointed before it goes back.
    @Test func aReturnedJobIsReleasedAfterItsCheckpoint() {
        var jobs = RunningJobs(modelName: "m")
        for id in [1, 2, 3] as [Int64] { jobs.claimed(claimed(id), at: .zero) }
        jobs.progressed([OutputPiece(job: JobID(1), choice: 0, firstToken: 0, tokens: [5])])
        jobs.returned([JobID(1), JobID(2)])
        #expect(jobs.count == 3 && jobs.hasWrites && jobs.checkpointsToWrite.count == 1)
        // Job 2 has no token to be kept.
        var released = jobs.releaseLeaving(at: .seconds(1))
        #expect(released && jobs.releases.map(\.lease.job) == [JobID(2)])
        jobs.written(releases: 1)
        // The row of job 1 is locked: its checkpoint is written later.
        jobs.checkpointsWritten(locked: [JobID(1)])
        released = jobs.releaseLeaving(at: .seconds(2))
        #expect(!released && jobs.releases.isEmpty)
        jobs.retryCheckpoints()
        jobs.checkpointsWritten()
        released = jobs.releaseLeaving(at: .seconds(3))
        #expect(released && jobs.releases.map(\.lease.job) == [JobID(1)])
        #expect(jobs.releases.map(\.usage) == [Usage()])
        jobs.written(releases: 1)
        #expect(jobs.count == 1 && !jobs.hasWrites)
    }

    /// A cancelled job that the runner has returned already is released at once: no answer is to come.
    @Test func aReturnedJobCanBeStopped() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1), at: .zero)
        jobs.returned([JobID(1)])
        let isRunning = jobs.stop(JobID(1), at: .seconds(1))
        #expect(!isRunning && jobs.releases.count == 1 && jobs.count == 0)
        // The other way round the stop waits for the return.
        jobs.claimed(claimed(2), at: .zero)
        _ = jobs.stop(JobID(2), at: .seconds(1))
        jobs.returned([JobID(2)])
        #expect(jobs.releases.count == 2)
    }

    @Test func engineFailuresAreRetriedRefusalsAreNot() {
        var jobs = RunningJobs(modelName: "m")
        for id in [1, 2] as [Int64] { jobs.claimed(claimed(id), at: .zero) }
        jobs.refused(JobID(1), RequestError(.invalidValue, param: "n", "bad"))
        var wasted = Usage()
        (wasted.prompt, wasted.answer) = (3, 2)
        jobs.failed(JobID(2), EngineError(.io, "disk"), wasted: wasted, at: .seconds(3))
        #expect(jobs.failures.map(\.retryable) == [false, true])
        #expect(jobs.failures.map(\.param) == ["n", nil])
        #expect(jobs.failures.map(\.usage) == [Usage(), wasted])
        #expect(jobs.failures.map(\.wall) == [.zero, .seconds(3)])
    }

    /// A worker that was declared dead may claim its old job again before the runner has stopped the first run.
    @Test func answersToForgottenJobsConcernNoHeldOne() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1, token: 5), at: .zero)
        #expect(jobs.takeLeases().count == 1)
        jobs.claimed(claimed(1, token: 6), at: .zero)
        jobs.stopped([JobID(1): Usage()], at: .zero, isInterrupted: false)
        #expect(jobs.count == 1 && !jobs.hasWrites)
        jobs.finished(JobID(1), result(), at: .zero, unixTime: 0)
        #expect(jobs.completions.map(\.lease.token) == [6])
    }

    /// A runner may give a job back by itself: it is released with its wasted tokens.
    @Test func aJobThatTheRunnerGivesBackIsReleased() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1, token: 5), at: .seconds(1))
        var usage = Usage()
        usage.answer = 4
        jobs.stopped([JobID(1): usage], at: .seconds(3), isInterrupted: false)
        #expect(jobs.releases.map(\.usage) == [usage] && jobs.releases.map(\.wall) == [.seconds(2)])
    }

    /// A result may lie in the inbox when its job is cancelled: the runner gives no second answer.
    @Test func aStoppedJobThatHadEndedIsReleasedWithItsTokens() {
        var jobs = RunningJobs(modelName: "m")
        for id in [1, 2, 3, 4] as [Int64] {
            jobs.claimed(claimed(id), at: .zero)
            let isHeld = jobs.stop(JobID(id), at: .zero)
            #expect(isHeld)
        }
        var usage = Usage()
        usage.answer = 4
        jobs.finished(JobID(1), result(), at: .zero, unixTime: 0)
        jobs.failed(JobID(2), EngineError(.io, "disk"), wasted: usage, at: .zero)
        jobs.refused(JobID(3), RequestError(.invalidValue, "bad"))
        jobs.forbidden(JobID(4), "no", result(), at: .zero)
        #expect(jobs.releases.map(\.usage) == [result().usage, usage, Usage(), result().usage])
        jobs.written(releases: 4)
        #expect(!jobs.hasWrites && jobs.owned.isEmpty && jobs.completions.isEmpty && jobs.failures.isEmpty)
    }

    /// At a shutdown the tokens are in checkpoints: the leases are kept until these are written.
    @Test func anInterruptedRunnersJobsStayHeldForTheirCheckpoints() {
        var jobs = RunningJobs(modelName: "m")
        for id in [1, 2] as [Int64] { jobs.claimed(claimed(id), at: .zero) }
        jobs.progressed([OutputPiece(job: JobID(1), choice: 0, firstToken: 0, tokens: [7])])
        jobs.stopped([JobID(1): Usage()], at: .zero, isInterrupted: true)
        #expect(!jobs.areAllReturned)
        jobs.stopped([JobID(2): Usage()], at: .zero, isInterrupted: true)
        #expect(jobs.areAllReturned && jobs.checkpointsToWrite.count == 1)
        #expect(jobs.takeLeases().map(\.job) == [JobID(1), JobID(2)])
    }

    @Test func aSuspectRunsAlone() {
        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(claimed(1, bucket: JobClass.quarantine), at: .zero)
        #expect(jobs.runsAlone)
        jobs.finished(JobID(1), result(), at: .zero, unixTime: 0)
        #expect(!jobs.runsAlone)
    }
}

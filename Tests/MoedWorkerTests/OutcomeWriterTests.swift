import MoedCore
import MoedPostgres
import MoedQueue
import MoedWorker
import Testing

@Suite struct OutcomeWriterTests {
    private func finished(_ parts: WorkerParts, _ ids: [Int64]) {
        for id in ids {
            parts.state.jobs.claimed(WorkerParts.job(id), at: .zero)
            parts.state.jobs.finished(JobID(id), WorkerParts.result(), at: .zero, unixTime: 0)
        }
    }

    @Test func confirmedWritesAreForgotten() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.dispositions = [JobID(2): .already, JobID(3): .stale] }
        finished(parts, [1, 2, 3])
        try await parts.outcomes.write(store)
        try await parts.outcomes.write(store)
        #expect(store.now.calls == ["complete"] && store.now.completed.count == 3)
        #expect(!parts.state.jobs.hasWrites)
    }

    /// Results wait for the next connection when a write fails.
    @Test func aLostConnectionLosesNothing() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.failing = "fail" }
        finished(parts, [1])
        parts.state.jobs.claimed(WorkerParts.job(2), at: .zero)
        parts.state.jobs.refused(JobID(2), RequestError(.invalidValue, "bad"))
        await #expect(throws: QueueError.self) { try await parts.outcomes.write(store) }
        // The result was confirmed before the connection was lost: it is not written again.
        #expect(parts.state.jobs.completions.isEmpty && parts.state.jobs.failures.count == 1)
        try await parts.outcomes.write(store)
        #expect(store.now.completed.count == 1 && store.now.failed.count == 1)
    }

    /// A refused result ends its job as failed; a refused failure waits for a better moment.
    @Test func aRefusedResultBecomesAFailureAndARefusedFailureWaits() async throws {
        let parts = WorkerParts()
        let refusal = DatabaseError(.insufficientResources, "too long")
        let store = ScriptedStore { $0.dispositions = [JobID(1): .refused(refusal)] }
        finished(parts, [1])
        try await parts.outcomes.write(store)
        #expect(store.now.failed.map(\.code) == ["result_refused"])
        #expect(parts.state.jobs.failures.isEmpty && parts.state.jobs.hasWrites)
        store.change { $0.dispositions = [:] }
        try await parts.outcomes.write(store)
        #expect(store.now.failed.count == 1)
        parts.pass(.seconds(1))
        try await parts.outcomes.write(store)
        #expect(!parts.state.jobs.hasWrites && store.now.failed.count == 2)
    }

    /// A job whose row is locked is written alone, after a growing pause; the others are written at once.
    @Test func lockedJobsAreWrittenAloneAndLater() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.dispositions = [JobID(2): .locked] }
        finished(parts, [1, 2, 3])
        try await parts.outcomes.write(store)
        #expect(parts.state.jobs.delayed.entries.map(\.write.lease.job) == [JobID(2)])
        #expect(parts.state.jobs.owned == [WorkerParts.job(2).lease])
        try await parts.outcomes.write(store)
        #expect(store.now.completed.count == 3)
        var pauses: [Duration] = []
        for _ in 0..<7 {
            let due = try #require(parts.state.jobs.delayed.nextDue)
            pauses.append(due - parts.state.now)
            parts.pass(due - parts.state.now)
            try await parts.outcomes.write(store)
        }
        #expect(pauses == [200, 400, 800, 1600, 3200, 5000, 5000].map { .milliseconds($0) })
        #expect(store.now.completed.dropFirst(3).allSatisfy { $0.lease.job == JobID(2) })
        store.change { $0.dispositions = [:] }
        parts.pass(.seconds(5))
        try await parts.outcomes.write(store)
        #expect(!parts.state.jobs.hasWrites && parts.report.current.resultsOverdueAt == nil)
    }

    /// Failures and releases meet locks as well.
    @Test func lockedFailuresAndReleasesWait() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.dispositions = [JobID(1): .locked, JobID(2): .locked] }
        for id in [1, 2] as [Int64] { parts.state.jobs.claimed(WorkerParts.job(id), at: .zero) }
        parts.state.jobs.refused(JobID(1), RequestError(.invalidValue, "bad"))
        parts.state.jobs.stopped([JobID(2): Usage()], at: .zero, isInterrupted: false)
        try await parts.outcomes.write(store)
        #expect(parts.state.jobs.delayed.entries.count == 2)
        store.change { $0.dispositions = [:] }
        parts.pass(.seconds(1))
        try await parts.outcomes.write(store)
        #expect(!parts.state.jobs.hasWrites && store.now.failed.count == 2 && store.now.released.count == 2)
    }

    /// The age of the oldest unwritten result is reported, so that /healthz can show it.
    @Test func resultsUnwrittenForALeaseAreOverdue() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.dispositions = [JobID(1): .locked] }
        finished(parts, [1])
        try await parts.outcomes.write(store)
        let due = try #require(parts.report.current.resultsOverdueAt)
        #expect(due > .now)
        parts.pass(.seconds(20))
        try await parts.outcomes.write(store)
        #expect(try #require(parts.report.current.resultsOverdueAt) <= .now)
        // A statement that fails as a whole counts too.
        store.change { $0.errors["complete"] = QueueError(.database, "out of disk") }
        finished(parts, [2])
        await #expect(throws: QueueError.self) { try await parts.outcomes.write(store) }
        parts.pass(.seconds(20))
        await #expect(throws: QueueError.self) { try await parts.outcomes.write(store) }
        #expect(try #require(parts.report.current.resultsOverdueAt) <= .now)
    }

    /// Tokens of a job whose row is locked are kept, and the job goes on.
    @Test func checkpointsOfLockedJobsAreKept() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.locked = [JobID(1)] }
        parts.state.jobs.claimed(WorkerParts.job(1), at: .zero)
        parts.state.jobs.progressed([OutputPiece(job: JobID(1), choice: 0, firstToken: 0, tokens: [7])])
        try await parts.outcomes.writeCheckpoints(store)
        #expect(parts.runner.now.stopped == [] && parts.state.jobs.checkpointsToWrite.isEmpty)
        parts.state.jobs.progressed([OutputPiece(job: JobID(1), choice: 0, firstToken: 1, tokens: [8])])
        parts.state.jobs.retryCheckpoints()
        store.change { $0.locked = [] }
        try await parts.outcomes.writeCheckpoints(store)
        #expect(store.now.checkpoints.map(\.tokens) == [[7], [7], [8]])
        #expect(parts.state.jobs.checkpointsToWrite.isEmpty)
    }

    @Test func checkpointsThatAreNotHeldStopTheirJobs() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.lost = [JobID(2)] }
        for id in [1, 2] as [Int64] { parts.state.jobs.claimed(WorkerParts.job(id), at: .zero) }
        parts.state.jobs.progressed(
            [1, 2].map { OutputPiece(job: JobID($0), choice: 0, firstToken: 0, tokens: [7]) })
        try await parts.outcomes.writeCheckpoints(store)
        #expect(parts.runner.now.stopped == [JobID(2)] && parts.state.jobs.count == 1)
        // Its tokens are booked once the runner has answered.
        var wasted = Usage()
        wasted.answer = 1
        parts.state.jobs.stopped([JobID(2): wasted], at: .zero, isInterrupted: false)
        try await parts.outcomes.write(store)
        #expect(store.now.released.map(\.usage) == [wasted])
    }

    @Test func aRunnerThatCannotResumeHasNoCheckpoints() async throws {
        let parts = WorkerParts(origin: nil)
        let store = ScriptedStore()
        parts.state.jobs.claimed(WorkerParts.job(1), at: .zero)
        parts.state.jobs.progressed([OutputPiece(job: JobID(1), choice: 0, firstToken: 0, tokens: [7])])
        try await parts.outcomes.writeCheckpoints(store)
        #expect(store.now.calls.isEmpty && parts.state.jobs.checkpointsToWrite.isEmpty)
    }

    @Test func cancelledJobsAreStopped() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.toBeStopped = [JobID(1), JobID(5)] }
        parts.state.jobs.claimed(WorkerParts.job(1), at: .zero)
        try await parts.outcomes.stopUnwanted(store)
        #expect(parts.runner.now.stopped == [JobID(1)])
    }

}

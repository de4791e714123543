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
        #expect(parts.state.jobs.failures.map(\.code) == ["result_refused"])
        try await parts.outcomes.write(store)
        #expect(parts.state.jobs.failures.isEmpty && parts.state.jobs.hasWrites)
        parts.state.jobs.retryPostponed()
        store.change { $0.dispositions = [:] }
        try await parts.outcomes.write(store)
        #expect(!parts.state.jobs.hasWrites && store.now.failed.count == 2)
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

    @Test func maintenanceCountsAndPrunesInPortions() async throws {
        let parts = WorkerParts { $0.retention = .seconds(60) }
        let store = ScriptedStore {
            $0.maintenance.expired = 2
            $0.maintenance.refused = 1
            $0.pruned = [JobStore.rowsPerStatementMax, 3]
        }
        for _ in 0..<3 { try await parts.maintenance.maintain(store) }
        #expect(parts.report.current.failed == 9)
        // A full portion calls for another one; a short one rests for a minute.
        #expect(store.now.calls.filter { $0 == "prune" }.count == 2)
        parts.pass(.seconds(60))
        try await parts.maintenance.maintain(store)
        #expect(store.now.calls.filter { $0 == "prune" }.count == 3)
    }
}

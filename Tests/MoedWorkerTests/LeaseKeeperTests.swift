import MoedCore
import MoedQueue
import MoedWorker
import Testing

@Suite struct LeaseKeeperTests {
    @Test func registersOnceAndRescues() async throws {
        let parts = WorkerParts()
        parts.state.worker = nil
        let store = ScriptedStore()
        try await parts.lease.register(store)
        try await parts.lease.register(store)
        #expect(store.now.calls == ["register", "registerOrigin", "registerModels", "rescue"])
        #expect(parts.state.worker == WorkerID(1) && store.now.origins == [RunnerOrigin(digest: "test", model: "m")])
        try await parts.lease.unregister(store)
        #expect(parts.state.worker == nil && store.now.calls.last == "unregister")
    }

    /// The lease counts from the moment when its renewal was asked for.
    @Test func urgentFromThreeQuartersOfTheLease() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore()
        _ = try await parts.lease.beat(store)
        parts.pass(.milliseconds(14_999))
        #expect(!parts.lease.isUrgent)
        parts.pass(.milliseconds(1))
        #expect(parts.lease.isUrgent)
        _ = try await parts.lease.beat(store)
        #expect(!parts.lease.isUrgent)
    }

    @Test func aBeatCarriesStatusRateAndIdleness() async throws {
        let parts = WorkerParts(room: 1)
        let store = ScriptedStore()
        parts.report.update { ($0.status, $0.tokensPerSecond) = ("Idle", 41) }
        #expect(parts.workerLease.hasChanged)
        let becameIdle = try await parts.lease.beat(store)
        #expect(becameIdle && !parts.workerLease.hasChanged)
        let beat = try #require(store.now.lastBeat)
        #expect(beat.idle && beat.status == "Idle" && beat.tokensPerSecond == 41 && beat.lease == .seconds(20))
        #expect(beat.firstToken == 5)
        parts.runner.start([RunnableJob(id: JobID(1), jobClass: WorkerParts.direct, body: "{}")])
        #expect(parts.workerLease.hasChanged)
        let stillIdle = try await parts.lease.beat(store)
        #expect(!stillIdle && store.now.lastBeat?.idle == false)
    }

    /// A worker declared dead stops its jobs. It still writes finished results; the lease tokens decide if they count.
    @Test func aWorkerDeclaredDeadStopsItsJobsAndRegistersAnew() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.beats = [false] }
        for id in [1, 2, 3] as [Int64] { parts.state.jobs.claimed(WorkerParts.job(id), at: .zero) }
        parts.state.jobs.finished(JobID(3), WorkerParts.result(), at: .zero, unixTime: 0)
        _ = try await parts.lease.beat(store)
        #expect(parts.runner.now.stopped == [JobID(1), JobID(2)])
        #expect(parts.state.jobs.count == 0 && parts.state.jobs.completions.count == 1)
        #expect(store.now.calls == ["firstToken", "beat", "register", "registerOrigin", "registerModels", "rescue"])
    }

    /// The other task's renewal is refused; the claiming task finds it out in its next round.
    @Test func aLossSeenByTheRenewingTaskIsSettledByTheClaimingTask() async throws {
        let parts = WorkerParts()
        parts.state.jobs.claimed(WorkerParts.job(1), at: .zero)
        let lost = try await parts.workerLease.renew(ScriptedStore { $0.beats = [false] })
        #expect(lost == .lost && parts.state.worker == WorkerID(1) && !parts.workerLease.isHeld)
        let store = ScriptedStore()
        try await parts.lease.settleLoss(store)
        #expect(parts.runner.now.stopped == [JobID(1)] && parts.workerLease.isHeld)
        try await parts.lease.settleLoss(store)
        #expect(store.now.calls == ["register", "registerOrigin", "registerModels", "rescue"])
    }

    /// A lock on the worker's row delays the renewal and is no outage.
    @Test func aRenewalThatMeetsALockIsTriedAgain() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.errors["beat"] = WorkerParts.lockTimeout }
        parts.pass(.seconds(15))
        let became = try await parts.lease.beat(store)
        #expect(!became && parts.lease.isUrgent)
        store.change { $0.errors = [:] }
        _ = try await parts.lease.beat(store)
        #expect(!parts.lease.isUrgent)
    }

    /// Another transaction adds one of the names: the worker starts, and the name is tried again.
    @Test func namesOfModelsAreRegisteredLater() async throws {
        let parts = WorkerParts()
        parts.state.worker = nil
        let store = ScriptedStore {
            $0.modelRegistrations = [false]
            $0.errors["rescue"] = WorkerParts.lockTimeout
        }
        try await parts.lease.register(store)
        #expect(parts.state.worker != nil)
        try await parts.lease.registerModels(store)
        try await parts.lease.registerModels(store)
        #expect(store.now.calls == ["register", "registerOrigin", "registerModels", "rescue", "registerModels"])
    }

    @Test func theOriginIsRegisteredLater() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.errors["registerOrigin"] = WorkerParts.lockTimeout }
        try await parts.lease.registerModels(store)
        store.change { $0.errors = [:] }
        try await parts.lease.registerModels(store)
        try await parts.lease.registerModels(store)
        #expect(store.now.calls == ["registerOrigin", "registerOrigin"] && store.now.origins.count == 1)
    }

    @Test func jobsThatNobodyKnowsAreReleased() async throws {
        let parts = WorkerParts()
        let (known, unknown) = (WorkerParts.job(1).lease, JobLease(job: JobID(2), token: 7))
        let store = ScriptedStore { $0.leases = [known, unknown] }
        parts.state.jobs.claimed(WorkerParts.job(1), at: .zero)
        try await parts.lease.releaseUnknown(store)
        #expect(store.now.released.map(\.lease) == [unknown])
        // Half a minute passes before the next comparison, unless a new connection asks for it.
        try await parts.lease.releaseUnknown(store)
        #expect(store.now.calls == ["leases", "release"])
        parts.lease.connected()
        try await parts.lease.releaseUnknown(store)
        #expect(store.now.calls.count == 4)
    }
}

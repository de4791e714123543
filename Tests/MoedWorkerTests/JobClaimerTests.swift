import MoedCore
import MoedQueue
import MoedWorker
import Testing

@Suite struct JobClaimerTests {
    private func jobs(_ ids: ClosedRange<Int64>, _ jobClass: JobClass = WorkerParts.direct) -> [ClaimedJob] {
        ids.map { WorkerParts.job($0, jobClass) }
    }

    @Test func claimsUntilTheRoomIsFull() async throws {
        let parts = WorkerParts(room: 6)
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 20)]]
            $0.claims[WorkerParts.direct] = [jobs(1...4), jobs(5...9)]
        }
        try await parts.claimer.claim(store)
        // The first claim takes its maximum of four jobs, the second the remaining two.
        #expect(store.now.claimLimits == [4, 2])
        #expect(parts.runner.now.started.map(\.id) == (1...6).map { JobID($0) })
        #expect(parts.state.jobs.count == 6 && store.now.calls == ["backlog", "contentRules", "claim", "claim"])
        #expect(parts.report.current.queued == 14 && parts.report.current.jobClass == WorkerParts.direct)
    }

    @Test func aFullRunnerIsNotPolledFor() async throws {
        let parts = WorkerParts(room: 0)
        let store = ScriptedStore { $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 20)]] }
        try await parts.claimer.claim(store)
        #expect(store.now.calls.isEmpty)
    }

    /// An endpoint has room for jobs that the full engine here would not end in time.
    @Test func aFullRunnerTakesUrgentJobs() async throws {
        let parts = WorkerParts(room: 1)
        parts.runner.change {
            ($0.plansDeadlines, $0.urgentRoom) = (true, UrgentRoom(jobs: 3, within: .seconds(60)))
        }
        let store = ScriptedStore {
            $0.backlogs = [[
                WorkerParts.backlog(WorkerParts.direct, 20), WorkerParts.backlog(WorkerParts.thinking, 20),
            ]]
            $0.claims[WorkerParts.direct] = [jobs(1...1), jobs(2...3), []]
            $0.deadlines = [DeadlineCount(left: .seconds(60), jobs: 9)]
        }
        try await parts.claimer.claim(store)
        #expect(store.now.claimFilters.prefix(2) == [.all, ClaimFilter(dueWithin: .seconds(60))])
        #expect(store.now.claimLimits.prefix(2) == [1, 3])
        #expect(store.now.claimFilters.dropFirst().allSatisfy { $0.dueWithin == .seconds(60) })
        // Each class is asked until it has no more, by one poll.
        #expect(store.now.calls.filter { $0 == "backlog" || $0 == "deadlines" } == ["backlog", "deadlines"])
        #expect(parts.runner.now.started.map(\.id.rawValue) == [1, 2, 3])
        #expect(parts.runner.now.planned == [store.now.deadlines])
    }

    /// Deadlines are read while the engine is full, and only where somebody plans by them.
    @Test func deadlinesAreReadForThoseWhoPlan() async throws {
        let parts = WorkerParts(room: 0)
        parts.runner.change { $0.plansDeadlines = true }
        let store = ScriptedStore { $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 20)]] }
        try await parts.claimer.claim(store)
        #expect(store.now.calls == ["backlog", "deadlines"])
        let other = WorkerParts(room: 1)
        try await other.claimer.claim(store)
        #expect(store.now.calls.filter { $0 == "deadlines" }.count == 1)
    }

    @Test func aWorkerOutsideLeavesJobsOfPoorBatches() async throws {
        let parts = WorkerParts(room: 1)
        parts.runner.change { $0.barred = [""] }
        let store = ScriptedStore { $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 20)]] }
        try await parts.claimer.claim(store)
        #expect(store.now.claimFilters.first == ClaimFilter(isHouse: false))
    }

    /// Another worker may have been faster: a claim that comes short polls once more, and then rests.
    @Test func anEmptyClaimPollsOnceMore() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 3)]] }
        try await parts.claimer.claim(store)
        #expect(store.now.calls == ["backlog", "contentRules", "claim", "backlog"])
        #expect(parts.state.jobs.count == 0)
    }

    @Test func aKnownBacklogIsNotPolledAgainForAWhile() async throws {
        let parts = WorkerParts(room: 2)
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 20)]]
            $0.claims[WorkerParts.direct] = [jobs(1...2), jobs(3...4)]
        }
        try await parts.claimer.claim(store)
        parts.claimer.forgetBacklog()
        #expect(parts.claimer.needsLook)
        #expect(store.now.calls.filter { $0 == "backlog" }.count == 1)
    }

    /// Long requests fill the room for bodies. When there is room again, it is another job class's turn.
    @Test func longRequestsDoNotKeepOthersWaiting() async throws {
        let parts = WorkerParts(room: 20)
        parts.runner.change { $0.bodiesMax = 3 }
        let store = ScriptedStore {
            $0.backlogs = [[
                ClassBacklog(jobClass: WorkerParts.thinking, queued: 20, oldestAge: .seconds(9)),
                WorkerParts.backlog(WorkerParts.direct, 1),
            ]]
            $0.claims[WorkerParts.thinking] = [jobs(1...4, WorkerParts.thinking), jobs(5...8, WorkerParts.thinking)]
            $0.claims[WorkerParts.direct] = [jobs(9...9)]
        }
        try await parts.claimer.claim(store)
        #expect(parts.runner.now.started.map(\.id) == (1...4).map { JobID($0) })
        parts.runner.change { $0.bodiesMax = 5 }
        try await parts.claimer.claim(store)
        #expect(parts.runner.now.started.map(\.id) == ((1...4).map { JobID($0) } + [JobID(9)]))
        // Nothing else waits, so the long ones go on.
        parts.claimer.forgetBacklog()
        store.change { $0.backlogs = [[WorkerParts.backlog(WorkerParts.thinking, 16)]] }
        parts.runner.change { $0.bodiesMax = 8 }
        try await parts.claimer.claim(store)
        #expect(parts.runner.now.started.count == 9)
    }

    /// A suspect runs alone, before the others and with nobody beside it.
    @Test func aSuspectWaitsForAnEmptyBatchAndTheBatchForIt() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.quarantine, 1)]]
            $0.claims[WorkerParts.quarantine] = [jobs(1...1, WorkerParts.quarantine)]
        }
        parts.state.jobs.claimed(WorkerParts.job(9), at: .zero)
        try await parts.claimer.claim(store)
        #expect(!store.now.calls.contains("claim"))
        parts.state.jobs.finished(JobID(9), WorkerParts.result(), at: .zero, unixTime: 0)
        try await parts.claimer.claim(store)
        #expect(store.now.claimLimits == [1] && parts.state.jobs.runsAlone)
        parts.claimer.forgetBacklog()
        store.change {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 5)]]
            $0.claims[WorkerParts.direct] = [jobs(2...5)]
        }
        try await parts.claimer.claim(store)
        #expect(store.now.claimLimits == [1])
    }
}

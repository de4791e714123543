import MoedPostgres
import MoedQueue
import MoedWorker
import Testing

@Suite struct QueueMaintenanceTests {
    private static func report(_ change: (inout MaintenanceReport) -> Void) -> MaintenanceReport {
        var report = MaintenanceReport()
        change(&report)
        return report
    }

    @Test func countsAndPrunesInPortions() async throws {
        let parts = WorkerParts { $0.retention = .seconds(60) }
        let store = ScriptedStore {
            $0.due = [.expire, .models]
            $0.maintenance = [
                .expire: Self.report { $0.expired = 2 }, .models: Self.report { $0.refused = 1 },
            ]
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

    /// A step that fails rests for a growing time, is counted, and keeps no other step from running.
    @Test(arguments: MaintenanceStep.allCases)
    func aStepFailsAlone(step: MaintenanceStep) async throws {
        let parts = WorkerParts { $0.retention = .seconds(60) }
        let refusal = QueueError(DatabaseError(.server, sqlState: "55000", "no replica identity"))
        let store = ScriptedStore {
            $0.due = MaintenanceStep.allCases.filter { !$0.isTimed }
            $0.pruned = Array(repeating: JobStore.rowsPerStatementMax, count: 100)
            $0.errors[step.rawValue] = refusal
        }
        func calls(_ name: String) -> Int { store.now.calls.count { $0 == name } }
        for second in 1...6 {
            try await parts.maintenance.maintain(store)
            for other in MaintenanceStep.allCases where other != step {
                // A minute is tried every 15 seconds.
                #expect(calls(other.rawValue) == (other == .sample ? 1 : second), "\(other)")
            }
            parts.pass(.seconds(1))
        }
        // Tried at 0 s and 2 s; the next time is 6 s.
        #expect(calls(step.rawValue) == 2)
        #expect(parts.report.current.maintenanceFailures == [step.rawValue: 2])
        store.change { $0.errors = [:] }
        try await parts.maintenance.maintain(store)
        try await parts.maintenance.maintain(store)
        #expect(calls(step.rawValue) == (step == .sample ? 3 : 4))
    }

    /// A table that cannot be read fails the question what is due: every step is tried.
    @Test func withoutTheLookEachStepIsTried() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore { $0.errors["due"] = QueueError(.rightsMissing, "permission denied") }
        try await parts.maintenance.maintain(store)
        let steps = MaintenanceStep.allCases.filter { !$0.isTimed }.map(\.rawValue)
        #expect(store.now.calls == ["due"] + steps + ["sample"])
        #expect(parts.report.current.maintenanceFailures == ["look": 1])
    }

    @Test func aLostConnectionEndsTheRound() async throws {
        let parts = WorkerParts()
        let store = ScriptedStore {
            $0.due = [.promote, .expire]
            $0.failing = "promote"
        }
        await #expect(throws: QueueError.self) { try await parts.maintenance.maintain(store) }
        #expect(store.now.calls == ["due", "promote"] && parts.report.current.maintenanceFailures == [:])
    }
}

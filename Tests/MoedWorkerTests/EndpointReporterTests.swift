import MoedCore
import MoedWorker
import Testing

/// Endpoints are reported with each beat and after each change; pauses end on request.
@Suite struct EndpointReporterTests {
    private static func endpoint(_ state: EndpointReport.State) -> EndpointReport {
        var report = EndpointReport(name: "gpu", api: "tokens", model: "m")
        report.state = state
        return report
    }

    @Test func aChangeIsWrittenBetweenBeats() async throws {
        let (store, parts) = (ScriptedStore(), WorkerParts())
        let reporter = EndpointReporter(parts.state)
        try await reporter.report(store, isBeat: true)
        #expect(store.now.calls.isEmpty)
        parts.runner.change { $0.endpoints = [Self.endpoint(.unknown)] }
        try await reporter.report(store, isBeat: false)
        try await reporter.report(store, isBeat: false)
        #expect(store.now.calls.count { $0 == "reportEndpoints" } == 1)
        parts.runner.change { $0.endpoints = [Self.endpoint(.out)] }
        try await reporter.report(store, isBeat: false)
        try await reporter.report(store, isBeat: true)
        #expect(store.now.calls.count { $0 == "reportEndpoints" } == 3)
        #expect(store.now.endpoints.map(\.state) == [.out])
    }

    @Test func onlyNewRequestsEndPauses() async throws {
        let (store, parts) = (ScriptedStore { $0.cooldownEnds = ["gpu": 5] }, WorkerParts())
        parts.runner.change { $0.endpoints = [Self.endpoint(.out)] }
        let reporter = EndpointReporter(parts.state)
        try await reporter.report(store, isBeat: false)
        #expect(parts.runner.now.pausesEnded.isEmpty)
        store.change { $0.cooldownEnds = ["gpu": 6, "other": 1] }
        try await reporter.report(store, isBeat: false)
        #expect(parts.runner.now.pausesEnded == ["gpu", "other"])
        parts.runner.change { $0.pausesEnded = [] }
        try await reporter.report(store, isBeat: false)
        #expect(parts.runner.now.pausesEnded.isEmpty)
    }

    @Test func aLockIsNoOutage() async throws {
        let store = ScriptedStore {
            $0.errors = ["cooldownEnds": WorkerParts.lockTimeout, "reportEndpoints": WorkerParts.lockTimeout]
        }
        let parts = WorkerParts()
        parts.runner.change { $0.endpoints = [Self.endpoint(.up)] }
        let reporter = EndpointReporter(parts.state)
        try await reporter.report(store, isBeat: true)
        store.change { $0.errors = [:] }
        try await reporter.report(store, isBeat: false)
        #expect(store.now.endpoints.count == 1)
    }
}

import MoedBatching
package import MoedCore
package import MoedHost
package import MoedPreparation
import Synchronization

/// Runs jobs on endpoints: prepares them on one thread, and keeps a request in flight for each running choice.
package final class RemoteRunner: JobRunner {
    private struct State {
        var jobs: RemoteJobs
        /// Facts of a started job's claim.
        struct Claim {
            var number: Int64 = 0
            var owner = RemoteJobs.Owner()
            var dueAt: Duration?
        }

        var claims: [JobID: Claim] = [:]
        var requests: [Int: Task<Void, Never>] = [:]
        var outlet = EventOutlet()
        var isOver = false
    }

    /// State of the runner for status lines and metrics.
    package struct Snapshot: Sendable {
        package var jobs = 0
        package var tokensReceived = 0
        package var room = 0
        package var endpoints: [EndpointState] = []
        /// Time of the snapshot, on the clock of the endpoints' states.
        package var now = Duration.zero

        package init() {}
    }

    private static let tickInterval = Duration.milliseconds(100)

    package let origin: RunnerOrigin?
    package let models: [String]
    private let desk: PreparationDesk
    private let transport: any Transport
    private let progress: ProgressCounter
    private let remark: @Sendable (RemoteJobs.Remark) -> Void
    private let state: Mutex<State>
    private let start = ContinuousClock.now

    /// - Parameters:
    ///   - jobs: endpoints and rules.
    ///   - progress: advances with each tick; the watchdog reads it.
    ///   - remark: receives lines for the log, on any thread.
    /// - Throws: `HostError` when the system has no thread left.
    package init(
        jobs: RemoteJobs, preparer: any JobPreparer, transport: any Transport, served: (RunnerOrigin?, [String]),
        progress: ProgressCounter, remark: @escaping @Sendable (RemoteJobs.Remark) -> Void
    ) throws(HostError) {
        state = Mutex(State(jobs: jobs))
        desk = try PreparationDesk(preparer)
        (origin, models) = served
        self.transport = transport
        self.progress = progress
        self.remark = remark
    }

    package var room: Int { desk.withCount { count in max(0, state.withLock { $0.jobs.room } - count) } }

    /// Advances while a job is being prepared and with each answered probe; the watchdog reads it.
    package var preparationProgress: ProgressCounter { desk.progress }

    /// Asks the preparing thread for a sign of life; waits for its answer.
    package func answerProbe() async { await desk.answerProbe() }

    package var requestRoom: RequestRoom { desk.requestRoom }

    package var snapshot: Snapshot {
        let waiting = desk.count
        return state.withLock { state in
            var snapshot = Snapshot()
            snapshot.jobs = state.jobs.jobCount + waiting
            snapshot.tokensReceived = state.jobs.tokensReceived
            snapshot.room = state.jobs.room
            snapshot.endpoints = state.jobs.endpoints
            snapshot.now = now
            return snapshot
        }
    }

    package func start(_ new: [RunnableJob]) {
        state.withLock { state in
            for job in new {
                state.claims[job.id] = .init(
                    number: job.claim, owner: .init(tenant: job.tenantName, mayLeave: job.mayLeave),
                    dueAt: job.timeLeft.map { now + $0 })
            }
        }
        desk.start(new)
    }

    package func stop(_ ids: [JobID]) {
        let dropped = desk.drop(ids) { others in change { $0.stop(others, now: self.now) } }
        report(dropped)
    }

    package func proceed(_ requests: Set<EngineRequest.Key>) { change { $0.proceed(requests, now: self.now) } }

    package func decline(_ requests: Set<EngineRequest.Key>) { change { $0.decline(requests, now: self.now) } }

    package func mayRun(tenant: String, mayLeave: Bool) -> Bool {
        state.withLock { $0.jobs.mayRun(.init(tenant: tenant, mayLeave: mayLeave), now: now) }
    }

    package var endpoints: [EndpointReport] { state.withLock { $0.jobs.reports(now) } }

    package func endPauses(of names: Set<String>) { change { $0.endPauses(of: names, now: self.now) } }

    package func interrupt() {
        report(desk.dropAll())
        change { $0.interrupt() }
    }

    /// Jobs that were dropped before they began have wasted nothing.
    private func report(_ dropped: [JobID]) {
        guard !dropped.isEmpty else { return }
        change { _ in [.report(.stopped(Dictionary(uniqueKeysWithValues: dropped.map { ($0, Usage()) })))] }
    }

    package func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        // Under the lock, so that no later event overtakes those that wait.
        state.withLock { $0.outlet.open(to: events) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.prepare() }
            group.addTask { await self.tick() }
        }
        state.withLock { state in
            state.isOver = true
            for request in state.requests.values { request.cancel() }
            state.requests = [:]
        }
    }

    private func prepare() async {
        await desk.run(
            .init(
                prepared: { task in self.change { _ in task.preparedEvents.map { .report($0) } } },
                submit: { task in
                    self.change(claimOf: task.job) {
                        $0.submit(task, attempt: $1.number, owner: $1.owner, dueAt: $1.dueAt, now: self.now)
                    }
                },
                refused: { id, error in self.change { _ in [.report(.refused(id, error))] } }),
            contextLength: { self.state.withLock { $0.jobs.contextLength } })
    }

    private func tick() async {
        while !Task.isCancelled {
            progress.advance()
            change { $0.tick(now: self.now, unixTime: UnixTime.now) }
            // A cancelled sleep returns at once, and the loop ends.
            try? await Task.sleep(for: Self.tickInterval)
        }
    }

    private var now: Duration { start.duration(to: .now) }

    private func change(_ body: (inout RemoteJobs) -> [RemoteJobs.Action]) {
        state.withLock { state in
            let actions = body(&state.jobs)
            carryOut(actions, &state)
        }
    }

    private func change(
        claimOf job: JobID, _ body: (inout RemoteJobs, State.Claim) -> [RemoteJobs.Action]
    ) {
        state.withLock { state in
            let claim = state.claims.removeValue(forKey: job) ?? State.Claim()
            let actions = body(&state.jobs, claim)
            carryOut(actions, &state)
        }
    }

    /// Carries out actions under the lock, so that events leave in the order of the decisions. Nothing here blocks.
    private func carryOut(_ actions: [RemoteJobs.Action], _ state: inout State) {
        for action in actions {
            switch action {
            case .send(let ticket, let request):
                guard !state.isOver else { continue }
                state.requests[ticket] = Task { await self.send(request, ticket) }
            case .close(let ticket): state.requests.removeValue(forKey: ticket)?.cancel()
            case .report(let event): state.outlet.send(event)
            case .log(let line): remark(line)
            }
        }
    }

    private func send(_ request: TransportRequest, _ ticket: Int) async {
        await transport.send(request) { event in
            self.change { $0.received(event, ticket: ticket, now: self.now, unixTime: UnixTime.now) }
        }
    }
}

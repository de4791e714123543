package import MoedCore
import Synchronization

/// Two runners of one model as one: the first takes jobs while it has room, the second takes the others.
///
/// With deadlines, the second takes only jobs that the first would not end in time.
package final class CombinedRunner: JobRunner {
    private let first: any JobRunner
    private let second: any JobRunner
    package let origin: RunnerOrigin?
    package let plansDeadlines: Bool
    private let deadlines = Mutex(DeadlinePlan())
    private let start = ContinuousClock.now

    /// - Parameters:
    ///   - origin: what checkpoints of both runners are written under; each continues those of the other one.
    ///   - plansDeadlines: true when the second takes only jobs that the first would not end in time.
    package init(
        _ first: any JobRunner, _ second: any JobRunner, origin: RunnerOrigin?, plansDeadlines: Bool = false
    ) {
        self.first = first
        self.second = second
        self.origin = origin
        self.plansDeadlines = plansDeadlines
    }

    package var models: [String] { first.models }
    /// The first runner has the adapters; it runs their jobs alone.
    package var adapterOrigins: [RunnerOrigin] { first.adapterOrigins }

    package var room: Int { plansDeadlines ? first.room : first.room + second.room }

    package var urgentRoom: UrgentRoom? {
        guard plansDeadlines, let within = deadlines.withLock({ $0.horizon(now: now) }) else { return nil }
        return UrgentRoom(jobs: second.room, within: within)
    }

    package func plan(_ deadlines: [DeadlineCount]) {
        self.deadlines.withLock { $0.plan(deadlines, now: now) }
    }

    private var now: Duration { start.duration(to: .now) }

    package var requestRoom: RequestRoom {
        let rooms = [first, second].filter { $0.room > 0 }.map(\.requestRoom)
        guard let one = rooms.first else { return first.requestRoom }
        return rooms.dropFirst().reduce(one) {
            RequestRoom(bodyMax: min($0.bodyMax, $1.bodyMax), bytes: min($0.bytes, $1.bytes))
        }
    }

    package func start(_ jobs: [RunnableJob]) {
        // Only the first runner enforces constraints, so it takes such jobs even when it has no room: they wait in it.
        let adapted = Set(adapterOrigins.map(\.model))
        let bound = jobs.filter { job in
            adapted.contains(job.jobClass.model) || !second.models.contains(job.jobClass.model)
                || job.body.map { RequestedConstraint.isPossible(in: $0) || $0.contains("\"input\"") } ?? false
                || !second.mayRun(tenant: job.tenantName, mayLeave: job.mayLeave)
        }
        let free = jobs.filter { job in !bound.contains { $0.id == job.id } }
        let late = plansDeadlines && second.room > 0 ? free.filter(isTooLate) : []
        let others = free.filter { job in !late.contains { $0.id == job.id } }
        let count = min(others.count, max(0, first.room - bound.count))
        let taken = bound + others[..<count]
        if !taken.isEmpty {
            if plansDeadlines {
                deadlines.withLock { plan in
                    for job in taken { plan.started(job.id, isDue: job.timeLeft != nil, now: now) }
                }
            }
            first.start(taken)
        }
        let rest = late + others[count...]
        if !rest.isEmpty { second.start(rest) }
    }

    private func isTooLate(_ job: RunnableJob) -> Bool {
        job.timeLeft.map { left in deadlines.withLock { $0.isTooLate(left) } } ?? false
    }

    /// Tells the plan which jobs of the first runner have ended.
    private func note(_ event: RunnerEvent) {
        let ended: [(JobID, Bool)] =
            switch event {
            case .finished(let id, _): [(id, true)]
            case .refused(let id, _, _), .failed(let id, _, _): [(id, false)]
            case .stopped(let jobs): jobs.keys.map { ($0, false) }
            case .returned(let jobs): jobs.map { ($0, false) }
            case .prepared, .judged, .progressed, .opening, .spent: []
            }
        guard !ended.isEmpty else { return }
        deadlines.withLock { plan in
            for (id, isDone) in ended { plan.ended(id, isDone: isDone, now: now) }
        }
    }

    package func stop(_ jobs: [JobID]) {
        first.stop(jobs)
        second.stop(jobs)
    }

    package func interrupt() {
        first.interrupt()
        second.interrupt()
    }

    package func proceed(_ requests: Set<EngineRequest.Key>) {
        first.proceed(requests)
        second.proceed(requests)
    }

    package var endpoints: [EndpointReport] { first.endpoints + second.endpoints }

    package func endPauses(of names: Set<String>) {
        first.endPauses(of: names)
        second.endPauses(of: names)
    }

    package func decline(_ requests: Set<EngineRequest.Key>) {
        first.decline(requests)
        second.decline(requests)
    }

    package func mayRun(tenant: String, mayLeave: Bool) -> Bool {
        first.mayRun(tenant: tenant, mayLeave: mayLeave) || second.mayRun(tenant: tenant, mayLeave: mayLeave)
    }

    package func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        await withTaskGroup(of: Void.self) { [first, second] group in
            group.addTask {
                await first.run { event in
                    if self.plansDeadlines { self.note(event) }
                    events(event)
                }
            }
            group.addTask { await second.run(events) }
        }
    }
}

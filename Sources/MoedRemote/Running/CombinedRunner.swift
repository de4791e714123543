package import MoedCore

/// Two runners of one model as one: the first takes jobs while it has room, the second takes the others.
package final class CombinedRunner: JobRunner {
    private let first: any JobRunner
    private let second: any JobRunner
    package let origin: RunnerOrigin?

    /// - Parameter origin: what checkpoints of both runners are written under; each continues those of the other one.
    package init(_ first: any JobRunner, _ second: any JobRunner, origin: RunnerOrigin?) {
        self.first = first
        self.second = second
        self.origin = origin
    }

    package var models: [String] { first.models }
    /// The first runner has the adapters; it runs their jobs alone.
    package var adapterOrigins: [RunnerOrigin] { first.adapterOrigins }

    package var room: Int { first.room + second.room }

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
        let count = min(free.count, max(0, first.room - bound.count))
        let taken = bound + free[..<count]
        if !taken.isEmpty { first.start(taken) }
        if count < free.count { second.start(Array(free[count...])) }
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
            group.addTask { await first.run(events) }
            group.addTask { await second.run(events) }
        }
    }
}

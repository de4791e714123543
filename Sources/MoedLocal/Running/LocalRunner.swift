import MoedBatching
package import MoedCore
package import MoedHost
package import MoedPreparation
import Synchronization

/// Runs jobs on this machine: prepares them on one thread and sweeps on another.
package final class LocalRunner: JobRunner {
    package let origin: RunnerOrigin?
    private let adapters: ServedAdapters
    private let ownModels: [String]
    /// Sweep thread, visible for figures and for the watchdog's probe.
    package let sweeps: SweepThread
    private let desk: PreparationDesk
    private let outlet = Mutex(EventOutlet())

    /// - Parameter models: names of the model itself.
    /// - Throws: `HostError` when the system has no thread left.
    package init(
        sweeps: SweepThread, preparer: any JobPreparer, origin: RunnerOrigin,
        adapters: ServedAdapters = ServedAdapters(), models: [String]
    ) throws(HostError) {
        self.sweeps = sweeps
        self.origin = origin
        self.adapters = adapters
        ownModels = models
        desk = try PreparationDesk(preparer)
    }

    package var models: [String] { ownModels + adapters.names }
    package var adapterOrigins: [RunnerOrigin] { adapters.origins }

    /// Advances while a job is being prepared and with each answered probe; the watchdog reads it.
    package var preparationProgress: ProgressCounter { desk.progress }

    /// Asks the preparing thread for a sign of life; waits for its answer.
    package func answerProbe() async { await desk.answerProbe() }

    package var room: Int { desk.withCount { max(0, sweeps.snapshot.sequencesFree - $0) } }

    package var requestRoom: RequestRoom { desk.requestRoom }

    /// Jobs go back whose adapter was removed after their claim.
    package func start(_ new: [RunnableJob]) {
        let unserved = Set(adapters.start(new))
        desk.start(new.filter { !unserved.contains($0.id) })
        if !unserved.isEmpty { outlet.withLock { $0.send(.returned(unserved.sorted())) } }
    }

    package func stop(_ ids: [JobID]) { report(desk.drop(ids) { sweeps.stop($0) }) }

    package func interrupt() {
        report(desk.dropAll())
        sweeps.interrupt()
    }

    /// Jobs that were dropped before they began have wasted nothing.
    private func report(_ dropped: [JobID]) {
        guard !dropped.isEmpty else { return }
        outlet.withLock { $0.send(.stopped(Dictionary(uniqueKeysWithValues: dropped.map { ($0, Usage()) }))) }
    }

    package func run(_ receiver: @escaping @Sendable (RunnerEvent) -> Void) async {
        let events = { @Sendable [adapters] (event: RunnerEvent) in
            adapters.note(event)
            receiver(event)
        }
        outlet.withLock { $0.open(to: events) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sweeps.run(events) }
            group.addTask { await self.prepare(events) }
        }
    }

    private func prepare(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        await desk.run(
            .init(
                prepared: { $0.preparedEvents.forEach(events) },
                submit: { task in
                    var task = task
                    if let key = self.adapters.key(of: task.job) { task.adapter = key }
                    self.sweeps.submit([task])
                },
                refused: { events(.refused($0, $1)) }))
    }
}

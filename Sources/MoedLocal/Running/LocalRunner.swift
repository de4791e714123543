import MoedBatching
package import MoedCore
package import MoedHost
package import MoedPreparation
import Synchronization

/// Runs jobs on this machine: prepares them on one thread and sweeps on another.
package final class LocalRunner: JobRunner {
    package let origin: RunnerOrigin?
    package let adapterOrigins: [RunnerOrigin]
    package let models: [String]
    /// Sweep thread, visible for figures and for the watchdog's probe.
    package let sweeps: SweepThread
    private let desk: PreparationDesk
    private let outlet = Mutex(EventOutlet())

    /// - Throws: `HostError` when the system has no thread left.
    package init(
        sweeps: SweepThread, preparer: any JobPreparer, origin: RunnerOrigin, adapters: [RunnerOrigin] = [],
        models: [String]
    ) throws(HostError) {
        self.sweeps = sweeps
        self.origin = origin
        adapterOrigins = adapters
        self.models = models
        desk = try PreparationDesk(preparer)
    }

    /// Advances while a job is being prepared and with each answered probe; the watchdog reads it.
    package var preparationProgress: ProgressCounter { desk.progress }

    /// Asks the preparing thread for a sign of life; waits for its answer.
    package func answerProbe() async { await desk.answerProbe() }

    package var room: Int { desk.withCount { max(0, sweeps.snapshot.sequencesFree - $0) } }

    package var requestRoom: RequestRoom { desk.requestRoom }

    package func start(_ new: [RunnableJob]) { desk.start(new) }

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

    package func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        outlet.withLock { $0.open(to: events) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sweeps.run(events) }
            group.addTask { await self.prepare(events) }
        }
    }

    private func prepare(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        await desk.run(
            .init(
                prepared: { events(.prepared($0.job, $0.jobClass.mode)) },
                submit: { self.sweeps.submit([$0]) },
                refused: { events(.refused($0, $1)) }))
    }
}

package import MoedCore
package import MoedQueue

/// State that the parts of one worker share. One task at a time uses it.
package final class WorkerState {
    package let settings: WorkerSettings
    package let runner: any JobRunner
    package var jobs: RunningJobs
    /// The row of this worker; nil while it is not registered.
    package var worker: WorkerID?
    private let clock: () -> Duration

    /// - Parameters:
    ///   - modelName: for the stored chat-completion objects.
    ///   - clock: time since any fixed moment.
    package init(
        settings: WorkerSettings, runner: any JobRunner, modelName: String,
        clock: @escaping () -> Duration = WorkerState.monotonic()
    ) {
        self.settings = settings
        self.runner = runner
        self.clock = clock
        jobs = RunningJobs(modelName: modelName)
    }

    package var now: Duration { clock() }

    /// Time since this call, on the machine's monotonic clock.
    package static func monotonic() -> () -> Duration {
        let origin = ContinuousClock.now
        return { origin.duration(to: .now) }
    }
}

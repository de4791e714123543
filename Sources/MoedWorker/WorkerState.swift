package import MoedCore
package import MoedQueue

/// State shared by the parts of one worker. One task at a time uses it.
package final class WorkerState {
    package var settings: WorkerSettings
    package let runner: any JobRunner
    package var jobs: RunningJobs
    package var requests = RequestAccount()
    /// Decides which lines about jobs are logged.
    var pace = LogPace()
    package var policies = WorkerPolicies()
    /// Asks services about answers.
    package let inquirer: any ContentInquirer
    /// Id of this worker's row; nil while the worker is not registered.
    package var worker: WorkerID?
    package let clock: @Sendable () -> Duration

    /// - Parameters:
    ///   - modelName: name of the model in the stored chat-completion objects.
    ///   - clock: returns the time since any fixed moment.
    package init(
        settings: WorkerSettings, runner: any JobRunner, modelName: String,
        inquirer: any ContentInquirer = NoInquirer(),
        clock: @escaping @Sendable () -> Duration = WorkerState.monotonic()
    ) {
        self.settings = settings
        self.runner = runner
        self.inquirer = inquirer
        self.clock = clock
        jobs = RunningJobs(modelName: modelName, origin: runner.origin?.digest)
        readAdapters()
    }

    /// Takes over the runner's adapters, for jobs that are claimed from here on.
    package func readAdapters() {
        jobs.adapters = Dictionary(runner.adapterOrigins.map { ($0.model, $0.digest) }) { first, _ in first }
    }

    package var now: Duration { clock() }

    /// True while something is to be written.
    package var hasWrites: Bool { jobs.hasWrites || !requests.isEmpty || !policies.verdicts.isEmpty }

    /// Time since this call, on the machine's monotonic clock.
    package static func monotonic() -> @Sendable () -> Duration {
        let origin = ContinuousClock.now
        return { origin.duration(to: .now) }
    }
}

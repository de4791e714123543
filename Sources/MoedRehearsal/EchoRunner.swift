import MoedCore
import Synchronization

/// A runner without a model. The job id determines the answer, so every worker answers a job alike.
final class EchoRunner: JobRunner {
    private struct State {
        var room = 0
        var held: [JobID] = []
        var events: (@Sendable (RunnerEvent) -> Void)?
    }

    let origin: RunnerOrigin? = RunnerOrigin(digest: "simulated", model: "default")
    let models = ["default"]
    private let state = Mutex(State())
    /// True when jobs are answered as soon as they start; otherwise `answerAll` answers them.
    private let answersAtOnce: Bool

    /// - Parameter room: jobs that can start at any time.
    init(room: Int = 0, answersAtOnce: Bool = false) {
        self.answersAtOnce = answersAtOnce
        state.withLock { $0.room = room }
    }

    var room: Int { state.withLock { $0.room } }
    let requestRoom = RequestRoom.unlimited
    func setRoom(_ room: Int) { state.withLock { $0.room = room } }

    func start(_ jobs: [RunnableJob]) {
        state.withLock { $0.held += jobs.map(\.id) }
        if answersAtOnce, let events = state.withLock({ $0.events }) { answerAll().forEach(events) }
    }

    func stop(_ jobs: [JobID]) {
        let (stopped, events) = state.withLock { state in
            let stopped = state.held.filter(jobs.contains)
            state.held.removeAll(where: jobs.contains)
            return (stopped, state.events)
        }
        guard !stopped.isEmpty else { return }
        events?(.stopped(Dictionary(uniqueKeysWithValues: stopped.map { ($0, Usage()) })))
    }

    func interrupt() { stop(state.withLock { $0.held }) }

    /// Sets the receiver of later events.
    func listen(_ events: @escaping @Sendable (RunnerEvent) -> Void) { state.withLock { $0.events = events } }

    func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        listen(events)
        answerAll().forEach(events)
        // Sleeps until the task is cancelled.
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
    }

    /// Answers all started jobs and forgets them.
    func answerAll() -> [RunnerEvent] {
        let jobs = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        return jobs.map { .finished($0, Self.result(of: $0)) }
    }

    /// An answer of one to fifty tokens.
    static func result(of job: JobID) -> GenerationResult {
        var usage = Usage()
        usage.prompt = 12
        usage.answer = 1 + Int(job.rawValue % 50)
        let choice = GenerationChoice(
            index: 0, content: "answer to \(job)", reasoning: nil, finishReason: .stop, outputIDs: [])
        return GenerationResult(choices: [choice], usage: usage, seed: UInt64(bitPattern: job.rawValue))
    }
}

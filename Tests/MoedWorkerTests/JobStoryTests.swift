import Logging
import MoedCore
import MoedQueue
import MoedWorker
import Synchronization
import Testing

/// What the log and the figures tell about jobs.
@Suite struct JobStoryTests {
    /// Keeps the lines of a logger.
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])

        var logger: Logger {
            var logger = Logger(label: "test") { _ in Handler(lines: self) }
            logger.logLevel = .debug
            return logger
        }

        /// Lines as `level job event`.
        func taken() -> [String] { all.withLock { lines in defer { lines = [] }; return lines } }
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var logLevel = Logger.Level.debug
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let job = event.metadata?["job_id"].map { "\($0)" } ?? "-"
            let name = event.metadata?["event"].map { "\($0)" } ?? "-"
            lines.all.withLock { $0.append("\(event.level) \(job) \(name)") }
        }
    }

    @Test func aJobsLifeIsTold() async throws {
        let lines = Lines()
        let parts = WorkerParts(log: lines.logger)
        let store = ScriptedStore { script in
            script.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 4)]]
            script.claims = [WorkerParts.direct: [(1...4).map { WorkerParts.job($0) }]]
            script.dispositions = [JobID(2): .written(.retried), JobID(4): .written(.cancelled)]
        }
        try await parts.claimer.claim(store)
        #expect(lines.taken().filter { $0.hasSuffix(" claimed") } == (1...4).map { "info \($0) claimed" })
        parts.state.jobs.finished(JobID(1), WorkerParts.result(), at: .seconds(2), unixTime: 0)
        parts.state.jobs.failed(JobID(2), EngineError(.io, "broken"), wasted: Usage(), at: .zero)
        parts.state.jobs.refused(JobID(3), RequestError(.invalidValue, "bad"))
        let isStopped = parts.state.jobs.stop(JobID(4), at: .zero)
        #expect(isStopped)
        var usage = Usage()
        usage.answer = 7
        parts.state.jobs.stopped([JobID(4): usage], at: .zero, isInterrupted: false)
        try await parts.outcomes.write(store)
        #expect(
            lines.taken().sorted() == ["info 1 succeeded", "info 3 failed", "info 4 cancelled", "warning 2 retried"])
        let figures = parts.report.current.figures
        #expect(figures.waits[.nonThinking]?.total == 4 && figures.runs.values.reduce(0) { $0 + $1.total } == 1)
        #expect(
            figures.ends.sorted { $0.key < $1.key }.map { "\($0.key.outcome) \($0.key.code) \($0.value)" } == [
                "cancelled  1", "failed invalid_value 1", "retried engine_error 1", "succeeded  1",
            ])
        #expect(figures.tokens[.prompt] == 3 && figures.tokens[.answer] == 2 && figures.wasted == 7)
        #expect(Set(figures.statements.keys) == ["backlog", "claim", "complete"])
    }

    /// Of many jobs one line a minute tells the sum.
    @Test func manyLinesBecomeOne() {
        var pace = LogPace()
        let shown = (0..<300).filter { _ in pace.takes("claimed", at: .seconds(1)) }.count
        #expect(shown == LogPace.linesMax)
        let isShown = pace.takes("succeeded", at: .seconds(2))
        #expect(!isShown)
        let early = pace.summary(at: .seconds(30))
        #expect(early == nil)
        let sum = pace.summary(at: .seconds(61))
        #expect(sum == "jobs in the last minute: 300 claimed, 1 succeeded")
        let isShownAgain = pace.takes("claimed", at: .seconds(62))
        #expect(isShownAgain)
        let later = pace.summary(at: .seconds(200))
        #expect(later == nil)
    }

    /// A code comes from anywhere: the number of figures has a limit.
    @Test func theNumberOfFiguresIsBounded() {
        var figures = JobFigures()
        for number in 0..<1000 { figures.ended("failed", code: "code\(number)") }
        #expect(figures.ends.count <= 50 && figures.ends.values.reduce(0, +) == 1000)
    }
}

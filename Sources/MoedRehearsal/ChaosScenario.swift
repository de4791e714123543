import MoedCore
import MoedHost
import MoedLocal
import MoedQueue

/// One fault and the conditions that must hold after it.
package struct ChaosScenario: Sendable {
    /// Number in the list of acceptance tests.
    package var test: String
    package var title: String
    /// Number of repetitions, jobs or seconds in a full run.
    package var size: Int
    /// Smallest meaningful size. A smaller run would prove nothing, or report chance as a fault.
    package var leastSize: Int
    /// Most connections that it opens at a time.
    package var connections: Int
    let body: @Sendable (ChaosTrial) async throws -> Void

    package init(
        _ test: String, _ title: String, size: Int, leastSize: Int = 1, connections: Int = 16,
        _ body: @escaping @Sendable (ChaosTrial) async throws -> Void
    ) {
        self.test = test
        self.title = title
        self.size = size
        self.leastSize = leastSize
        self.connections = connections
        self.body = body
    }

    /// Runs the scenario in a database of its own.
    ///
    /// - Parameter size: in units of `self.size`; smaller for a short run.
    package func run(on server: String, size: Int, seed: UInt64) async -> ChaosVerdict {
        let clock = ContinuousClock()
        let start = clock.now
        var verdict = ChaosVerdict(scenario: self, size: size)
        do {
            verdict = try await RehearsalDatabase.using(server) { [verdict] database in
                let trial = ChaosTrial(database: database, size: size, seed: seed)
                do {
                    try await body(trial)
                    for violation in try await database.violations() { await trial.failed(violation) }
                    let wrong = try await database.wrongAnswers()
                    if wrong > 0 {
                        await trial.failed("\(wrong) jobs with another answer or account than theirs")
                    }
                } catch {
                    await trial.failed("\(error)")
                }
                var verdict = verdict
                verdict.failures = await trial.failures
                verdict.figures = await trial.figures
                return verdict
            }
        } catch {
            verdict.failures.append("\(error)")
        }
        verdict.seconds = (clock.now - start).seconds
        return verdict
    }
}

/// Result of a scenario.
package struct ChaosVerdict: Sendable {
    package var scenario: ChaosScenario
    package var size: Int
    package var figures: [String] = []
    /// Broken conditions; empty when the scenario passed.
    package var failures: [String] = []
    package var seconds = 0.0

    package var passed: Bool { failures.isEmpty }
}

/// A running scenario: its database, its random numbers and its findings.
package actor ChaosTrial {
    package nonisolated let database: RehearsalDatabase
    nonisolated let size: Int
    private(set) var failures: [String] = []
    private(set) var figures: [String] = []
    private var random: SplitMix

    init(database: RehearsalDatabase, size: Int, seed: UInt64) {
        self.database = database
        self.size = size
        random = SplitMix(seed: seed)
    }

    func failed(_ reason: String) { if failures.count < 20 { failures.append(reason) } }
    func note(_ figure: String) { figures.append(figure) }
    func check(_ holds: Bool, _ reason: @autoclosure () -> String) { if !holds { failed(reason()) } }
    func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

    /// Runs one whole worker until no job is left.
    func drain() async throws { try await WholeWorker(in: database, room: 64, drains: true).run() }
}

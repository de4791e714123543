import Glibc
import MoedCore
import MoedHost
import MoedTools

/// `moed chaos`: runs the queue's fault tests on the user's own server.
package enum Chaos {
    package static let scenarios: [ChaosScenario] =
        ChaosScenario.workers + ChaosScenario.connections + ChaosScenario.users + ChaosScenario.load
        + ChaosScenario.locks + [ChaosScenario.heldCalls]

    /// Runs the scenarios and prints the verdict of each.
    ///
    /// - Parameters:
    ///   - tests: names as in `ChaosScenario.test`; empty for all.
    ///   - part: fraction of each scenario's full size.
    /// - Returns: true when every scenario passed.
    package static func run(
        database: String, tests: [String], part: Double, seed: UInt64
    ) async throws -> Bool {
        let chosen = scenarios.filter { tests.isEmpty || tests.contains($0.test) }
        let unknown = tests.filter { name in !scenarios.contains { $0.test == name } }
        guard unknown.isEmpty else {
            throw ConfigurationProblem(
                "there is no scenario \(unknown.joined(separator: ", ")); there are "
                    + scenarios.map(\.test).joined(separator: ", "))
        }
        print("seed \(seed); each scenario in a database of its own, moed_rehearsal_…, dropped afterwards")
        let free = try await RehearsalDatabase.freeConnections(of: database)
        var (allPassed, leftOut) = (true, 0)
        for scenario in chosen {
            guard scenario.connections <= free else {
                leftOut += 1
                print(
                    "left out  \(scenario.test)  \(scenario.title): it needs \(scenario.connections) connections, "
                        + "and the server has \(free) left for this role (max_connections)")
                continue
            }
            let size = max(scenario.leastSize, Int(Double(scenario.size) * part))
            let verdict = try await StopSignals.watch {
                await scenario.run(on: database, size: size, seed: seed)
            }
            for line in lines(verdict) { print(line) }
            // Flushes so that a redirected output shows each verdict when its scenario ends.
            fflush(nil)
            allPassed = allPassed && verdict.passed
        }
        let rest = leftOut > 0 ? "; \(leftOut) of \(chosen.count) left out" : ""
        print((allPassed ? "everything held" : "NOT everything held") + rest)
        return allPassed
    }

    static func lines(_ verdict: ChaosVerdict) -> [String] {
        let scenario = verdict.scenario
        let head =
            "\(verdict.passed ? "passed" : "FAILED")  \(scenario.test)  \(scenario.title) \(verdict.size)"
        let figures = (verdict.figures + ["\(HumanText.figure(verdict.seconds)) s"]).joined(separator: "; ")
        return [head, "        \(figures)"] + verdict.failures.map { "        broken: \($0)" }
    }
}

import MoedLocal
import MoedRehearsal
import MoedTools
import MoedPostgres
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct QueueBenchTests {
    /// A small run: every figure is there, and the database it was measured in is gone.
    @Test(.heavy) func everythingIsMeasuredAndNothingIsLeft() async throws {
        let database = try await TestDatabase.create()
        var options = QueueBench.Options(database: database.conninfo, jobs: 1000, hold: .milliseconds(300))
        options.workers = [1, 3]
        let report = try await QueueBench.measure(options) { _ in }
        #expect(report.scales.map(\.workers) == [1, 3] && report.scales.allSatisfy { $0.jobsPerSecond > 0 })
        for (name, _, sample, _) in report.times { #expect(sample.least > 0, "\(name)") }
        #expect(report.enqueueRate > 0 && report.rowEnqueueRate > 0 && report.flow.jobsPerSecond > 0)
        #expect(report.growth > 0 && report.databaseShares.allSatisfy { $0 > 0 })
        #expect(report.lines.count == 21)
        let left: Int? = try await database.value(
            "SELECT count(*) AS value FROM pg_database WHERE datname LIKE 'moed\\_rehearsal%'")
        #expect(left == 0)
        await database.close()
    }

    @Test func quantilesAreValuesThatOccurred() {
        let sample = Sample((1...200).map(Double.init))
        #expect(sample.quantile(0.5) == 100 && sample.quantile(0.99) == 198 && sample.quantile(1) == 200)
        #expect(sample.quantile(0) == 1 && Sample([7]).quantile(0.99) == 7)
    }
}

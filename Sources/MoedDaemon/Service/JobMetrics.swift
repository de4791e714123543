import MoedCore
import MoedFront
import MoedHost
import MoedQueue
import MoedWorker

/// Figures of jobs as metrics: waits, times, ends, tokens, the depth of the queue, and times of statements.
enum JobMetrics {
    static func all(_ report: WorkerReport.State) -> [Metric] {
        ends(report.figures) + times(report.figures) + (report.census.map(depth) ?? [])
    }

    private static func ends(_ figures: JobFigures) -> [Metric] {
        [
            Metric(
                "moed_jobs_ended_total", .counter,
                "Attempts that this process ended, by outcome and, for failures, by code.",
                figures.ends.sorted { $0.key < $1.key }.map { end, count in
                    .init(Double(count), [("outcome", end.outcome), ("code", end.code)])
                }),
            Metric(
                "moed_job_retries_total", .counter, "Attempts that failed and whose job runs again.",
                figures.ends.reduce(0) { $0 + ($1.key.outcome == "retried" ? $1.value : 0) }),
            Metric(
                "moed_tokens_total", .counter, "Tokens of jobs that this process ended well, by kind.",
                JobFigures.TokenKind.allCases.map {
                    .init(Double(figures.tokens[$0] ?? 0), [("kind", $0.rawValue)])
                }),
            Metric(
                "moed_wasted_tokens_total", .counter, "Tokens of attempts that ended without an answer.",
                figures.wasted),
        ]
    }

    private static func times(_ figures: JobFigures) -> [Metric] {
        func byMode(_ histograms: [ReasoningMode: Histogram]) -> [Metric.Sample] {
            histograms.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { mode, histogram in
                samples(histogram, [("mode", mode.rawValue)])
            }
        }
        return [
            Metric(
                "moed_job_wait_seconds", .histogram, "Time from a job's due time to its claim.", byMode(figures.waits)),
            Metric(
                "moed_job_run_seconds", .histogram, "Time from the claim to the end of jobs that succeeded.",
                byMode(figures.runs)),
            Metric(
                "moed_database_statement_seconds", .histogram, "Time of statements that the daemon waited for.",
                figures.statements.sorted { $0.key < $1.key }.flatMap { name, histogram in
                    samples(histogram, [("statement", name)])
                }),
        ]
    }

    private static func samples(
        _ histogram: Histogram, _ labels: [(name: String, value: String)]
    ) -> [Metric.Sample] {
        Metric.Sample.histogram(bounds: histogram.bounds, counts: histogram.counts, sum: histogram.sum, labels)
    }

    /// Depth and age of the queue, by model and mode.
    private static func depth(_ census: QueueCensus) -> [Metric] {
        struct Place: Hashable {
            var model: String
            var mode: String
        }
        var jobs: [Place: Int] = [:]
        var oldest: [Place: Duration] = [:]
        for (jobClass, count) in census.queued {
            let place = Place(model: jobClass.model, mode: jobClass.mode.rawValue)
            jobs[place, default: 0] += count
            oldest[place] = max(oldest[place] ?? .zero, census.oldest[jobClass] ?? .zero)
        }
        let places = jobs.keys.sorted { ($0.model, $0.mode) < ($1.model, $1.mode) }
        func labels(_ place: Place) -> [(name: String, value: String)] {
            [("model", place.model), ("mode", place.mode)]
        }
        return [
            Metric(
                "moed_queue_depth", .gauge, "Queued jobs by model and mode, at the last count.",
                places.map { .init(Double(jobs[$0] ?? 0), labels($0)) }),
            Metric(
                "moed_queue_oldest_age_seconds", .gauge, "How long the oldest of them has been due.",
                places.map { .init((oldest[$0] ?? .zero).seconds, labels($0)) }),
        ]
    }
}

import MoedCore
import MoedFront
import MoedQueue
import MoedWorker
import Testing

@testable import MoedDaemon

/// Figures of jobs in Prometheus' text.
@Suite struct JobMetricsTests {
    @Test func everyFigureIsShown() {
        var state = WorkerReport().current
        var usage = Usage()
        (usage.prompt, usage.cachedPrompt, usage.thinking, usage.answer) = (5, 2, 3, 4)
        state.figures.claimed(.thinking, waited: .seconds(20))
        state.figures.succeeded(.thinking, .seconds(2), usage)
        state.figures.ended("retried", code: "engine_error")
        state.figures.ended("failed", code: "invalid_value")
        state.figures.wasted(usage)
        state.figures.timed("claim", .milliseconds(3))
        var census = QueueCensus()
        census.queued = [
            JobClass(model: "m", mode: .thinking, bucket: 5): 2, JobClass(model: "m", mode: .thinking, bucket: 6): 3,
        ]
        census.oldest = [JobClass(model: "m", mode: .thinking, bucket: 6): .seconds(9)]
        state.census = census
        let lines = Set(PrometheusText.encode(JobMetrics.all(state)).split(separator: "\n").map(String.init))
        for line in [
            #"moed_job_wait_seconds_bucket{mode="thinking",le="15"} 0"#,
            #"moed_job_wait_seconds_bucket{mode="thinking",le="60"} 1"#, #"moed_job_run_seconds_sum{mode="thinking"} 2"#,
            #"moed_jobs_ended_total{outcome="succeeded",code=""} 1"#,
            #"moed_jobs_ended_total{outcome="failed",code="invalid_value"} 1"#, "moed_job_retries_total 1",
            #"moed_tokens_total{kind="cached"} 2"#, #"moed_tokens_total{kind="answer"} 4"#, "moed_wasted_tokens_total 12",
            #"moed_database_statement_seconds_count{statement="claim"} 1"#,
            #"moed_queue_depth{model="m",mode="thinking"} 5"#, #"moed_queue_oldest_age_seconds{model="m",mode="thinking"} 9"#,
        ] {
            #expect(lines.contains(line), "\(line)")
        }
    }
}

import MoedReading
import MoedCaching
import MoedCore
import MoedEndpoints
import MoedEngine
import MoedFront
import MoedHost
import MoedLocal
import MoedQueue
import MoedRemote
import MoedWeights
import MoedWorker
import Synchronization

/// Figures of one moment as metrics. Counters start with the process; the database holds the queue's history.
struct DaemonMetrics {
    /// Sources of the figures. Those of the model are there once it is loaded.
    final class Source: Sendable {
        private let report: WorkerReport
        private let engines = Mutex<Engines?>(nil)

        init(_ report: WorkerReport) {
            self.report = report
            _ = DaemonMetrics.startTime
        }

        func add(_ engines: Engines) { self.engines.withLock { $0 = engines } }

        var current: DaemonMetrics {
            let engines = engines.withLock { $0 }
            return DaemonMetrics(
                report: report.current, engine: engines?.snapshot ?? SweepThread.Snapshot(),
                streaming: engines?.local?.streaming.current ?? StreamingFigures(),
                clamped: engines?.local?.clamps.count ?? 0, memory: engines?.local?.plan,
                endpoints: engines?.remote?.snapshot.endpoints ?? [])
        }
    }

    var report: WorkerReport.State
    var engine: SweepThread.Snapshot
    var streaming: StreamingFigures
    /// Keys and values that the format of the KV cache clamped.
    var clamped = 0
    /// Memory plan under the budget; nil without a budget.
    var memory: MemoryPlan?
    var endpoints: [EndpointState] = []

    var all: [Metric] {
        process + jobs + JobMetrics.all(report) + queue + sweeps + experts + memoryUse + EndpointMetrics.all(endpoints)
    }

    /// Health of the daemon: healthy while it can claim jobs and write answers.
    var health: Health {
        if report.phase != .stopping, let outage = report.outage {
            return Health(isHealthy: false, text: outage.text)
        }
        return switch report.phase {
        case .loading(let percent): Health(isHealthy: false, text: "loading weights, \(percent) %")
        case .stopping: Health(isHealthy: false, text: "stopping")
        case .running where !report.stuck.isEmpty:
            Health(isHealthy: false, text: report.stuck.joined(separator: "; "))
        case .running where report.resultsOverdueAt.map({ $0 <= .now }) ?? false:
            Health(isHealthy: false, text: "results unwritten for longer than a lease")
        case .running:
            Health(isHealthy: true, text: "ok" + (report.census?.hindrances.map { "; \($0)" } ?? ""))
        }
    }

    private var process: [Metric] {
        [
            Metric("moed_build_info", .gauge, "Version.", [.init(1, [("version", Version.text)])]),
            Metric(
                "moed_process_start_time_seconds", .gauge, "When the process began, in Unix seconds.", Self.startTime),
        ]
    }

    /// Read first when the daemon starts.
    static let startTime = UnixTime.now

    private var jobs: [Metric] {
        [
            Metric(
                "moed_jobs_succeeded_total", .counter, "Jobs that this process ended well.", report.succeeded),
            Metric(
                "moed_jobs_failed_total", .counter, "Jobs that this process ended as failed.", report.failed),
            Metric(
                "moed_jobs_without_answer_total", .counter,
                "Succeeded jobs with an empty answer.", report.withoutAnswer),
            Metric(
                "moed_jobs_truncated_total", .counter,
                "Succeeded jobs with an answer that max_tokens or the end of the context ended.", report.truncated),
            Metric("moed_jobs_running", .gauge, "Jobs claimed and not ended.", engine.jobs),
            Metric("moed_jobs_queued", .gauge, "Queued jobs of these models.", report.queuedInAll),
            Metric(
                "moed_database_connected", .gauge, "1 while the database answers.",
                report.outage == nil ? 1 : 0),
            Metric(
                "moed_loops_stuck", .gauge, "Loops of the daemon that make no progress.", report.stuck.count),
            Metric(
                "moed_maintenance_failures_total", .counter, "Steps of maintenance that failed.",
                MaintenanceStep.allCases.map {
                    .init(Double(report.maintenanceFailures[$0.rawValue] ?? 0), [("step", $0.rawValue)])
                }),
        ]
    }

    /// Maximum number of pauses with a sample of their own.
    private static let pausesMax = 50

    /// Figures of the last census; none before the first.
    private var queue: [Metric] {
        guard let census = report.census else { return [] }
        let classes = census.queued.sorted {
            ($0.key.model, $0.key.mode.rawValue, $0.key.bucket)
                < ($1.key.model, $1.key.mode.rawValue, $1.key.bucket)
        }
        return [
            Metric(
                "moed_class_jobs_queued", .gauge, "Queued jobs per job class, at the last count.",
                classes.map { jobClass, jobs in
                    let labels = [
                        ("model", jobClass.model), ("mode", jobClass.mode.rawValue),
                        ("bucket", "\(jobClass.bucket)"),
                    ]
                    return .init(Double(jobs), labels)
                }),
            Metric(
                "moed_paused", .gauge, "1 for each pause in force: all, model NAME, tenant NAME.",
                [.init(census.paused.contains("all") ? 1 : 0, [("what", "all")])]
                    + census.paused.filter { $0 != "all" }.prefix(Self.pausesMax).map { .init(1, [("what", $0)]) }),
            Metric(
                "moed_tenants_over_budget", .gauge, "Tenants that have used their tokens of the day.",
                census.overBudget.count),
            Metric(
                "moed_models_unserved", .gauge, "Models with queued jobs that no live worker serves.",
                census.unserved.count),
        ]
    }

    private var sweeps: [Metric] {
        [
            Metric("moed_sequences_running", .gauge, "Sequences in the batch.", engine.runningSequences),
            Metric("moed_slots_free", .gauge, "Sequences that could start now.", engine.sequencesFree),
            Metric("moed_tokens_generated_total", .counter, "Tokens generated.", engine.generatedTokens),
            Metric(
                "moed_tokens_prefilled_total", .counter,
                "Tokens of prompts computed; cached ones are not among them.",
                engine.prefilledTokens),
            Metric(
                "moed_kv_clamped_total", .counter,
                "Keys and values beyond the range of engine.kv, stored as its largest number.", clamped),
            Metric("moed_sweeps_total", .counter, "Passes through the model.", engine.sweeps),
            Metric("moed_sweep_seconds", .gauge, "Time of the last one.", seconds: engine.lastSweep.duration),
            Metric(
                "moed_sweep_tokens", .gauge, "Tokens in the last one.",
                engine.lastSweep.prefilledTokens + engine.lastSweep.generatedTokens),
        ]
    }

    private var experts: [Metric] {
        var metrics = [
            Metric("moed_expert_read_bytes_total", .counter, "Bytes of experts read.", streaming.bytesRead),
            Metric(
                "moed_expert_read_failures_total", .counter,
                "Experts that could not be read, after trying again.",
                streaming.failures),
            Metric(
                "moed_expert_wait_seconds_total", .counter, "Time that sweeps had nothing to compute.",
                seconds: streaming.waited),
        ]
        if let all = streaming.loading {
            metrics.append(
                Metric("moed_expert_load_bytes", .gauge, "Bytes of all experts to be loaded.", all))
        }
        guard let disk = streaming.disk else { return metrics }
        metrics.append(
            Metric(
                "moed_expert_reading_seconds_total", .counter,
                "Time that at least one expert was being read.",
                seconds: streaming.reading))
        let regimes: [ExpertCachePolicy.Regime] = [.fits, .saturated, .smallBatch]
        return metrics + [
            Metric("moed_expert_hits_total", .counter, "Experts needed that were in memory.", streaming.hits),
            Metric("moed_expert_misses_total", .counter, "Experts needed that were not.", streaming.misses),
            Metric(
                "moed_expert_cache_regime", .gauge, "1 for the way the cache works at the moment.",
                regimes.map { .init($0 == streaming.regime ? 1 : 0, [("regime", $0.rawValue)]) }),
            Metric(
                "moed_expert_cache_switches_total", .counter, "Changes of the way the cache works.",
                streaming.switches),
            Metric("moed_expert_cache_capacity", .gauge, "Experts that can be kept.", streaming.capacity),
            Metric(
                "moed_expert_distinct", .gauge, "Experts that a sweep uses, averaged over the last ones.",
                streaming.distinct.map { [.init($0)] } ?? []),
            Metric(
                "moed_disk_probe_bytes_per_second", .gauge, "What the disk gave at the start.",
                [.init(disk.bytesPerSecond)]),
        ]
    }

    private var memoryUse: [Metric] {
        let resident = Metric(
            "moed_memory_resident_bytes", .gauge, "Memory of the process.",
            HostMemory.resident)
        guard let memory else { return [resident] }
        let parts = [
            ("process", memory.needs.process), ("requests", memory.needs.requests),
            ("dense", memory.needs.dense),
            ("activations", memory.needs.activations), ("kv", memory.keyValues), ("experts", memory.experts),
        ]
        return [
            resident,
            Metric("moed_memory_budget_bytes", .gauge, "What memory.budget allows.", memory.needs.budget),
            Metric(
                "moed_memory_planned_bytes", .gauge, "How it is shared out.",
                parts.map { .init(Double($0.1), [("use", $0.0)]) }),
        ]
    }
}

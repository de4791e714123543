import Foundation
import MoedCore
import TestSupport
import Testing

/// Names of metrics: the same in the sources, in this list, and in what alerts and shows them.
@Suite struct MonitoringTests {
    /// Dashboards of others name these: a name goes only with a note in the changelog.
    private static let names: Set<String> = [
        "moed_build_info", "moed_process_start_time_seconds", "moed_jobs_succeeded_total", "moed_jobs_failed_total",
        "moed_jobs_without_answer_total", "moed_jobs_truncated_total", "moed_jobs_running", "moed_jobs_queued",
        "moed_database_connected", "moed_loops_stuck", "moed_maintenance_failures_total", "moed_jobs_ended_total",
        "moed_job_retries_total", "moed_tokens_total", "moed_wasted_tokens_total", "moed_job_wait_seconds",
        "moed_job_run_seconds", "moed_database_statement_seconds", "moed_queue_depth", "moed_queue_oldest_age_seconds",
        "moed_class_jobs_queued", "moed_paused", "moed_tenants_over_budget", "moed_models_unserved",
        "moed_sequences_running", "moed_slots_free", "moed_tokens_generated_total", "moed_tokens_prefilled_total",
        "moed_kv_clamped_total", "moed_sweeps_total", "moed_sweep_seconds", "moed_sweep_tokens",
        "moed_expert_read_bytes_total", "moed_expert_read_failures_total", "moed_expert_wait_seconds_total",
        "moed_expert_load_bytes", "moed_expert_reading_seconds_total", "moed_expert_hits_total",
        "moed_expert_misses_total", "moed_expert_cache_regime", "moed_expert_cache_switches_total",
        "moed_expert_cache_capacity", "moed_expert_distinct", "moed_disk_probe_bytes_per_second",
        "moed_memory_resident_bytes", "moed_memory_budget_bytes", "moed_memory_planned_bytes", "moed_endpoint_up",
        "moed_endpoint_in_flight", "moed_endpoint_window", "moed_endpoint_requests_total", "moed_endpoint_tokens_total",
        "moed_endpoint_spent_total", "moed_endpoint_errors_total", "moed_gateway_build_info",
        "moed_gateway_requests_total", "moed_gateway_request_seconds", "moed_gateway_requests_open",
        "moed_gateway_streams_open", "moed_gateway_received_bytes_total", "moed_gateway_sent_bytes_total",
    ]

    /// The files that define them.
    private static let sources = [
        "MoedDaemon/Service/DaemonMetrics", "MoedDaemon/Service/JobMetrics", "MoedEndpoints/EndpointMetrics",
        "MoedGateway/GatewayMetrics",
    ].map { "Sources/\($0).swift" }

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Fixtures.packageRoot.appending(path: path), encoding: .utf8)
    }

    private func metrics(in text: String, between mark: String = "") throws -> Set<String> {
        let pattern = try Regex("\(mark)(moed_[a-z_]+)\(mark)")
        return Set(text.matches(of: pattern).compactMap { $0.output[1].substring.map(String.init) })
    }

    @Test func namesAreFixed() throws {
        let found = try Self.sources.reduce(into: Set<String>()) { found, path in
            found.formUnion(try metrics(in: try text(path), between: "\""))
        }
        #expect(found.symmetricDifference(Self.names).sorted() == [])
    }

    /// Base units, and counters end with `_total`.
    @Test func namesFollowConventions() throws {
        let source = try Self.sources.map(text).joined()
        for match in source.matches(of: /"(moed_[a-z_]+)",\s+\.(counter|gauge|histogram)/) {
            let (name, kind) = (String(match.1), match.2)
            #expect((kind == "counter") == name.hasSuffix("_total"), "\(name)")
            #expect(kind != "histogram" || name.hasSuffix("_seconds"), "\(name)")
        }
    }

    @Test(arguments: [
        "systemd/monitoring/moed-alerts.yaml", "systemd/monitoring/moed-dashboard.json", "docs/operations.md",
    ])
    func rulesAndDashboardsNameMetricsThatExist(path: String) throws {
        // Names of roles and databases in the documents begin alike.
        let others: Set<String> = ["moed_done", "moed_wake", "moed_worker", "moed_client", "moed_operator", "moed_reader", "moed_owner", "moed_gateway", "moed_serve"]
        for name in try metrics(in: try text(path)).subtracting(others) {
            let base = ["_bucket", "_sum", "_count"].reduce(name) { $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0 }
            #expect(Self.names.contains(name) || Self.names.contains(base), "\(name)")
        }
    }

    @Test func theDashboardIsJSONWithAPanelForEachSubject() throws {
        let dashboard = try JSONValue(parsing: try text("systemd/monitoring/moed-dashboard.json"))
        let panels = try #require(dashboard["panels"]?.array)
        #expect(panels.count >= 12 && dashboard["uid"] == "moed")
        for panel in panels where panel["type"] != "row" {
            #expect(panel["targets"]?.array?.first?["expr"]?.string?.contains("moed_") == true, "\(panel["title"] ?? .null)")
        }
        #expect(Set(panels.compactMap { $0["id"]?.integer }).count == panels.count)
    }
}

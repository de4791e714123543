import MoedCore

/// Figures of one moment, and the sentences made of them for `systemctl status` and the terminal.
struct StatusText: Equatable {
    var report: DaemonReport.State
    var engine: InferenceService.Snapshot
    /// Generated tokens a second since the last moment.
    var tokensPerSecond: Double
    /// How long the database has been away.
    var databaseLostFor: Duration?

    /// What was done, when all is over.
    static func summary(_ report: DaemonReport.State) -> String {
        "Finished: \(report.succeeded) done, \(report.failed) failed"
    }

    /// For `STATUS=`: "Running 24 (thinking, ≤2048), 118 queued, 41 tok/s".
    var status: String {
        switch report.phase {
        case .loading(let percent): return "Loading weights \(percent) %"
        case .stopping: return "Stopping, \(engine.jobs) jobs running"
        case .running: break
        }
        var parts: [String] = []
        if let databaseLostFor { parts.append("Waiting for PostgreSQL (\(Int(databaseLostFor.seconds)) s)") }
        if engine.jobs > 0 {
            let group = report.group.map {
                " (\($0.mode == .thinking ? "thinking" : "non-thinking"), ≤\(1 << max(0, min($0.bucket, 40))))"
            }
            parts.append("Running \(engine.jobs)\(group ?? "")")
            parts.append("\(report.queued) queued")
            parts.append("\(Int(tokensPerSecond.rounded())) tok/s")
        } else if databaseLostFor == nil {
            parts.append("Idle")
        }
        parts.append("\(report.succeeded) done")
        if report.failed > 0 { parts.append("\(report.failed) failed") }
        return parts.joined(separator: ", ")
    }
}

import MoedCore
import MoedHost
import MoedLocal
import MoedQueue
import MoedWorker

/// Figures of one moment, and their status texts for `systemctl status` and the terminal.
struct StatusText: Equatable {
    var report: WorkerReport.State
    var engine: SweepThread.Snapshot
    /// Generated tokens per second since the previous figures.
    var tokensPerSecond: Double
    /// Status text about expert streaming; nil when no expert was needed.
    var streaming: String?
    /// Keys and values that the format of the KV cache clamped.
    var clamped = 0

    /// Last line of a run that showed its progress: "44 jobs in 2.1 s: 38 done (5 cut off, 2 empty), 6 failed, 1277
    /// tokens generated (608/s); left: 7 paused".
    static func summary(
        _ report: WorkerReport.State, _ engine: SweepThread.Snapshot, elapsed: Duration
    ) -> String {
        let tenths = HumanText.rounded(elapsed.seconds, digits: 1)
        let rate = elapsed.seconds > 0 ? Int(Double(engine.generatedTokens) / elapsed.seconds) : 0
        let left = report.leftover?.text.map { "; left: \($0)" } ?? ""
        return "\(report.succeeded + report.failed) jobs in \(tenths) s: \(done(report)), "
            + "\(report.failed) failed, \(engine.generatedTokens) tokens generated (\(rate)/s)\(left)"
    }

    /// "38 done (5 cut off, 2 empty)".
    private static func done(_ report: WorkerReport.State) -> String {
        let remarks = [(report.truncated, "cut off"), (report.withoutAnswer, "empty")]
            .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return "\(report.succeeded) done" + (remarks.isEmpty ? "" : " (\(remarks.joined(separator: ", ")))")
    }

    /// Text for `STATUS=`: "Running 24 (thinking, ≤2048), 118 queued, 41 tok/s".
    var status: String {
        switch report.phase {
        case .loading where report.outage != nil: break
        case .loading(let percent): return "Loading weights \(percent) %"
        case .stopping: return "Stopping, \(engine.jobs) jobs running"
        case .running: break
        }
        var parts: [String] = []
        if !report.stuck.isEmpty { parts.append("Stuck: \(report.stuck.joined(separator: "; "))") }
        if let outage = report.outage { parts.append(outage.statusText) }
        if engine.jobs > 0 {
            let jobClass = report.jobClass.map {
                " (\($0.mode == .thinking ? "thinking" : "non-thinking"), ≤\(1 << max(0, min($0.bucket, 40))))"
            }
            parts.append("Running \(engine.jobs)\(jobClass ?? "")")
            let isAtLeast = report.isQueuedAtLeast && report.census == nil
            parts.append("\(report.queuedInAll)\(isAtLeast ? "+" : "") queued")
            parts.append("\(Int(tokensPerSecond.rounded())) tok/s")
            if let sweep = engine.lastSweep.status { parts.append(sweep) }
            if let streaming { parts.append(streaming) }
        } else {
            if report.outage == nil { parts.append("Idle") }
            if report.queuedInAll > 0 { parts.append("\(report.queuedInAll) queued") }
            if let streaming { parts.append(streaming) }
        }
        if let hindrances = report.census?.hindrances { parts.append(hindrances) }
        parts.append(Self.done(report))
        if report.failed > 0 { parts.append("\(report.failed) failed") }
        if clamped > 0 { parts.append("\(clamped) keys and values clamped by engine.kv") }
        if let remark = report.remark { parts.append(remark) }
        return parts.joined(separator: ", ")
    }
}

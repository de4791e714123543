import MoedHost
import MoedLocal

/// Shows the progress of long work on standard error: continuously on a terminal, else one line every ten seconds.
struct WorkMeter {
    private let name: String
    private let isTerminal: Bool
    private let start: ContinuousClock.Instant
    private var nextAt: ContinuousClock.Instant
    private var isEnded = false

    /// Interval of lines in logs.
    private static let lineInterval = Duration.seconds(10)
    private static let terminalInterval = Duration.milliseconds(100)

    init(_ name: String, isTerminal: Bool) {
        self.name = name
        self.isTerminal = isTerminal
        start = ContinuousClock.now
        nextAt = isTerminal ? start : start + Self.lineInterval
    }

    /// Time since the meter was made, as `1.2 s`.
    var elapsedText: String { Self.time((ContinuousClock.now - start).seconds) }

    /// Rate of that many bytes in the time since the meter was made, as `412 MB/s`.
    func rateText(_ byteCount: Int) -> String {
        let seconds = (ContinuousClock.now - start).seconds
        return seconds > 0 ? "\(HumanText.bytes(Int(min(Double(byteCount) / seconds, 1e15))))/s" : "at once"
    }

    mutating func show(done: Int, of total: Int) {
        let now = ContinuousClock.now
        if done >= total, isTerminal, !isEnded {
            isEnded = true
            Host.printErrorInPlace("")
        }
        guard done < total, now >= nextAt else { return }
        nextAt = now + (isTerminal ? Self.terminalInterval : Self.lineInterval)
        let text = "\(name) " + Self.text(done: done, of: total, seconds: (now - start).seconds)
        if isTerminal { Host.printErrorInPlace(text) } else { Host.printError(text) }
    }

    /// Progress as `37 %, 11.3 of 30.5 GB, 412 MB/s, 46 s left`.
    static func text(done: Int, of total: Int, seconds: Double) -> String {
        let percent = total > 0 ? done * 100 / total : 100
        let progress = "\(percent) %, \(HumanText.bytes(done)) of \(HumanText.bytes(total))"
        guard done > 0, seconds > 0 else { return progress }
        let rate = Double(done) / seconds
        let left = Double(total - done) / rate
        return "\(progress), \(HumanText.bytes(Int(rate)))/s, \(time(left)) left"
    }

    /// Formats seconds: 0.42 → `0.4 s`, 200 → `3 min 20 s`, 7300 → `2 h 1 min`.
    static func time(_ seconds: Double) -> String {
        if seconds < 10 { return "\(HumanText.rounded(seconds, digits: 1)) s" }
        let whole = Int(min(seconds.rounded(), 1e9))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}

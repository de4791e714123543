import MoedCore
import MoedHost
import MoedLocal
import MoedPacks

/// `moed pack --wait`: waits until a download has brought all files of a model.
struct FileWait {
    let path: String
    let most: Duration

    private static let pause = Duration.milliseconds(500)
    /// Interval of lines in logs.
    private static let lineInterval = Duration.seconds(10)

    /// - Throws: `ConfigurationProblem` naming the files that are not here when the time is up;
    ///   `EngineError(.unsupportedModel)` as soon as the files that are here show such a model; `CancellationError`.
    func run() async throws {
        let start = ContinuousClock.now
        let isTerminal = Host.isTerminal(2)
        var (nextAt, shown) = (start, "")
        while true {
            let arrival = try Arrival(of: path)
            guard !arrival.unfinished.isEmpty else { break }
            do throws(EngineError) { _ = try ModelDirectory.open(path) } catch {
                if error.code == .unsupportedModel { throw error }
            }
            let missing = arrival.text(size: HumanText.bytes)
            let now = ContinuousClock.now
            guard now - start < most else {
                throw ConfigurationProblem(
                    "\(path): after \(WorkMeter.time(most.seconds)) \(missing): continue the download, and pack again")
            }
            let text = Self.text(arrival, missing)
            if isTerminal {
                Host.printErrorInPlace(text)
            } else if now >= nextAt, text != shown {
                Host.printError(text)
                (nextAt, shown) = (now + Self.lineInterval, text)
            }
            try await Task.sleep(for: min(Self.pause, most - (now - start)))
        }
        if isTerminal { Host.printErrorInPlace("") }
    }

    private static func text(_ arrival: Arrival, _ missing: String) -> String {
        let here = arrival.files.count - arrival.unfinished.count
        return "waiting: \(here) of \(arrival.files.count) files (\(HumanText.bytes(arrival.byteCount))) are here; "
            + missing
    }
}

import ArgumentParser
import MoedDaemon
import MoedTools

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "What caches of experts would have done with a recorded routing.",
        discussion: """
            FILE is written by `moed run --trace-routing FILE` or `moed generate --trace-routing FILE`: which experts
            each layer of each sweep used. Policies: lru (least recently used), lfu (least often used, by decayed
            counts), pinned (a set that changes slowly, others pass by), moed (what the engine runs: pinned while
            sweeps use more than fits, else recency with admission by frequency), belady (knows the future: no policy
            has more hits).

            Example:
              moed replay jobs.routing --cache 25%,50% --policy lru,lfu,pinned,moed,belady --plot hits.svg
            """)

    @Argument(help: "Recorded routing.")
    var file: String

    @Option(help: "Parts of all experts that can be kept.")
    var cache = "25%,50%,75%"

    @Option(help: "Policies to compare.")
    var policy = Replay.policyWords

    @Option(help: "Draw hit rates at 5…100 % to this SVG file.")
    var plot: String?

    func run() async throws {
        try await CommandExit.translate {
            try Replay.run(file, cache: cache, policy: policy, plot: plot)
        }
    }
}

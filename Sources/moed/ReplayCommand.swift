import ArgumentParser
import MoedDaemon
import MoedTools

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Compare cache policies for experts on a recorded routing.",
        discussion: """
            FILE comes from `moed run --trace-routing FILE` or `moed generate --trace-routing FILE`. It holds the \
            experts that each layer of each sweep used. The output has hit rate and bytes read for each policy:
              lru      least recently used
              lfu      least frequently used, with decayed counts
              pinned   a fixed set that changes slowly
              moed     the policy of the engine: pinned while sweeps use more than fits, otherwise
                       recency with admission by frequency
              belady   the best possible, which knows the future

            Example:
              moed replay jobs.routing --cache 25%,50% --policy lru,lfu,pinned,moed,belady --plot hits.svg
            """)

    @Argument(help: "File with the recorded routing.")
    var file: String

    @Option(help: "Cache sizes, as parts of all experts.")
    var cache = "25%,50%,75%"

    @Option(help: "Policies to compare.")
    var policy = Replay.policyWords

    @Option(help: "Draw the hit rates at 5…100 % to this SVG file.")
    var plot: String?

    func run() async throws {
        try await CommandExit.translate {
            try Replay.run(file, cache: cache, policy: policy, plot: plot)
        }
    }
}

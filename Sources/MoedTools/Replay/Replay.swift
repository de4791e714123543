import MoedCore
import MoedHost
import MoedEngine
package import MoedLocal
import MoedWeights

/// `moed replay`: simulates expert caches on a recorded routing.
package enum Replay {
    /// Prints a table, and writes a plot when `plot` is set.
    ///
    /// - Parameters:
    ///   - cache: cache sizes as shares of all experts, like `25%,50%`.
    ///   - policy: names of policies, like `lru,moed`.
    ///   - plot: path for an SVG of hit rates at 5…100 %; nil writes none.
    /// - Throws: `ConfigurationProblem` or `EngineError` naming file or option, and reason.
    package static func run(
        _ path: String, cache: String, policy: String, plot: String?
    ) throws {
        let (shares, policies) = (try shares(cache), try self.policies(policy))
        let trace = try RoutingTrace(try WholeFile.read(path, bytesMax: 1 << 32), path: path)
        for line in report(trace, shares: shares, policies: policies) { print(line) }
        guard let plot else { return }
        let curves = policies.map { policy in
            HitRatePlot.Curve(
                name: policy.word,
                points: stride(from: 5, through: 100, by: 5).map {
                    (Double($0), RoutingReplay(trace, policy, capacity: capacity(trace, $0)).hitRate)
                })
        }
        try WholeFile.write(plot, Array(HitRatePlot(curves: curves).svg.utf8))
    }

    package static let policyWords = RoutingReplay.Policy.words.joined(separator: ",")

    package static func shares(_ text: String) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
            guard word.hasSuffix("%"), let share = Int(word.dropLast()), (0...100).contains(share) else {
                throw ConfigurationProblem("--cache: “\(word)” is no part like 25%")
            }
            return share
        }
    }

    package static func policies(_ text: String) throws -> [RoutingReplay.Policy] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
            guard let policy = RoutingReplay.Policy(String(word)) else {
                throw ConfigurationProblem("--policy: “\(word)” is none of \(policyWords)")
            }
            return policy
        }
    }

    private static func capacity(_ trace: RoutingTrace, _ share: Int) -> Int {
        trace.header.layers * trace.header.perLayer * share / 100
    }

    package static func report(
        _ trace: RoutingTrace, shares: [Int], policies: [RoutingReplay.Policy]
    ) -> [String] {
        let header = trace.header
        let sweeps = max(1, trace.sweeps)
        let used = trace.visits.reduce(0) { $0 + $1.experts.count }
        var table = TextTable(header: ["policy", "cache", "experts", "hits", "GB read", "MB a sweep"])
        for share in shares {
            for policy in policies {
                let replay = RoutingReplay(trace, policy, capacity: capacity(trace, share))
                let bytes = Double(replay.misses) * Double(header.expertByteCount)
                table.add([
                    policy.word, "\(share) %", "\(replay.capacity)",
                    "\(HumanText.figure(replay.hitRate * 100)) %", HumanText.figure(bytes / 1e9),
                    HumanText.figure(bytes / Double(sweeps) / 1e6),
                ])
            }
        }
        return [
            "\(trace.sweeps) sweeps, \(header.layers) layers of \(header.perLayer) experts "
                + "(\(HumanText.bytes(header.expertByteCount)) each); a sweep uses "
                + "\(HumanText.figure(Double(used) / Double(sweeps))) of \(header.layers * header.perLayer)", "",
        ] + table.lines
    }
}

import MoedCore
import MoedPreparation
import MoedRemote
import MoedRemoteHTTP
import MoedText

/// Probes endpoints for `moed check`: what they serve, and what follows from it.
package enum EndpointCheck {
    package struct Line: Sendable {
        package var name: String
        package var isGood: Bool
        package var text: String
    }

    private static let patience = Duration.seconds(30)

    /// - Parameter directory: the model's, with its tokenizer.
    /// - Throws: `EngineError` or `TextError` when the tokenizer cannot be read.
    package static func lines(_ endpoints: [EndpointSettings], directory: String) async throws -> [Line] {
        guard !endpoints.isEmpty else { return [] }
        let text = try TextSide(directory: directory)
        let prompt = text.tokenizer.encode("1 + 1 =")
        let transport = HTTPTransport(endpoints.map(\.address))
        var lines: [Line] = []
        for (index, endpoint) in endpoints.map(\.endpoint).enumerated() {
            let probe = Probe(endpoint, index: index, prompt: prompt, vocabularySize: text.vocabularySize)
            lines.append(line(endpoint, await result(of: probe, transport), context: text.contextLength))
        }
        await transport.shutdown()
        return lines
    }

    /// Runs a probe to its end, at most for `patience`.
    private static func result(of probe: Probe, _ transport: HTTPTransport) async -> Probe.Step {
        let (steps, continuation) = AsyncStream.makeStream(of: Probe.Step.self)
        let work = Task {
            var probe = probe
            var request: TransportRequest? = probe.first
            while let next = request {
                request = nil
                let (events, feed) = AsyncStream.makeStream(of: TransportEvent.self)
                async let sending: Void = transport.send(next) { feed.yield($0) }
                for await event in events {
                    guard let step = probe.take(event) else { continue }
                    if case .send(let following) = step { request = following } else { continuation.yield(step) }
                    break
                }
                _ = await sending
            }
            continuation.finish()
        }
        let timer = Task {
            try await Task.sleep(for: patience)
            continuation.yield(.failed(.broken(.stalled(hasBegun: false))))
        }
        defer {
            work.cancel()
            timer.cancel()
        }
        for await step in steps { return step }
        return .failed(.broken(.cut))
    }

    private static func line(_ endpoint: Endpoint, _ step: Probe.Step, context: Int) -> Line {
        guard case .good(let facts) = step else {
            guard case .failed(let ending) = step else { return Line(name: endpoint.name, isGood: false, text: "") }
            return Line(name: endpoint.name, isGood: false, text: "\(endpoint.name): \(reason(ending, endpoint))")
        }
        if endpoint.api == .chat {
            let budget = endpoint.thinkingBudget.map { "a thinking budget goes to \($0.joined(separator: "."))" }
            let parts = [
                facts.contextLength.map { "context \($0)" } ?? "context unknown",
                "text and the provider's counts: no checkpoints",
                budget ?? "jobs with a thinking budget do not run there",
            ]
            return Line(
                name: endpoint.name, isGood: true, text: "\(endpoint.name): ok: \(parts.joined(separator: ", "))")
        }
        let length = facts.contextLength.map { "context \($0)\($0 < context ? " (the model's is \(context))" : "")" }
        let parts = [
            length ?? "context unknown", "token ids in streams",
            facts.tellsCounts
                ? "counts in each event: checkpoints while a request runs"
                : "counts only at the end: checkpoints between requests",
            facts.tellsCached ? "cached tokens told" : "cached tokens not told",
        ]
        return Line(name: endpoint.name, isGood: true, text: "\(endpoint.name): ok: \(parts.joined(separator: ", "))")
    }

    private static func reason(_ ending: Ending, _ endpoint: Endpoint) -> String {
        switch Verdict(ending, api: endpoint.api).endpoint {
        case .unusable(let reason): reason
        case .busy: "it refuses load"
        case .healthy, .suspect, .down: "no good answer (\(Verdict(ending, api: endpoint.api).kind?.rawValue ?? ""))"
        }
    }
}

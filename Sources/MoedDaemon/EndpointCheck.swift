import MoedCore
import MoedLocal
import MoedPreparation
import MoedRemote
import MoedRemoteHTTP
import MoedSettings
import MoedText

/// Probes endpoints for `moed check`: what they serve, and what follows from it.
enum EndpointCheck {
    struct Line: Sendable {
        var name: String
        var isGood: Bool
        var text: String
    }

    private static let patience = Duration.seconds(30)

    /// - Throws: `EngineError` or `TextError` when the tokenizer cannot be read.
    static func lines(_ settings: Settings) async throws -> [Line] {
        guard !settings.endpoints.isEmpty else { return [] }
        let text = try TextSide(directory: settings.model.directory)
        let prompt = text.tokenizer.encode("1 + 1 =")
        let transport = HTTPTransport(settings.endpoints.map(\.address))
        var lines: [Line] = []
        for (index, endpoint) in settings.endpoints.map(\.endpoint).enumerated() {
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

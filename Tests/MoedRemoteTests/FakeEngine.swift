import MoedBatching
import MoedCore

@testable import MoedRemote

/// An engine by arithmetic behind the API of vLLM: the next token is a function of all tokens before it, so that any
/// cut and continuation gives the same tokens. Each request may meet a fault.
struct FakeEngine {
    enum Fault: CaseIterable {
        case none, refuse, busy, busyWithPause, serverError, page, cutAtOnce, cutInStream, errorEvent, doneEarly
        case stallAtOnce, stallInStream, malformed, twice, lost, okWithError, abort
    }

    static let vocabulary = 64
    static let end: TokenID = 60
    static let close: TokenID = 61

    static func next(after tokens: [TokenID]) -> TokenID {
        var hash: UInt64 = 17
        for token in tokens { hash = hash &* 31 &+ UInt64(truncatingIfNeeded: token) }
        var generator = SplitMix(seed: hash)
        let draw = TokenID(generator.next() % 48)
        return draw == 7 ? close : draw == 9 ? end : draw
    }

    /// The response to a request; without an end when the engine hangs.
    static func answer(_ request: TransportRequest, _ fault: Fault, tellsCounts: Bool = true, cut: Int = 3) -> [TransportEvent] {
        guard let body = request.body, let value = try? JSONValue(parsing: body) else {
            if request.path == "/metrics" { return [.head(ResponseHead(status: 404)), .ended] }
            return fault == .refuse ? [.failed(.unreachable("x"))] : models
        }
        switch fault {
        case .refuse: return [.failed(.unreachable("x"))]
        case .busy: return status(503)
        case .busyWithPause: return status(429, retryAfter: "2")
        case .serverError: return status(500)
        case .page: return [.head(ResponseHead(status: 502, contentType: "text/html")), .bytes(Array("<p>".utf8)), .ended]
        case .cutAtOnce: return [.failed(.cut("x"))]
        case .stallAtOnce: return [stream]
        case .okWithError: return [.head(ResponseHead(status: 200, contentType: "application/json")), .bytes(Array("{\"error\":{\"message\":\"no\"}}".utf8)), .ended]
        default: break
        }
        let (events, ids) = events(value, tellsCounts)
        let at = min(cut, max(0, ids.count - 1))
        let begin = [stream] + events.prefix(at)
        switch fault {
        case .cutInStream: return begin + [.failed(.cut("x"))]
        case .errorEvent: return begin + [data("{\"error\":{\"message\":\"died\",\"code\":500}}"), data("[DONE]"), .ended]
        case .doneEarly: return begin + [data("[DONE]"), .ended]
        case .stallInStream: return begin
        case .malformed: return begin + [data("{\"choices\":[{")]
        case .twice: return [stream] + events.prefix(at + 1) + events.dropFirst(at)
        case .lost: return begin + events.dropFirst(at + 1)
        case .abort: return begin + [data("{\"choices\":[{\"index\":0,\"token_ids\":[],\"finish_reason\":\"abort\"}]}"), .ended]
        default: return [stream] + events
        }
    }

    private static func events(_ value: JSONValue, _ tellsCounts: Bool) -> (events: [TransportEvent], ids: [TokenID]) {
        let prompt = (value["prompt"]?.array ?? []).compactMap { $0.integer.map(TokenID.init) }
        let stops = Set((value["stop_token_ids"]?.array ?? []).compactMap { $0.integer.map(TokenID.init) })
        var tokens = prompt
        var events: [TransportEvent] = []
        let most = value["max_tokens"]?.integer ?? 16
        for count in 1...max(1, most) {
            let token = next(after: tokens)
            tokens.append(token)
            let finish = stops.contains(token) ? "\"stop\"" : count == most ? "\"length\"" : "null"
            let usage = tellsCounts ? ",\"usage\":{\"prompt_tokens\":\(prompt.count),\"completion_tokens\":\(count)}" : ""
            events.append(
                data("{\"choices\":[{\"index\":0,\"text\":\"x\",\"finish_reason\":\(finish),\"token_ids\":[\(token)]}]\(usage)}"))
            if finish != "null" { break }
        }
        let count = events.count
        events.append(data("{\"choices\":[],\"usage\":{\"prompt_tokens\":\(prompt.count),\"completion_tokens\":\(count),\"prompt_tokens_details\":{\"cached_tokens\":1}}}"))
        events += [data("[DONE]"), .ended]
        return (events, Array(tokens.dropFirst(prompt.count)))
    }

    private static let stream = TransportEvent.head(ResponseHead(status: 200, contentType: "text/event-stream"))
    private static let models: [TransportEvent] = [
        .head(ResponseHead(status: 200, contentType: "application/json")),
        .bytes(Array("{\"object\":\"list\",\"data\":[{\"id\":\"m\",\"max_model_len\":512}]}".utf8)), .ended,
    ]
    private static func data(_ json: String) -> TransportEvent { .bytes(Array("data: \(json)\n\n".utf8)) }
    private static func status(_ status: Int, retryAfter: String? = nil) -> [TransportEvent] {
        [.head(ResponseHead(status: status, retryAfter: retryAfter, contentType: "application/json")), .bytes(Array("{\"error\":{\"message\":\"x\"}}".utf8)), .ended]
    }
}

/// A task of the fake engine's model.
enum FakeTask {
    private struct Words: TokenTextStream {
        mutating func append(_ token: TokenID) -> String { "\(token) " }
        mutating func finish() -> String { "" }
    }

    static func make(_ id: Int, newTokens: Int = 40, budget: Int? = nil, choices: Int = 1) -> GenerationTask {
        var task = GenerationTask(
            job: JobID(Int64(id)), jobClass: JobClass(model: "m", mode: .thinking, bucket: 6),
            prompt: [1, 2, TokenID(id % 40)], newTokensMax: newTokens, makeTextStream: { Words() })
        task.stopIDs = [FakeEngine.end]
        task.sampling.seed = UInt64(id)
        task.choices = choices
        task.thinking = ThinkingPolicy(
            isEnabled: true, startsOpen: true, openID: 62, closeID: FakeEngine.close, budget: budget,
            injection: [50, FakeEngine.close])
        return task
    }

    /// The result of a run without faults and requests: the same tokens, fed one by one.
    static func expected(_ task: GenerationTask) -> GenerationResult? {
        var job = SegmentedJob(task)
        for choice in 0..<task.choices {
            while let segment = job.begin(choice) {
                var tokens = segment.prompt
                for _ in 0..<segment.tokensMax {
                    tokens.append(FakeEngine.next(after: tokens))
                    guard job.accept(tokens[tokens.count - 1], choice: choice) == .goesOn else { break }
                }
            }
        }
        return job.result()
    }
}

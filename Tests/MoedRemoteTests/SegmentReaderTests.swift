import MoedCore
import Testing

@testable import MoedRemote

/// Each state of a response: what counts as received, and how it ended.
struct SegmentReaderTests {
    private static let prompt: [TokenID] = [1, 2]

    private static func reader() -> SegmentReader {
        SegmentReader(prompt: prompt, tokensMax: 3, vocabularySize: 100)
    }

    private static let stream = TransportEvent.head(ResponseHead(status: 200, contentType: "text/event-stream"))

    private static func event(_ json: String) -> TransportEvent { .bytes(Array("data: \(json)\n\n".utf8)) }

    /// An event as vLLM writes it.
    private static func tokens(_ ids: [Int], count: Int?, finish: String? = nil) -> TransportEvent {
        let usage = count.map { ",\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":\($0),\"total_tokens\":9}" } ?? ""
        let reason = finish.map { "\"\($0)\"" } ?? "null"
        return event(
            "{\"choices\":[{\"index\":0,\"text\":\"x\",\"finish_reason\":\(reason),\"token_ids\":\(ids)}]\(usage)}")
    }

    private static func usage(_ count: Int) -> TransportEvent {
        event(
            "{\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":\(count),\"prompt_tokens_details\":{\"cached_tokens\":1}}}")
    }

    private static let done = event("[DONE]")

    private static func read(_ events: [TransportEvent]) -> (tokens: [TokenID], ending: Ending?) {
        var reader = reader()
        var tokens: [TokenID] = []
        var ending: Ending?
        for signal in events.flatMap({ reader.take($0) }) {
            switch signal {
            case .tokens(let new): tokens += new
            case .ended(let end):
                #expect(ending == nil, "a response ends once")
                ending = end
            }
        }
        return (tokens, ending)
    }

    private static let good = Ending.finished(.length, usage: ReportedUsage(prompt: 2, completion: 3))

    private static let table: [(name: String, events: [TransportEvent], tokens: [TokenID], ending: Ending?)] = [
        ("one token an event", [stream, tokens([5], count: 1), tokens([6], count: 2), tokens([7], count: 3, finish: "length"), done], [5, 6, 7], good),
        ("several in one", [stream, tokens([5, 6, 7], count: 3, finish: "length"), done], [5, 6, 7], good),
        ("usage after the finish", [stream, tokens([5, 6, 7], count: nil, finish: "length"), usage(3), done], [5, 6, 7], .finished(.length, usage: ReportedUsage(prompt: 2, completion: 3, cached: 1))),
        ("no usage at all", [stream, tokens([5], count: nil, finish: "stop"), .ended], [5], .finished(.stop, usage: nil)),
        ("cut after the finish", [stream, tokens([5], count: 1, finish: "stop"), .failed(.cut(""))], [5], .finished(.stop, usage: ReportedUsage(prompt: 2, completion: 1))),
        ("end of file without a finish", [stream, tokens([5], count: 1), .ended], [5], .broken(.cut)),
        ("done without a finish", [stream, tokens([5], count: 1), done], [5], .broken(.cut)),
        ("reset", [stream, tokens([5], count: 1), .failed(.cut(""))], [5], .broken(.cut)),
        ("reset before a head", [.failed(.cut(""))], [], .broken(.cut)),
        ("refused", [.failed(.unreachable("x"))], [], .unreachable("x")),
        ("bad certificate", [.failed(.insecure("x"))], [], .insecure("x")),
        ("an error event, then done", [stream, tokens([5], count: 1), event("{\"error\":{\"message\":\"EngineCore\",\"type\":\"InternalServerError\",\"code\":500}}"), done], [5], .broken(.serverError(ServerError(message: "EngineCore", type: "InternalServerError", code: "500")))),
        ("aborted", [stream, tokens([5], count: 1, finish: "abort")], [5], .broken(.foreignFinish("abort"))),
        ("content filter", [stream, tokens([], count: 0, finish: "content_filter")], [], .broken(.contentFilter)),
        ("no JSON", [stream, event("{\"choices\":["), done], [], .broken(.malformed("an event is no JSON object"))),
        ("a list", [stream, event("[1]")], [], .broken(.malformed("an event is no JSON object"))),
        ("a number for choices", [stream, event("{\"choices\":1}")], [], .broken(.malformed("an event has no choices, or several"))),
        ("bad token ids", [stream, event("{\"choices\":[{\"index\":0,\"token_ids\":[-1]}]}")], [], .broken(.malformed("token_ids is no list of token ids"))),
        ("another choice", [stream, event("{\"choices\":[{\"index\":1,\"token_ids\":[5]}]}")], [], .broken(.malformed("an event is of a choice that was not asked for"))),
        ("an event twice", [stream, tokens([5], count: 1), tokens([5], count: 1), done], [5], .broken(.countsDiffer)),
        ("an event lost", [stream, tokens([5], count: 1), tokens([7], count: 3)], [5], .broken(.countsDiffer)),
        ("twice, seen at the end", [stream, tokens([5], count: nil), tokens([5], count: nil, finish: "stop"), usage(1), done], [5, 5], .broken(.countsDiffer)),
        ("tokens after the finish", [stream, tokens([5], count: 1, finish: "stop"), tokens([6], count: 2)], [5], .broken(.countsDiffer)),
        ("text without ids", [stream, event("{\"choices\":[{\"index\":0,\"text\":\"x\"}]}")], [], .broken(.noTokens("it returns no token ids"))),
        ("another prompt", [stream, event("{\"choices\":[{\"index\":0,\"text\":\"\",\"prompt_token_ids\":[1,3],\"token_ids\":[5]}]}")], [], .broken(.noTokens("it reads the prompt with other token ids"))),
        ("an id beyond the vocabulary", [stream, tokens([100], count: 1)], [], .broken(.noTokens("token id 100 is beyond the model's vocabulary of 100"))),
        ("more than asked for", [stream, tokens([1, 2, 3, 4, 5], count: 5)], [], .broken(.tooLarge("more tokens than max_tokens"))),
        ("429", [.head(ResponseHead(status: 429, retryAfter: "3", contentType: "application/json")), .bytes(Array("{\"error\":{\"message\":\"slow\",\"code\":null}}".utf8)), .ended], [], .status(429, ServerError(message: "slow"), retryAfter: "3")),
        ("a page of a proxy", [.head(ResponseHead(status: 502, contentType: "text/html")), .bytes(Array("<html>".utf8)), .ended], [], .status(502, ServerError(message: ""), retryAfter: nil)),
        ("200 with an error", [.head(ResponseHead(status: 200, contentType: "application/json")), .bytes(Array("{\"error\":\"no\"}".utf8)), .ended], [], .broken(.serverError(ServerError(message: "no")))),
        ("200 with a page", [.head(ResponseHead(status: 200, contentType: "text/html")), .bytes(Array("<html>".utf8)), .ended], [], .broken(.malformed("the answer is no stream of events"))),
        ("unknown path", [.head(ResponseHead(status: 404, contentType: "application/json")), .bytes(Array("{\"detail\":\"Not Found\"}".utf8)), .ended], [], .status(404, ServerError(message: "Not Found"), retryAfter: nil)),
        ("not ended", [stream, tokens([5], count: 1)], [5], nil),
    ]

    @Test(arguments: table.indices)
    func aResponseIsRead(index: Int) {
        let row = Self.table[index]
        let (tokens, ending) = Self.read(row.events)
        #expect(tokens == row.tokens, "\(row.name)")
        #expect(ending == row.ending, "\(row.name)")
    }

    @Test func aStalledResponseIsBroken() {
        var reader = Self.reader()
        let stalled = reader.stall()
        #expect(stalled == .broken(.stalled(hasBegun: false)))
        var begun = Self.reader()
        _ = [Self.stream, Self.tokens([5], count: 1)].map { begun.take($0) }
        #expect(begun.isProven)
        let broken = begun.stall()
        #expect(broken == .broken(.stalled(hasBegun: true)))
        let late = begun.take(Self.tokens([6], count: 2))
        #expect(late.isEmpty)
    }

    @Test func onlyCountedTokensAreProven() {
        var reader = Self.reader()
        _ = [Self.stream, Self.tokens([5], count: nil)].map { reader.take($0) }
        #expect(!reader.isProven)
    }

    @Test func errorBodiesAreBounded() {
        var reader = Self.reader()
        _ = reader.take(.head(ResponseHead(status: 500)))
        for _ in 0..<100 { _ = reader.take(.bytes([UInt8](repeating: 65, count: 1 << 16))) }
        let end = reader.take(.ended)
        #expect(end == [.ended(.status(500, ServerError(message: ""), retryAfter: nil))])
    }
}

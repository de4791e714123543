import MoedCore
import Testing

@testable import MoedRemote

/// The table of endings: what each means for the job and for the endpoint.
struct VerdictTests {
    private static func status(_ status: Int, _ message: String = "", type: String? = nil, code: String? = nil, param: String? = nil) -> Ending {
        .status(status, ServerError(message: message, type: type, code: code, param: param), retryAfter: "7")
    }

    private enum Place {
        case healthy, busy, suspect, down, unusable
    }

    private static let table: [(Ending, Verdict.ForJob?, Place, Verdict.Kind?)] = [
        (.finished(.stop, usage: nil), .goesOn, .healthy, nil),
        (.finished(.length, usage: nil), .goesOn, .healthy, nil),
        (status(429), .continues, .busy, .busy), (status(503), .continues, .busy, .busy),
        (status(529), .continues, .busy, .busy),
        (status(408), .continues, .busy, .stalled), (status(504), .continues, .busy, .stalled),
        (status(401), .continues, .unusable, .credential), (status(403), .continues, .unusable, .credential),
        (status(402), .continues, .unusable, .credit),
        (status(404, "The model `x` does not exist.", type: "NotFoundError"), .continues, .unusable, .model),
        (status(404, "Not Found"), .continues, .unusable, .path), (status(405), .continues, .unusable, .path),
        (status(301), .continues, .unusable, .path), (status(308), .continues, .unusable, .path),
        (status(500, "EngineCore died"), .continuesAtRisk, .suspect, .server),
        (status(502), .continuesAtRisk, .suspect, .server),
        (status(204), .continuesAtRisk, .suspect, .malformed),
        (status(400, "bad"), nil, .healthy, .request), (status(413), nil, .healthy, .request),
        (status(422, "x", param: "temperature"), nil, .healthy, .request),
        (.unreachable("x"), .continues, .down, .unreachable), (.insecure("x"), .continues, .unusable, .tls),
        (.broken(.cut), .continuesAtRisk, .suspect, .cut),
        (.broken(.serverError(ServerError(message: "x"))), .continuesAtRisk, .suspect, .server),
        (.broken(.serverError(ServerError(message: "x", code: "429"))), .continues, .busy, .busy),
        (.broken(.stalled(hasBegun: false)), .continues, .down, .stalled),
        (.broken(.stalled(hasBegun: true)), .continuesAtRisk, .down, .stalled),
        (.broken(.contentFilter), nil, .healthy, .filter),
        (.broken(.foreignFinish("abort")), .continuesAtRisk, .suspect, .server),
        (.broken(.foreignStop), .startsSegmentAgain, .unusable, .tokens),
        (.broken(.clamped), .continuesAtRisk, .suspect, .clamped),
        (.broken(.malformed("x")), .continuesAtRisk, .suspect, .malformed),
        (.broken(.countsDiffer), .startsSegmentAgain, .suspect, .counts),
        (.broken(.noTokens("x")), .startsSegmentAgain, .unusable, .tokens),
        (.broken(.tooLarge("x")), .startsSegmentAgain, .suspect, .malformed),
    ]

    @Test(arguments: table.indices)
    func eachEndingHasItsRow(index: Int) {
        let (ending, job, place, kind) = Self.table[index]
        let verdict = Verdict(ending, api: .tokens)
        if let job {
            #expect(verdict.job == job)
        } else if case .refused = verdict.job {
        } else {
            Issue.record("\(ending) must refuse the request")
        }
        let found: Place =
            switch verdict.endpoint {
            case .healthy: .healthy
            case .busy: .busy
            case .suspect: .suspect
            case .down: .down
            case .unusable: .unusable
            }
        #expect(found == place, "\(ending)")
        #expect(verdict.kind == kind, "\(ending)")
    }

    @Test func everyStatusHasARow() {
        for status in 100..<600 { _ = Verdict(Self.status(status), api: .chat) }
    }

    @Test func aTooLongPromptIsNamed() {
        for ending in [
            Self.status(400, "x", param: "max_tokens"), Self.status(413),
            Self.status(400, "This model's maximum context length is 2048 tokens."),
            Self.status(400, code: "context_length_exceeded"),
        ] {
            guard case .refused(let error) = Verdict(ending, api: .tokens).job else {
                Issue.record("\(ending)")
                continue
            }
            #expect(error.code == .contextLengthExceeded)
        }
    }

    @Test func retryAfterIsReadAndBounded() {
        #expect(RetryAfter.pause("3", unixTime: 0) == .seconds(3))
        #expect(RetryAfter.pause(" 0.25 ", unixTime: 0) == .milliseconds(250))
        #expect(RetryAfter.pause("-5", unixTime: 0) == .zero)
        #expect(RetryAfter.pause("1e300", unixTime: 0) == .seconds(300))
        #expect(RetryAfter.pause("soon", unixTime: 0) == nil)
        #expect(RetryAfter.pause("nan", unixTime: 0) == nil)
        #expect(RetryAfter.pause("Sun, 06 Nov 1994 08:49:37 GMT", unixTime: 784_111_777 - 20) == .seconds(20))
        #expect(RetryAfter.pause("Sun, 06 Nov 1994 08:49:37 GMT", unixTime: 784_111_777 + 20) == .zero)
        #expect(RetryAfter.pause("Thu, 29 Feb 2024 00:00:00 GMT", unixTime: 1_709_164_800 - 1) == .seconds(1))
        #expect(RetryAfter.pause("Sun, 99 Nov 1994 08:49:37 GMT", unixTime: 0) == nil)
        #expect(RetryAfter.pause("Sun, 06 Nov 9999999999999999999 08:49:37 GMT", unixTime: 0) == nil)
    }

    @Test func aBreakerPausesLongerEachTime() {
        var breaker = Breaker()
        #expect(breaker.needsProbe(.zero) && !breaker.isClosed)
        breaker.succeeded(.zero)
        #expect(breaker.isClosed && !breaker.needsProbe(.zero))
        var now = Duration.zero
        var pauses: [Duration] = []
        for _ in 0..<8 {
            breaker.failed("x", now, jitter: 0.5)
            pauses.append(breaker.pause(now))
            #expect(!breaker.needsProbe(now))
            now += breaker.pause(now)
            #expect(breaker.needsProbe(now))
        }
        #expect(pauses == [1, 2, 4, 8, 16, 30, 30, 30].map { .seconds($0) })
        breaker.succeeded(now)
        breaker.failed("x", now, jitter: 0.5)
        #expect(breaker.pause(now) == .seconds(1))
        // A shorter pause does not end a longer one.
        breaker.busy(.seconds(100), now, jitter: 0)
        breaker.failed("x", now, jitter: 0.5)
        #expect(breaker.pause(now) == .seconds(100))
        breaker.clear(now)
        #expect(breaker.needsProbe(now))
    }

    @Test func aSecondBreakWithinAMinuteIsAnOutage() {
        var breaker = Breaker()
        let verdicts = [1, 70, 100].map { breaker.suspect(.seconds($0)) }
        #expect(verdicts == [false, false, true])
    }

    @Test func aWindowFollowsTheLoad() {
        var window = Window(most: nil)
        for _ in 0..<60 { window.succeeded(wasFull: true) }
        #expect(window.limit == 64)
        window.observe(LoadReading(running: 32, waiting: 20))
        // Requests wait there: no more are sent. At the second reading the window shrinks to what runs.
        for _ in 0..<60 { window.succeeded(wasFull: true) }
        #expect(window.limit == 64)
        window.observe(LoadReading(running: 32, waiting: 20))
        #expect(window.limit == 32)
        window.observe(LoadReading(running: 32, waiting: 0))
        for _ in 0..<32 { window.succeeded(wasFull: true) }
        #expect(window.limit == 33)
        window.observe(LoadReading(running: 20, waiting: 0, preemptions: 3))
        #expect(window.limit == 20)
    }

    @Test func metricsAreRead() {
        let text = """
            # HELP vllm:num_requests_running Number of requests
            # TYPE vllm:num_requests_running gauge
            vllm:num_requests_running{engine="0",model_name="a b"} 3.0
            vllm:num_requests_running{engine="1",model_name="a b"} 2.0
            vllm:num_requests_waiting{engine="0",model_name="a b"} 7.0
            vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 7.0
            vllm:num_preemptions_total{engine="0"} 4.0
            nonsense NaN
            """
        #expect(LoadReading(Array(text.utf8)) == LoadReading(running: 5, waiting: 7, preemptions: 4))
        #expect(LoadReading(Array("up 1\n".utf8)) == nil)
        #expect(LoadReading([]) == nil)
        #expect(LoadReading(Array("sglang:num_running_reqs 1e300\nsglang:num_queue_reqs 2\n".utf8)) == LoadReading(running: 0, waiting: 2))
    }

    @Test func aWindowFindsItsSize() {
        var fixed = Window(most: 3)
        #expect(fixed.limit == 3)
        fixed.refused()
        #expect(fixed.limit == 1)
        for _ in 0..<100 { fixed.succeeded(wasFull: true) }
        #expect(fixed.limit == 3)
        var free = Window(most: nil)
        for _ in 0..<12 { free.succeeded(wasFull: true) }
        #expect(free.limit == 16)
        for _ in 0..<12 { free.succeeded(wasFull: false) }
        #expect(free.limit == 16)
        free.refused()
        #expect(free.limit == 8)
        for _ in 0..<8 { free.succeeded(wasFull: true) }
        #expect(free.limit == 9)
        free.restart()
        #expect(free.limit == 1)
        for _ in 0..<5000 { free.succeeded(wasFull: true) }
        #expect(free.limit == 512)
    }
}

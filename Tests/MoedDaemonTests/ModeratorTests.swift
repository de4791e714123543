import MoedCore
import MoedModeration
import MoedRemote
import MoedRemoteHTTP
import Synchronization
import TestSupport
import Testing

/// A moderation endpoint is asked within limits, and its answers are read strictly.
struct ModeratorTests {
    private static func finding(_ text: String) throws(ModerationFault) -> ModerationFinding {
        try ModerationFinding.read(Array("{\"results\": [\(text)]}".utf8), count: 1)[0]
    }

    private static let found = #"{"flagged": true, "categories": {"a": true, "b": false}, "category_scores": {"a": 0.5, "b": 0.25}}"#
    private static let clean = #"{"flagged": false, "categories": {"a": false, "b": false}, "category_scores": {"a": 0.25, "b": 0.125}}"#

    @Test(
        arguments: [
            (found, [], nil, ["a"]), (clean, [], nil, nil), (found, ["a"], nil, ["a"]), (found, ["b"], nil, nil),
            (found, [], 0.25, ["a", "b"]), (found, [], 0.5, ["a"]), (found, [], 0.75, nil), (clean, [], 0.25, ["a"]),
            (found, ["b"], 0.25, ["b"]), (#"{"flagged": true}"#, [], nil, []),
        ] as [(String, Set<String>, Double?, Set<String>?)])
    func findingsAreHits(_ text: String, _ categories: Set<String>, _ threshold: Double?, _ hit: Set<String>?) throws {
        let rule = ContentRule.Moderation(categories: categories, threshold: threshold)
        #expect(try rule.hit(Self.finding(text)) == hit)
    }

    /// A misspelt category would never be found: the rule cannot be asked.
    @Test(arguments: [(Set(["A"]), nil), (Set(["c"]), 0.5), ([], 0.5)] as [(Set<String>, Double?)])
    func whatAnAnswerLacksIsAFault(_ categories: Set<String>, _ threshold: Double?) throws {
        let rule = ContentRule.Moderation(categories: categories, threshold: threshold)
        let finding = try Self.finding(#"{"flagged": true, "categories": {"a": true}}"#)
        #expect(throws: ModerationFault.self) { try rule.hit(finding) }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"results": []}"#, #"{"results": [{}]}"#, #"{"results": [{"flagged": "no"}]}"#,
        #"{"results": [{"flagged": false}, {"flagged": false}]}"#,
    ])
    func otherAnswersAreFaults(_ text: String) {
        #expect(throws: ModerationFault.self) { try ModerationFinding.read(Array(text.utf8), count: 1) }
    }

    @Test func aRequestHasTheTextsAndTheModel() {
        #expect(
            String(decoding: ModerationFinding.body(["a", "b"], model: "m"), as: UTF8.self)
                == #"{"input":["a","b"],"model":"m"}"#)
        #expect(String(decoding: ModerationFinding.body(["a"], model: nil), as: UTF8.self) == #"{"input":["a"]}"#)
    }

    /// A server of the test: it answers by a function of the number of the request.
    private final class Server: Transport {
        private let state = Mutex((requests: 0, live: 0, most: 0))
        let answer: @Sendable (Int) -> [TransportEvent]?

        /// - Parameter answer: nil never answers.
        init(_ answer: @escaping @Sendable (Int) -> [TransportEvent]?) { self.answer = answer }

        var requests: Int { state.withLock { $0.requests } }
        var most: Int { state.withLock { $0.most } }

        func send(_ request: TransportRequest, _ receive: @Sendable (TransportEvent) -> Void) async {
            let number = state.withLock { state in
                state.requests += 1
                state.live += 1
                state.most = max(state.most, state.live)
                return state.requests
            }
            for _ in 0..<20 { await Task.yield() }
            if let events = answer(number) {
                events.forEach(receive)
            } else {
                while !Task.isCancelled { await Task.yield() }
            }
            state.withLock { $0.live -= 1 }
        }

        static func reply(_ text: String, status: Int = 200) -> [TransportEvent] {
            [.head(ResponseHead(status: status)), .bytes(Array("{\"results\": [\(text)]}".utf8)), .ended]
        }
    }

    private final class Switch: Sendable {
        let isOn = Mutex(false)
    }

    private static func moderator(_ server: Server, time: Duration = .seconds(600), inFlight: Int = 2) -> Moderator {
        Moderator(
            ModerationService(address: HTTPEndpoint(url: "http://x"), timeLimit: time, inFlightMax: inFlight),
            transport: server, probeInterval: .milliseconds(1))
    }

    private static func rule(_ id: Int64, failsOpen: Bool = false, _ condition: ContentRule.Moderation = .init()) -> ContentRule {
        ContentRule(
            id: id, name: "r\(id)", sides: [.input], .moderation(condition), action: .fail, failsOpen: failsOpen)
    }

    private static func ask(_ moderator: Moderator, _ rules: [ContentRule]) async throws -> [ContentVerdict] {
        let inquiry = try #require(ContentInquiry(of: rules, for: "t", on: .input, ["text"]))
        return await moderator.verdicts(on: inquiry)
    }

    @Test func verdictsNameTheirCategories() async throws {
        let server = Server { _ in Server.reply(Self.found) }
        let rules = [Self.rule(1), Self.rule(2, .init(categories: ["b"])), Self.rule(3, .init(threshold: 0.2))]
        let verdicts = try await Self.ask(Self.moderator(server), rules)
        #expect(verdicts.map(\.rule.id) == [1, 3] && verdicts.map(\.categories) == [["a"], ["a", "b"]])
        // Rules that name the same model share a request.
        #expect(server.requests == 1)
    }

    @Test func fewRequestsRunAtOnce() async throws {
        let server = Server { _ in Server.reply(Self.clean) }
        let moderator = Self.moderator(server, inFlight: 3)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<30 {
                group.addTask {
                    let verdicts = try await Self.ask(moderator, [Self.rule(1)])
                    #expect(verdicts.isEmpty)
                }
            }
            try await group.waitForAll()
        }
        #expect(server.requests == 30 && server.most <= 3)
    }

    @Test func aRequestIsRepeatedWhileItMayPass() async throws {
        let server = Server { number in number < 3 ? Server.reply("", status: 503) : Server.reply(Self.found) }
        #expect(try await Self.ask(Self.moderator(server), [Self.rule(1)]).map(\.finding) == [.hit])
        #expect(server.requests == 3)
    }

    @Test func aLastingFaultIsNotRepeated() async throws {
        let server = Server { _ in Server.reply("", status: 401) }
        #expect(
            try await Self.ask(Self.moderator(server), [Self.rule(1)]).map(\.finding)
                == [.unknown("the moderation endpoint: it answers with status 401")])
        #expect(server.requests == 1)
    }

    @Test func aSilentServiceIsGivenUp() async throws {
        let server = Server { _ in nil }
        let verdicts = try await Self.ask(Self.moderator(server, time: .milliseconds(20)), [Self.rule(1)])
        #expect(verdicts.map(\.finding) == [.unknown("the moderation endpoint: it has not answered in time")])
        #expect(verdicts.map(\.acts) == [true])
    }

    /// After failures in a row a service is down. Rules that let texts pass ask it no more, until a probe is answered.
    @Test func aServiceThatIsDownIsProbed() async throws {
        let isUp = Switch()
        let server = Server { _ in isUp.isOn.withLock { $0 } ? Server.reply(Self.clean) : [.failed(.unreachable("no"))] }
        let moderator = Self.moderator(server, time: .milliseconds(1))
        for _ in 0..<3 { _ = try await Self.ask(moderator, [Self.rule(1)]) }
        #expect(moderator.isDown)
        let open = try await Self.ask(moderator, [Self.rule(1, failsOpen: true)])
        #expect(open.map(\.acts) == [false])
        isUp.isOn.withLock { $0 = true }
        #expect(try await eventually { !moderator.isDown })
        await moderator.shutdown()
    }
}

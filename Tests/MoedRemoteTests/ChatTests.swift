import MoedBatching
import MoedCore
import Testing

@testable import MoedRemote

/// The level of chats: text and counts are the endpoint's word, and nothing of a broken request is kept.
struct ChatTests {
    /// The answer of a chat: thinking, two pieces of text, the finish, and usage.
    static func answer(
        reasoning: String? = "reasoning", text: [String] = ["\n\n4", "2"], finish: String = "stop", usage: String? = nil
    ) -> [TransportEvent] {
        var events = ["{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}"]
        if let reasoning { events.append("{\"choices\":[{\"index\":0,\"delta\":{\"\(reasoning)\":\"hm\\n\"}}]}") }
        events += text.map { piece in
            "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\(JSONValue.string(piece).serialized())}}]}"
        }
        events.append("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"\(finish)\"}]}")
        if let usage { events.append("{\"choices\":[],\"usage\":\(usage)}") }
        return [.head(ResponseHead(status: 200, contentType: "text/event-stream"))]
            + (events + ["[DONE]"]).map { .bytes(Array("data: \($0)\n\n".utf8)) } + [.ended]
    }

    static let fullUsage = """
        {"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},\
        "completion_tokens_details":{"reasoning_tokens":3},"cost":0.25}
        """

    static func endpoint(_ name: String = "c", budget: [String]? = nil) -> Endpoint {
        var endpoint = Endpoint(name: name, api: .chat, model: "m", maxInFlight: 4)
        endpoint.thinkingSwitch = ["chat_template_kwargs", "enable_thinking"]
        endpoint.thinkingBudget = budget
        return endpoint
    }

    static func task(_ id: Int = 1, budget: Int? = nil, choices: Int = 1, ownField: String? = nil) -> GenerationTask {
        var task = FakeTask.make(id, budget: budget, choices: choices)
        task.chat = ChatInput(
            messages: [["role": "user", "content": "6*7?"]], thinks: true, budget: budget, ownField: ownField)
        return task
    }

    static func world(_ endpoints: [Endpoint], _ answers: [TransportEvent] = answer(usage: fullUsage)) -> RemoteJobsTests.World {
        var world = RemoteJobsTests.World(endpoints)
        world.chat = answers
        for _ in 0..<40 where world.jobs.endpoints.contains(where: { !$0.breaker.isClosed }) { world.step() }
        world.requests = []
        return world
    }

    @Test(arguments: ["reasoning", "reasoning_content"])
    func textAndCountsAreTheEndpointsWord(spelling: String) throws {
        var world = Self.world([Self.endpoint()], Self.answer(reasoning: spelling, usage: Self.fullUsage))
        world.submit(Self.task())
        world.run()
        let result = try #require(world.results[JobID(1)])
        #expect(result.choices == [
            GenerationChoice(index: 0, content: "42", reasoning: "hm", finishReason: .stop, outputIDs: [])
        ])
        #expect(result.told == ToldUsage(prompt: 9, cached: 4, completion: 5, reasoning: 3))
        #expect(result.told?.thinking == 3 && result.told?.answer == 2 && result.told?.total == 14)
        #expect(result.usage == Usage())
        let body = try JSONValue(parsing: try #require(world.requests.first?.body))
        #expect(world.requests.map(\.path) == ["/chat/completions"])
        #expect(body["messages"]?.array?.count == 1 && body["max_tokens"] == 40 && body["prompt"] == nil)
        #expect(body["chat_template_kwargs"]?["enable_thinking"] == true)
        let spending = try #require(world.spent.first)
        #expect(spending.source == .usage && spending.kept == 5 && spending.cost == "0.25" && spending.outcome == "finished")
    }

    /// What is not told is nil: neither zero nor an estimate.
    @Test(arguments: [
        (nil, nil, nil, nil), ("{}", nil, nil, nil), ("{\"completion_tokens\":5}", nil, 5, nil),
        ("{\"prompt_tokens\":-1,\"completion_tokens\":5.5}", nil, nil, nil),
        ("{\"prompt_tokens\":9,\"completion_tokens\":5}", 9, 5, nil),
        ("{\"completion_tokens\":5,\"completion_tokens_details\":{\"reasoning_tokens\":6}}", nil, 5, 6),
    ] as [(String?, Int?, Int?, Int?)])
    func whatIsNotToldIsNil(usage: String?, prompt: Int?, completion: Int?, reasoning: Int?) throws {
        var world = Self.world([Self.endpoint()], Self.answer(usage: usage))
        world.submit(Self.task())
        world.run()
        let told = try #require(world.results[JobID(1)]?.told)
        #expect(told == ToldUsage(prompt: prompt, cached: nil, completion: completion, reasoning: reasoning))
        #expect(told.thinking == nil && told.answer == nil)
        let object = ChatCompletion.object(id: "x", created: 0, model: "m", result: try #require(world.results[JobID(1)]))
        #expect(object["usage"]?["prompt_tokens"] == (prompt.map { .integer(Int64($0)) } ?? .null))
        #expect(object["usage"]?["completion_tokens_details"]?["answer_tokens"] == .null)
    }

    @Test(arguments: [
        (["<think>\nhm\n</think>\n\n42"], "stop", "42", "hm"), (["hm\n</thi", "nk>\n\n42"], "stop", "42", "hm"),
        (["<think>hm"], "length", "", "hm"), (["42"], "stop", "42", nil), ([], "stop", "", nil),
    ] as [([String], String, String, String?)])
    func thinkingIsFoundInTheText(text: [String], finish: String, content: String, reasoning: String?) throws {
        var world = Self.world([Self.endpoint()], Self.answer(reasoning: nil, text: text, finish: finish))
        world.submit(Self.task())
        world.run()
        let choice = try #require(world.results[JobID(1)]?.choices.first)
        #expect(choice.content == content && choice.reasoning == reasoning)
        #expect(choice.finishReason.rawValue == finish)
    }

    @Test func choicesAreRequestsWithSeedsOfTheirOwn() throws {
        var world = Self.world([Self.endpoint()])
        world.submit(Self.task(choices: 3))
        world.run()
        let seeds = world.requests.compactMap { try? JSONValue(parsing: $0.body ?? [])["seed"]?.integer }
        #expect(Set(seeds).count == 3)
        let result = try #require(world.results[JobID(1)])
        #expect(result.choices.count == 3 && result.told?.completion == 15 && result.told?.prompt == 9)
    }

    @Test func aBudgetIsPassedOnOrRefused() throws {
        var world = Self.world([Self.endpoint(budget: ["reasoning", "max_tokens"])])
        world.submit(Self.task(budget: 12))
        world.run()
        let body = try JSONValue(parsing: try #require(world.requests.first?.body))
        #expect(body["reasoning"]?["max_tokens"] == 12)
        var other = Self.world([Self.endpoint()])
        other.submit(Self.task(budget: 12))
        #expect(other.refusals[JobID(1)]?.code == .unsupported)
        #expect(other.refusals[JobID(1)]?.param == "thinking_token_budget")
        // An endpoint with token ids takes it.
        var both = Self.world([Self.endpoint(), RemoteJobsTests.endpoints(1)[0]])
        both.submit(Self.task(budget: 12))
        both.run()
        #expect(both.requests.allSatisfy { $0.endpoint == 1 } && both.results.count == 1)
    }

    @Test func whatOnlyMoedObeysIsRefused() {
        var world = Self.world([Self.endpoint()])
        world.submit(Self.task(1, ownField: "stop_token_ids"))
        var ids = Self.task(2)
        ids.chat = nil
        world.submit(ids)
        #expect(world.refusals[JobID(1)]?.param == "stop_token_ids")
        #expect(world.refusals[JobID(2)]?.param == "prompt_ids")
    }

    /// A request that breaks starts over: nothing of it is in the answer, and all of it was spent.
    @Test(arguments: 1...7)
    func aBrokenRequestStartsOver(cut: Int) throws {
        var world = Self.world([Self.endpoint()])
        world.chat = Array(Self.answer(usage: Self.fullUsage).prefix(cut)) + [.failed(.cut("x"))]
        world.submit(Self.task())
        for _ in 0..<cut { world.step() }
        world.chat = Self.answer(usage: Self.fullUsage)
        world.run()
        #expect(world.results[JobID(1)]?.choices.first?.content == "42")
        let isWhole = cut >= 6
        #expect(world.spent.map(\.outcome) == (isWhole ? ["finished"] : ["cut", "finished"]))
        if !isWhole { #expect(world.spent[0].kept == 0 && world.spent[0].completion == nil) }
        #expect(world.answers == [JobID(1): 1])
    }

    @Test func aFilteredAnswerIsFinal() {
        var world = Self.world([Self.endpoint()], Self.answer(finish: "content_filter", usage: Self.fullUsage))
        world.submit(Self.task())
        world.run()
        #expect(world.refusals[JobID(1)]?.code == .contentFilter)
    }

    /// A job with token ids goes on where they are understood.
    @Test func aJobKeepsItsLevel() throws {
        var world = Self.world([RemoteJobsTests.endpoints(1)[0], Self.endpoint()])
        world.cut = 3
        world.fault = { $0.endpoint == 0 && $0.requestID != nil ? .cutInStream : .none }
        world.submit(Self.task())
        for _ in 0..<6 { world.step() }
        world.fault = { _ in .none }
        world.run()
        #expect(world.results[JobID(1)]?.told == nil && world.results.count == 1)
        #expect(world.requests.allSatisfy { $0.endpoint == 0 })
        // Before the first token either level may run it.
        var fresh = Self.world([RemoteJobsTests.endpoints(1)[0], Self.endpoint()])
        fresh.fault = { $0.endpoint == 0 ? .refuse : .none }
        fresh.submit(Self.task())
        fresh.run()
        #expect(fresh.results[JobID(1)]?.told != nil)
    }
}

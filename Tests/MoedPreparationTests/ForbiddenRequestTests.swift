import MoedBatching
import MoedCore
import MoedPreparation
import MoedText
import TestSupport
import Testing

/// Requests that a rule forbids do not run.
struct ForbiddenRequestTests {
    private let preparer: RequestPreparer

    init() throws { preparer = try RequestPreparerTests().preparer }

    private func prepare(_ body: String, tenant: String = "a", _ rules: [ContentRule]) -> Result<GenerationTask, RequestError> {
        var job = RunnableJob(
            id: JobID(1), jobClass: JobClass(model: "default", mode: .nonThinking, bucket: 5), body: body)
        job.tenantName = tenant
        job.rules = rules
        return preparer.prepare(job, PreparationWork(ProgressCounter(name: "test")))
    }

    private static let rule = ContentRule(
        id: 3, name: "birds", tenant: "a", sides: [.input], .pattern("(?i)heron"), action: .withhold)
    private static let body = #"{"messages": [{"role": "user", "content": "A Heron?"}], "max_tokens": 4}"#

    @Test func aHitRefusesWithItsVerdict() throws {
        guard case .failure(let error) = prepare(Self.body, [Self.rule]) else {
            Issue.record("the request was prepared")
            return
        }
        #expect(error.code == .contentPolicy && error.verdicts == [ContentVerdict(Self.rule, .input, .hit)])
        #expect(!error.message.contains("heron"))
    }

    @Test func tokensOfAPromptAreRead() throws {
        let ids = preparer.text.tokenizer.encode("a heron").map { "\($0)" }.joined(separator: ",")
        guard case .failure(let error) = prepare(#"{"prompt_ids": [\#(ids)], "max_tokens": 4}"#, [Self.rule]) else {
            Issue.record("the request was prepared")
            return
        }
        #expect(error.code == .contentPolicy)
    }

    @Test func otherRequestsRun() throws {
        _ = try prepare(Self.body, tenant: "b", [Self.rule]).get()
        _ = try prepare(Self.body.replacing("Heron", with: "tit"), [Self.rule]).get()
    }
}

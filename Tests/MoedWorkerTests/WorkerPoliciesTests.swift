import Logging
import MoedCore
import MoedQueue
import MoedWorker
import Synchronization
import TestSupport
import Testing

/// Answers and refusals under the rules in force.
@Suite struct WorkerPoliciesTests {
    private static func rule(_ id: Int64, _ pattern: String, _ action: ContentRule.Action) -> ContentRule {
        ContentRule(id: id, name: "r\(id)", sides: [.input, .output], .pattern(pattern), action: action)
    }

    private static func state(_ rules: [ContentRule]) -> WorkerState {
        let state = WorkerState(
            settings: WorkerSettings(conninfo: ""), runner: ScriptedRunner(room: 4), modelName: "m", clock: { .zero })
        state.policies.rules = rules
        for id in 1...4 { state.jobs.claimed(WorkerParts.job(Int64(id), token: 7), at: .zero) }
        return state
    }

    /// Gives an answer to the judge, with the rules of the state in the database.
    @discardableResult
    private static func finish(_ state: WorkerState, _ job: Int64, _ result: GenerationResult) async throws -> AnswerJudge {
        let judge = AnswerJudge(state, report: WorkerReport(), inbox: Inbox(), log: Logger(label: "test"))
        judge.take(JobID(job), result)
        try await judge.judge(ScriptedStore { $0.rules = state.policies.rules })
        return judge
    }

    @Test func aHitWithholdsTheChoiceAndNothingElse() async throws {
        let state = Self.state([Self.rule(5, "heron", .withhold)])
        var result = WorkerParts.result("a blue heron")
        result.choices[0].reasoning = "birds"
        result.choices.append(WorkerParts.result("a tit").choices[0])
        result.choices[1].index = 1
        try await Self.finish(state, 1, result)
        let written = try #require(state.jobs.completions.first)
        #expect(written.finishReason == .contentFilter && written.content.isEmpty && written.reasoning == nil)
        #expect(!written.body.contains("heron") && !written.body.contains("birds") && written.body.contains("a tit"))
        #expect(written.usage == result.usage && !written.isEmpty)
        #expect(written.warnings == ["choice 0 is withheld: the policy “r5” does not allow the answer"])
        let key = try #require(state.policies.verdicts.first?.key)
        #expect(state.policies.verdicts.count == 1 && key.rule == 5 && key.side == "output")
        #expect(key.lease == JobLease(job: JobID(1), token: 7))
    }

    @Test func aHitFailsTheJobAndItsTokensAreWasted() async throws {
        let state = Self.state([Self.rule(5, "heron", .withhold), Self.rule(6, "blue", .fail)])
        try await Self.finish(state, 1, WorkerParts.result("a blue heron"))
        let failure = try #require(state.jobs.failures.first)
        #expect(state.jobs.completions.isEmpty && failure.code == "content_policy" && !failure.retryable)
        #expect(failure.message == "the policy “r6” does not allow the answer")
        #expect(failure.usage == WorkerParts.result().usage)
        #expect(state.policies.verdicts.map(\.key.rule) == [5, 6])
    }

    @Test func otherAnswersPass() async throws {
        let state = Self.state([Self.rule(5, "heron", .fail)])
        try await Self.finish(state, 1, WorkerParts.result("a tit"))
        #expect(state.jobs.completions.map(\.content) == ["a tit"] && state.policies.verdicts.isEmpty)
    }

    @Test func aForbiddenRequestFailsOrEndsEmpty() throws {
        let state = Self.state([])
        func refusal(_ action: ContentRule.Action) -> RequestError {
            let verdict = ContentVerdict(Self.rule(8, "x", action), .input, .hit)
            var error = RequestError(.contentPolicy, verdict.reason)
            error.verdicts = [verdict]
            return error
        }
        state.refused(JobID(1), refusal(.fail), wasted: Usage())
        state.refused(JobID(2), refusal(.withhold), wasted: Usage())
        #expect(state.jobs.failures.map(\.code) == ["content_policy"])
        let written = try #require(state.jobs.completions.first)
        #expect(written.finishReason == .contentFilter && written.content.isEmpty && written.usage == Usage())
        #expect(state.policies.verdicts.map(\.key.side) == ["input", "input"])
    }

    @Test func verdictsAreWrittenOnceAndRulesComeWithTheClaim() async throws {
        let store = ScriptedStore {
            $0.rules = [Self.rule(5, "heron", .withhold)]
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(9)]]
        }
        let state = Self.state([])
        state.worker = WorkerID(1)
        let claimer = JobClaimer(state, report: WorkerReport(), log: Logger(label: "test"))
        try await claimer.claim(store)
        let runner = try #require(state.runner as? ScriptedRunner)
        #expect(runner.now.started.map(\.rules.count) == [1])
        try await Self.finish(state, 9, WorkerParts.result("heron"))
        #expect(state.hasWrites)
        try await state.writeVerdicts(store)
        try await state.writeVerdicts(store)
        #expect(store.now.verdicts.map(\.key.rule) == [5] && state.policies.verdicts.isEmpty)
    }

    @Test func withoutTheRulesNoJobIsClaimed() async throws {
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)]]
            $0.errors["contentRules"] = QueueError(.database, "permission denied")
        }
        let state = Self.state([])
        state.worker = WorkerID(1)
        let claimer = JobClaimer(state, report: WorkerReport(), log: Logger(label: "test"))
        await #expect(throws: QueueError.self) { try await claimer.claim(store) }
        #expect(!store.now.calls.contains("claim"))
    }

    /// A service of the test: it answers as it is told, when it is told.
    private final class Service: ContentInquirer {
        private struct State {
            var asked: [ContentInquiry] = []
            var isFree = false
            var isDown = false
        }

        private let state = Mutex(State())
        let answer: @Sendable (ContentRule) -> ContentVerdict.Finding?

        init(_ answer: @escaping @Sendable (ContentRule) -> ContentVerdict.Finding?) { self.answer = answer }

        var asked: [ContentInquiry] { state.withLock { $0.asked } }
        func free() { state.withLock { $0.isFree = true } }
        func goDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }

        func fault(of rule: ContentRule) -> String? { nil }
        var isDown: Bool { state.withLock { $0.isDown } }
        func verdicts(on inquiry: ContentInquiry) async -> [ContentVerdict] {
            state.withLock { $0.asked.append(inquiry) }
            while !state.withLock({ $0.isFree }) { await Task.yield() }
            return inquiry.rules.compactMap { rule in
                answer(rule).map { ContentVerdict(rule, inquiry.side, $0) }
            }
        }
    }

    private static func asking(_ id: Int64, _ action: ContentRule.Action, tenant: String? = nil) -> ContentRule {
        ContentRule(
            id: id, name: "r\(id)", tenant: tenant, sides: [.input, .output], .moderation(.init()), action: action)
    }

    private static func state(_ rules: [ContentRule], _ service: Service) -> WorkerState {
        let state = WorkerState(
            settings: WorkerSettings(conninfo: ""), runner: ScriptedRunner(room: 4), modelName: "m",
            inquirer: service, clock: { .zero })
        state.policies.rules = rules
        for id in 1...4 { state.jobs.claimed(WorkerParts.job(Int64(id), token: 7), at: .zero) }
        return state
    }

    /// The queue's side works on while a service thinks; the answer is not written before.
    @Test func anAnswerWaitsForTheVerdictOfItsService() async throws {
        let service = Service { $0.id == 6 ? .hit : nil }
        let state = Self.state([Self.asking(5, .fail), Self.asking(6, .withhold)], service)
        let inbox = Inbox()
        let judge = AnswerJudge(state, report: WorkerReport(), inbox: inbox, log: Logger(label: "test"))
        judge.take(JobID(1), WorkerParts.result("a tit"))
        try await judge.judge(ScriptedStore { $0.rules = state.policies.rules })
        #expect(state.jobs.completions.isEmpty && state.jobs.count == 4)
        service.free()
        var events: [Inbox.Event] = []
        #expect(
            try await eventually {
                events += inbox.takeAll()
                return !events.isEmpty
            })
        guard case .judged(let number, let verdicts)? = events.first else {
            Issue.record("no verdict came")
            return
        }
        judge.take(number, verdicts)
        #expect(service.asked.map(\.texts) == [["a tit"]])
        #expect(state.jobs.completions.map(\.finishReason) == [.contentFilter])
        #expect(state.policies.verdicts.map(\.key.rule) == [6])
        // An answer counts once.
        judge.take(number, verdicts)
        #expect(state.jobs.completions.count == 1)
    }

    @Test func aPatternThatFailsTheJobSparesTheService() async throws {
        let service = Service { _ in nil }
        let state = Self.state([Self.asking(5, .fail), Self.rule(6, "heron", .fail)], service)
        let judge = AnswerJudge(state, report: WorkerReport(), inbox: Inbox(), log: Logger(label: "test"))
        judge.take(JobID(1), WorkerParts.result("heron"))
        try await judge.judge(ScriptedStore { $0.rules = state.policies.rules })
        #expect(service.asked.isEmpty && state.jobs.failures.map(\.code) == ["content_policy"])
    }

    /// Jobs whose rules need a service that is down stay in the queue; those of other tenants run.
    @Test func jobsWaitForAServiceThatIsDown() async throws {
        let service = Service { _ in nil }
        for (tenant, claims) in [("default", false), ("other", true)] {
            var owner = ClassBacklog.Tenant(id: 1, weight: 1)
            owner.name = "default"
            let head = ClassBacklog.Head(tenant: 1, urgency: 0, job: JobID(9), age: .zero)
            let waiting = ClassBacklog(
                jobClass: WorkerParts.direct, queued: 1, oldestAge: .zero, heads: [head], tenants: [owner])
            let store = ScriptedStore {
                $0.backlogs = [[waiting], []]
                $0.claims[WorkerParts.direct] = [[WorkerParts.job(9)]]
                $0.rules = [Self.asking(5, .fail, tenant: tenant)]
            }
            service.goDown(true)
            let state = Self.state(store.now.rules, service)
            state.worker = WorkerID(1)
            let claimer = JobClaimer(state, report: WorkerReport(), log: Logger(label: "test"))
            try await claimer.claim(store)
            #expect(store.now.calls.contains("claim") == claims, "\(tenant)")
        }
    }
}

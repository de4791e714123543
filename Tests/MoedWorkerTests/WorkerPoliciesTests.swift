import Logging
import MoedCore
import MoedQueue
import MoedWorker
import TestSupport
import Testing

/// Answers and refusals under the rules in force.
@Suite struct WorkerPoliciesTests {
    private static func rule(_ id: Int64, _ pattern: String, _ action: ContentRule.Action) -> ContentRule {
        ContentRule(id: id, name: "r\(id)", sides: [.input, .output], pattern: pattern, action: action)
    }

    private static func state(_ rules: [ContentRule]) -> WorkerState {
        let state = WorkerState(
            settings: WorkerSettings(conninfo: ""), runner: ScriptedRunner(room: 4), modelName: "m", clock: { .zero })
        state.policies.rules = rules
        for id in 1...4 { state.jobs.claimed(WorkerParts.job(Int64(id), token: 7), at: .zero) }
        return state
    }

    @Test func aHitWithholdsTheChoiceAndNothingElse() throws {
        let state = Self.state([Self.rule(5, "heron", .withhold)])
        var result = WorkerParts.result("a blue heron")
        result.choices[0].reasoning = "birds"
        result.choices.append(WorkerParts.result("a tit").choices[0])
        result.choices[1].index = 1
        state.finished(JobID(1), result)
        let written = try #require(state.jobs.completions.first)
        #expect(written.finishReason == .contentFilter && written.content.isEmpty && written.reasoning == nil)
        #expect(!written.body.contains("heron") && !written.body.contains("birds") && written.body.contains("a tit"))
        #expect(written.usage == result.usage && !written.isEmpty)
        #expect(written.warnings == ["choice 0 is withheld: the policy “r5” does not allow the answer"])
        let key = try #require(state.policies.verdicts.first?.key)
        #expect(state.policies.verdicts.count == 1 && key.rule == 5 && key.side == "output")
        #expect(key.lease == JobLease(job: JobID(1), token: 7))
    }

    @Test func aHitFailsTheJobAndItsTokensAreWasted() throws {
        let state = Self.state([Self.rule(5, "heron", .withhold), Self.rule(6, "blue", .fail)])
        state.finished(JobID(1), WorkerParts.result("a blue heron"))
        let failure = try #require(state.jobs.failures.first)
        #expect(state.jobs.completions.isEmpty && failure.code == "content_policy" && !failure.retryable)
        #expect(failure.message == "the policy “r6” does not allow the answer")
        #expect(failure.usage == WorkerParts.result().usage)
        #expect(state.policies.verdicts.map(\.key.rule) == [5, 6])
    }

    @Test func otherAnswersPass() {
        let state = Self.state([Self.rule(5, "heron", .fail)])
        state.finished(JobID(1), WorkerParts.result("a tit"))
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
        state.finished(JobID(9), WorkerParts.result("heron"))
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
}

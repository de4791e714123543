package import MoedCore
package import MoedRemote
import MoedRemoteHTTP
import Synchronization

/// Asks a moderation endpoint about texts. Few requests run at once, and each has a limit of time.
///
/// After several failures in a row the service counts as down. Then it is asked about a harmless text until it answers.
package final class Moderator: ContentInquirer {
    private static let failuresMax = 3
    private static let probeInterval = Duration.seconds(5)
    private static let pauses = Duration.milliseconds(200) ... .seconds(5)

    private struct Health {
        var failures = 0
        /// Reason of the last failure while the service counts as down.
        var fault: String?
    }

    private let service: ModerationService
    private let transport: any Transport
    private let gate: ModerationGate
    private let health = Mutex(Health())
    private let probe = Mutex<Task<Void, Never>?>(nil)
    private let probeInterval: Duration
    /// Receives lines for the log.
    private let remark: @Sendable (String) -> Void

    /// - Parameter transport: reaches the service as endpoint 0.
    package init(
        _ service: ModerationService, transport: any Transport, probeInterval: Duration? = nil,
        remark: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.service = service
        self.transport = transport
        self.probeInterval = probeInterval ?? Self.probeInterval
        self.remark = remark
        gate = ModerationGate(service.inFlightMax)
    }

    package func fault(of rule: ContentRule) -> String? { nil }

    package var isDown: Bool { health.withLock { $0.fault != nil } }

    /// Ends the requests about the service's health.
    package func shutdown() async {
        let task = probe.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    package func verdicts(on inquiry: ContentInquiry) async -> [ContentVerdict] {
        let asked = inquiry.rules.compactMap { rule in
            if case .moderation(let condition) = rule.condition { (rule, condition) } else { nil }
        }
        var verdicts: [Int64: ContentVerdict] = [:]
        for (model, rules) in Dictionary(grouping: asked, by: { $0.1.model ?? service.model }) {
            // Rules that let texts pass have nothing to wait for.
            let known = rules.allSatisfy { $0.0.failsOpen } ? health.withLock { $0.fault } : nil
            let findings: Result<[ModerationFinding], ModerationFault> =
                if let known { .failure(ModerationFault(known)) } else { await ask(inquiry.texts, model) }
            for (rule, condition) in rules {
                verdicts[rule.id] = Self.verdict(of: rule, condition, inquiry.side, findings)
            }
        }
        return inquiry.rules.compactMap { verdicts[$0.id] }
    }

    private static func verdict(
        of rule: ContentRule, _ condition: ContentRule.Moderation, _ side: ContentRule.Side,
        _ findings: Result<[ModerationFinding], ModerationFault>
    ) -> ContentVerdict? {
        do throws(ModerationFault) {
            var hits: [Set<String>] = []
            for finding in try findings.get() {
                if let hit = try condition.hit(finding) { hits.append(hit) }
            }
            guard !hits.isEmpty else { return nil }
            var verdict = ContentVerdict(rule, side, .hit)
            verdict.categories = hits.reduce(into: Set()) { $0.formUnion($1) }.sorted()
            return verdict
        } catch {
            return ContentVerdict(rule, side, .unknown("the moderation endpoint: \(error.reason)"))
        }
    }

    /// Asks until an answer comes or the time is over.
    private func ask(_ texts: [String], _ model: String?) async -> Result<[ModerationFinding], ModerationFault> {
        await gate.enter()
        let result = await repeatedly(
            ModerationCall(
                transport: transport, body: ModerationFinding.body(texts, model: model), texts: texts.count))
        await gate.leave()
        note(result)
        return result
    }

    private func repeatedly(_ call: ModerationCall) async -> Result<[ModerationFinding], ModerationFault> {
        let end = ContinuousClock.now + service.timeLimit
        var pause = Self.pauses.lowerBound
        while true {
            do throws(ModerationFault) {
                return .success(try await call.answer(within: end - ContinuousClock.now))
            } catch {
                let hasTime = ContinuousClock.now + pause < end
                guard error.mayPass, hasTime, !Task.isCancelled else { return .failure(error) }
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.pauses.upperBound)
        }
    }

    /// Counts failures. Only those count that concern the service and not a text.
    private func note(_ result: Result<[ModerationFinding], ModerationFault>) {
        guard !Task.isCancelled else { return }
        let change = health.withLock { health -> String? in
            guard case .failure(let fault) = result, fault.mayPass else {
                defer { health = Health() }
                return health.fault.map { _ in "the moderation endpoint answers again" }
            }
            health.failures += 1
            guard health.failures >= Self.failuresMax, health.fault == nil else { return nil }
            health.fault = fault.reason
            return "the moderation endpoint is down: \(fault.reason); jobs whose policies need it wait in the queue"
        }
        guard let change else { return }
        remark(change)
        if isDown { startProbe() }
    }

    private func startProbe() {
        probe.withLock { probe in
            probe?.cancel()
            probe = Task { [weak self, probeInterval] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: probeInterval)
                    guard let self, self.isDown else { return }
                    _ = await self.ask(["1 + 1 = 2"], self.service.model)
                }
            }
        }
    }
}

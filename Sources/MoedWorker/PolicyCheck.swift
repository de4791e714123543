package import MoedCore
import MoedPolicy
package import MoedQueue

/// Looks at the rules in force for `moed check`, with the eyes of a worker.
package enum PolicyCheck {
    /// - Returns: number of rules in force, and what is wrong with them.
    package static func rules(in conninfo: String) async throws(QueueError) -> (count: Int, remarks: [String]) {
        let store = try await JobStore.connect(conninfo: conninfo)
        let rules: [ContentRule]
        do throws(QueueError) { rules = try await store.contentRules() } catch {
            await store.close()
            throw error
        }
        await store.close()
        return (rules.count, remarks(on: rules))
    }

    /// What is wrong with rules: the remarks that a worker logs.
    package static func remarks(on rules: [ContentRule]) -> [String] {
        let judge = ContentJudge()
        return rules.compactMap { judge.remark(on: $0) }
    }
}

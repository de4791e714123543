package import MoedCore
import MoedPolicy
package import MoedQueue

/// Looks at the rules in force for `moed check`, with the eyes of a worker.
package enum PolicyCheck {
    /// - Parameter inquirer: asks rules that need a service, about a harmless text.
    /// - Returns: number of rules in force, and remarks on faulty ones.
    package static func rules(
        in conninfo: String, _ inquirer: any ContentInquirer
    ) async throws(QueueError) -> (count: Int, remarks: [String]) {
        let store = try await JobStore.connect(conninfo: conninfo)
        let rules: [ContentRule]
        do throws(QueueError) { rules = try await store.contentRules() } catch {
            await store.close()
            throw error
        }
        await store.close()
        return (rules.count, await remarks(on: rules, inquirer))
    }

    /// Remarks on rules that a worker would log, and on rules whose service does not answer.
    package static func remarks(on rules: [ContentRule], _ inquirer: any ContentInquirer) async -> [String] {
        let judge = ContentJudge()
        var remarks = rules.compactMap { judge.remark(on: $0, inquirer) }
        for rule in rules where judge.remark(on: rule, inquirer) == nil {
            let inquiry = ContentInquiry(
                of: [rule], for: rule.tenant ?? "", on: rule.sides.contains(.input) ? .input : .output, ["1 + 1 = 2"])
            guard let inquiry, case .unknown(let reason) = await inquirer.verdicts(on: inquiry).first?.finding else {
                continue
            }
            remarks.append(ContentJudge.remark(on: rule, reason))
        }
        return remarks
    }
}

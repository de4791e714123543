import MoedCore
import Testing

@Suite struct GroupPolicyTests {
    static let short = JobGroup(model: "m", mode: .thinking, bucket: 8)
    static let long = JobGroup(model: "m", mode: .thinking, bucket: 11)
    static let direct = JobGroup(model: "m", mode: .nonThinking, bucket: 8)
    let policy = GroupPolicy(maxWait: .seconds(60))

    func backlog(_ group: JobGroup, _ queued: Int, _ age: Int) -> GroupBacklog {
        GroupBacklog(group: group, queued: queued, oldestAge: .seconds(age))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var current: JobGroup?
        var short: (queued: Int, age: Int)
        var long: (queued: Int, age: Int)
        var direct: (queued: Int, age: Int)
        var expected: JobGroup?
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "no work", current: short, short: (0, 90), long: (0, 0), direct: (0, 0), expected: nil),
        Case(
            name: "first choice is the oldest", current: nil, short: (5, 1), long: (5, 3), direct: (5, 2),
            expected: long),
        Case(
            name: "stays with its group", current: short, short: (1, 1), long: (99, 30), direct: (9, 59),
            expected: short),
        Case(
            name: "max wait breaks in", current: short, short: (9, 1), long: (1, 2), direct: (1, 60),
            expected: direct),
        Case(
            name: "oldest of two overdue", current: short, short: (9, 61), long: (1, 70), direct: (1, 65),
            expected: long),
        Case(
            name: "same mode next when the group is empty", current: short, short: (0, 0), long: (1, 2),
            direct: (1, 9), expected: long),
        Case(
            name: "other mode when that is all there is", current: short, short: (0, 0), long: (0, 0),
            direct: (1, 0), expected: direct),
    ]

    @Test(arguments: cases) func chooses(_ c: Case) {
        let all = [
            backlog(Self.short, c.short.queued, c.short.age), backlog(Self.long, c.long.queued, c.long.age),
            backlog(Self.direct, c.direct.queued, c.direct.age),
        ]
        #expect(policy.next(after: c.current, among: all) == c.expected)
        #expect(policy.next(after: c.current, among: all.reversed()) == c.expected)
    }
}

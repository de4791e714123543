import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport

/// A connection whose transactions the explorer opens and ends. It waits a short time for locks.
struct ExplorerSession: Sendable {
    let connection: Connection
    let store: JobStore

    static func open(_ database: TestDatabase) async throws -> ExplorerSession {
        var settings = ConnectionSettings(conninfo: database.conninfo, applicationName: "explorer")
        settings.lockTimeout = .milliseconds(20)
        settings.statementTimeout = .seconds(600)
        let connection = try await Connection.connect(settings)
        try await connection.run(script: JobStore.session)
        let takeBack = NamedStatement.all.first { $0.name == "take_back" }?.text ?? ""
        try await connection.run(script: "PREPARE held_take_back (bigint) AS \(takeBack)")
        return ExplorerSession(connection: connection, store: JobStore(connection: connection))
    }

    func close() async { await connection.close() }
}

/// Steps of several sessions in the order in which they run.
struct ExplorerSchedule: Sendable {
    /// Steps of each session, in one transaction.
    var sessions: [[ExplorerStep]]
    /// True where a session's transaction ends in a commit.
    var commits: [Bool]
    /// Session of each step and of each end, in order.
    var order: [Int]

    var description: String {
        let names = zip(sessions, commits).enumerated().map { index, session in
            "\(index): \(session.0.map(\.name).joined(separator: ", ")) \(session.1 ? "commit" : "rollback")"
        }
        return "\(names.joined(separator: "; ")); order \(order)"
    }

    /// Each pair of steps: the second one runs while the first one's transaction is open, which then ends either way.
    static func pairs() -> [ExplorerSchedule] {
        ExplorerStep.all.flatMap { first in
            ExplorerStep.all.flatMap { second in
                [true, false].map { commit in
                    ExplorerSchedule(
                        sessions: [[first], [second]], commits: [commit, true],
                        order: commit ? [0, 1, 1, 0] : [0, 1, 0, 1])
                }
            }
        }
    }

    /// Two to four sessions of one to three steps, and any order of them.
    static func random(_ random: inout SplitMix) -> ExplorerSchedule {
        let sessions = (0..<Int.random(in: 2...4, using: &random)).map { _ in
            (0..<Int.random(in: 1...3, using: &random)).compactMap { _ in ExplorerStep.all.randomElement(using: &random) }
        }
        let order = sessions.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element.count + 1) }
        return ExplorerSchedule(
            sessions: sessions, commits: sessions.map { _ in Int.random(in: 0..<4, using: &random) > 0 },
            order: order.shuffled(using: &random))
    }
}

/// A run of one schedule, step by step.
struct ExplorerRun {
    private struct Progress {
        var next = 0
        var isOpen = false
        /// True after a lock has ended a statement: PostgreSQL has ended the transaction.
        var isBroken = false
        var added: [Int64] = []
    }

    private let scene: ExplorerScene
    private let schedule: ExplorerSchedule
    private let sessions: [ExplorerSession]
    private var progress: [Progress]
    private var committed: [Int64] = []
    /// Steps of workers that met a lock. They are repeated when all transactions have ended.
    private var delayed: [ExplorerStep] = []
    private(set) var problems: [String] = []

    init(_ scene: ExplorerScene, _ schedule: ExplorerSchedule, _ sessions: [ExplorerSession]) {
        self.scene = scene
        self.schedule = schedule
        self.sessions = sessions
        progress = schedule.sessions.map { _ in Progress() }
    }

    /// Runs the schedule and everything that is left.
    mutating func run() async throws {
        for index in schedule.order { try await step(index) }
        let patient = ExplorerSession(connection: sessions[0].connection, store: scene.queue.store)
        for step in delayed {
            let outcome = try await step.run(scene, patient)
            if outcome.isLocked { problems.append("\(step.name) is locked, and no transaction is open") }
        }
        let isPruned = schedule.sessions.joined().contains { $0.name == "prune" }
        problems += try await scene.finish(committed: committed, isPruned: isPruned)
    }

    private mutating func step(_ index: Int) async throws {
        let steps = schedule.sessions[index]
        guard progress[index].next < steps.count else { return try await end(index) }
        let step = steps[progress[index].next]
        progress[index].next += 1
        if progress[index].isBroken { return postpone(step) }
        if !progress[index].isOpen { try await sessions[index].connection.run(script: "BEGIN") }
        progress[index].isOpen = true
        do {
            let outcome = try await step.run(scene, sessions[index])
            progress[index].added += outcome.added
            if outcome.isLocked { meetsLock(step, index) }
        } catch let error as QueueError where error.isHeldUp || error.database?.sqlState == Self.aborted {
            meetsLock(step, index)
        } catch let error as DatabaseError where error.isHeldUp {
            meetsLock(step, index)
        }
        progress[index].isBroken = try await sessions[index].isAborted()
    }

    /// A statement in a transaction that an earlier error has ended.
    private static let aborted = "25P02"

    /// Judges a lock by who may hold it.
    private mutating func meetsLock(_ step: ExplorerStep, _ index: Int) {
        let holders = progress.indices.filter { $0 != index && progress[$0].isOpen }
            .flatMap { schedule.sessions[$0].prefix(progress[$0].next) }.map(\.actor)
        let mayWait = holders.contains { holder in
            switch (step.actor, holder) {
            case (_, .worker), (_, .administrator): true
            case (.client(let mine), .client(let theirs)): mine == theirs
            default: false
            }
        }
        if !mayWait { problems.append("\(step.name) is held up by a client") }
        postpone(step)
    }

    private mutating func postpone(_ step: ExplorerStep) { if step.actor == .worker { delayed.append(step) } }

    private mutating func end(_ index: Int) async throws {
        guard progress[index].isOpen else { return }
        let commits = schedule.commits[index] && !progress[index].isBroken
        try await sessions[index].connection.run(script: commits ? "COMMIT" : "ROLLBACK")
        if commits { committed += progress[index].added }
        progress[index].isOpen = false
    }
}

extension ExplorerSession {
    /// True when an error has ended the session's transaction.
    fileprivate func isAborted() async throws -> Bool {
        do throws(DatabaseError) {
            try await connection.run(script: "SELECT 1")
            return false
        } catch where error.sqlState == "25P02" {
            return true
        }
    }
}

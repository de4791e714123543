package import MoedQueue

/// The end of an attempt, to be written.
package enum PendingWrite: Sendable {
    case completion(JobCompletion)
    case failure(JobFailure)
    case release(JobRelease)

    package var lease: JobLease {
        switch self {
        case .completion(let completion): completion.lease
        case .failure(let failure): failure.lease
        case .release(let release): release.lease
        }
    }
}

/// Writes that met a lock or were refused, each with the time of its next attempt. A value: time is passed in.
///
/// Each is tried alone, so that it holds up no other one. The pause doubles up to a maximum.
package struct DelayedWrites {
    package struct Entry: Sendable {
        package var write: PendingWrite
        /// Time of the first attempt.
        package var since: Duration
        var attempts: Int
        var dueAt: Duration
    }

    private static let firstPause = Duration.milliseconds(200)
    private static let longestPause = Duration.seconds(5)

    package private(set) var entries: [Entry] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    /// Time of the next attempt; nil when nothing waits.
    package var nextDue: Duration? { entries.map(\.dueAt).min() }
    /// Time of the first attempt of the oldest write.
    package var oldest: Duration? { entries.map(\.since).min() }

    package func due(_ now: Duration) -> [Entry] { entries.filter { $0.dueAt <= now } }

    /// Delays a write, or the next attempt of a delayed one.
    package mutating func delay(_ write: PendingWrite, at now: Duration) {
        let index = entries.firstIndex { $0.write.lease == write.lease }
        var entry = index.map { entries.remove(at: $0) } ?? Entry(write: write, since: now, attempts: 0, dueAt: now)
        entry.write = write
        entry.dueAt = now + min(Self.firstPause * (1 << min(entry.attempts, 10)), Self.longestPause)
        entry.attempts += 1
        entries.append(entry)
    }

    /// Forgets a write that the database has answered.
    package mutating func answered(_ lease: JobLease) { entries.removeAll { $0.write.lease == lease } }
}

/// Schedule of the database loop: lease renewal, maintenance, polls and stops. A value: time is passed in.
package struct QueueSchedule: Equatable {
    package struct Due: OptionSet {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        /// Renew the worker's lease.
        package static let beat = Due(rawValue: 1)
        /// Promote scheduled jobs, rescue those of dead workers, end those that can never start.
        package static let maintain = Due(rawValue: 2)
        /// Poll the queue for jobs.
        package static let poll = Due(rawValue: 4)
        /// Query the running jobs to be stopped. The canceller of a job waits for this.
        package static let stop = Due(rawValue: 8)
    }

    private let beatInterval: Duration
    /// Time between two polls. A change holds from the next poll on.
    package var pollInterval: Duration
    private var nextBeat: Duration
    private var nextMaintenance: Duration
    private var nextPoll: Duration
    private var nextStop: Duration

    /// - Parameter now: the current time. Everything is due at once, as after a reconnect.
    package init(beatInterval: Duration, pollInterval: Duration, now: Duration) {
        self.beatInterval = beatInterval
        self.pollInterval = pollInterval
        nextBeat = now
        nextMaintenance = now
        nextPoll = now
        nextStop = now
    }

    /// Returns the due tasks and records them as done. A wakeup makes the poll due early.
    package mutating func take(now: Duration, wokenUp: Bool) -> Due {
        var due: Due = []
        if now >= nextBeat {
            due.insert(.beat)
            nextBeat = now + beatInterval
        }
        if now >= nextMaintenance {
            due.insert(.maintain)
            nextMaintenance = now + min(beatInterval, pollInterval)
        }
        if now >= nextStop {
            due.insert(.stop)
            nextStop = now + min(beatInterval, pollInterval, .seconds(1))
        }
        if wokenUp || now >= nextPoll {
            due.insert(.poll)
            nextPoll = now + pollInterval
        }
        return due
    }

    /// Time until the next task is due.
    package func idleTime(now: Duration) -> Duration {
        max(.zero, min(nextBeat, nextMaintenance, nextPoll, nextStop) - now)
    }
}

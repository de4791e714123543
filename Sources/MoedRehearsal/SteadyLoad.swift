import MoedCore
import MoedHost
import MoedQueue

/// Seconds of each poll, claim and completion.
package struct ClaimTimes: Sendable {
    package var look: [Double] = []
    package var claim: [Double] = []
    package var complete: [Double] = []

    package init() {}
}

extension SimulatedWorker {
    /// Claims a batch and answers it.
    ///
    /// - Parameter looking: true polls the backlog before the claim.
    /// - Returns: number of claimed jobs.
    @discardableResult
    package func serve(batch: Int, looking: Bool, _ times: inout ClaimTimes) async throws -> Int {
        let clock = ContinuousClock()
        if looking { times.look.append(try await clock.measure { try await look() }.seconds) }
        times.claim.append(try await clock.measure { _ = try await claimKnown(limit: batch) }.seconds)
        let jobs = held.count
        times.complete.append(try await clock.measure { try await completeAll() }.seconds)
        return jobs
    }

    /// Serves jobs at a steady rate. Like a daemon, the worker polls when needed, renews its lease and maintains the
    /// queue.
    ///
    /// - Parameter rate: jobs per second.
    /// - Returns: durations of the steps, and the number of answered jobs.
    package func serve(
        rate: Double, batch: Int, for duration: Duration
    ) async throws -> (times: ClaimTimes, jobs: Int) {
        let clock = ContinuousClock()
        let start = clock.now
        var (times, jobs, nextBeat, nextRound) = (ClaimTimes(), 0, Duration.zero, Duration.zero)
        while clock.now - start < duration {
            let due = start + .seconds(Double(times.claim.count * batch) / rate)
            if clock.now < due { try await Task.sleep(until: due) }
            jobs += try await serve(batch: batch, looking: times.look.isEmpty || needsLook, &times)
            let now = clock.now - start
            if now >= nextRound {
                try await maintain()
                nextRound = now + .seconds(2)
            }
            if now >= nextBeat {
                try await beat(idle: false)
                nextBeat = now + .seconds(5)
            }
        }
        return (times, jobs)
    }
}

import MoedCaching
import MoedCore
import MoedHost
import MoedPacks
import MoedWeights

/// The queue of reads between the sweeping thread and the reading threads; all state is under one monitor.
final class ReadQueue {
    private let monitor = Monitor(conditions: 2)
    private let hasWork = Monitor.Condition(0)
    private let hasEnded = Monitor.Condition(1)
    private var queued: [ExpertRead] = []
    /// Index into `queued` of the next read to hand out.
    private var next = 0
    /// Deferred reads; the first one is the last of the array.
    private var later: [ExpertRead] = []
    private var holdsLater = false
    private var ended: [EndedRead] = []
    private var isStopping = false
    /// Reads that were handed out and have not ended.
    private var underWay = 0
    /// Start of the present time with reads under way, and the sum of the times before it.
    private var readingSince = ContinuousClock.now
    private var timeRead = Duration.zero

    private func locked<Result>(_ body: () -> Result) -> Result { monitor.locked(body) }

    // MARK: The sweeping thread's side

    /// Hands out no more reads.
    func stop() {
        locked {
            isStopping = true
            monitor.broadcast(hasWork)
        }
    }

    func queue(_ reads: [ExpertRead]) {
        locked {
            queued += reads
            monitor.broadcast(hasWork)
        }
    }

    /// Defers reads until nothing else is queued.
    func queueLater(_ reads: [ExpertRead]) {
        locked {
            later = reads.reversed() + later
            monitor.broadcast(hasWork)
        }
    }

    /// Holds deferred reads back, or lets them go.
    func holdLater(_ isHeld: Bool) {
        locked {
            holdsLater = isHeld
            monitor.broadcast(hasWork)
        }
    }

    /// Moves deferred reads of these experts to the normal queue.
    func hasten(_ keys: Set<ExpertTable.Key>) {
        guard !keys.isEmpty else { return }
        locked {
            let wanted = later.filter { keys.contains($0.key) }
            guard !wanted.isEmpty else { return }
            later.removeAll { keys.contains($0.key) }
            queued += wanted.reversed()
            monitor.broadcast(hasWork)
        }
    }

    /// Takes the reads that have ended since the last call.
    ///
    /// - Parameter limit: longest wait for a read to end; nil does not wait.
    func takeEnded(_ limit: Duration?) -> [EndedRead] {
        locked {
            if let limit, ended.isEmpty {
                // A moment too early or too late does no harm: the caller asks again.
                monitor.wait(for: hasEnded, atMost: limit)
            }
            defer { ended.removeAll(keepingCapacity: true) }
            return ended
        }
    }

    /// Time with at least one read under way, verification included.
    var readingTime: Duration {
        locked { underWay > 0 ? timeRead + (ContinuousClock.now - readingSince) : timeRead }
    }

    // MARK: The reading threads' side

    /// Waits for the next read to perform; nil when the queue is stopped.
    func take() -> ExpertRead? {
        locked {
            while next == queued.count, later.isEmpty || holdsLater, !isStopping {
                monitor.wait(for: hasWork)
            }
            return nextRead()
        }
    }

    /// The next read to perform, without waiting; nil when there is none or the queue is stopped.
    func takeAtOnce() -> ExpertRead? { locked { nextRead() } }

    var isStopped: Bool { locked { isStopping } }

    /// Returns a read that was taken.
    ///
    /// - Parameter error: nil when it ended well.
    func finish(_ read: ExpertRead, _ error: EngineError?) {
        locked {
            underWay -= 1
            if underWay == 0 { timeRead += ContinuousClock.now - readingSince }
            ended.append(EndedRead(read: read, error: error))
            monitor.signal(hasEnded)
        }
    }

    /// Under the lock.
    private func nextRead() -> ExpertRead? {
        guard !isStopping, let read = nextQueued() else { return nil }
        if underWay == 0 { readingSince = .now }
        underWay += 1
        return read
    }

    private func nextQueued() -> ExpertRead? {
        guard next < queued.count else { return holdsLater ? nil : later.popLast() }
        let read = queued[next]
        next += 1
        if next == queued.count {
            queued.removeAll(keepingCapacity: true)
            next = 0
        }
        return read
    }
}

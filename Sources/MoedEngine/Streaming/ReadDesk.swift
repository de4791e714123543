import Glibc
import MoedCore
import MoedHost
import MoedWeights

/// Where reads are handed out to the threads that make them, and come back; all state is under the lock.
@safe final class ReadDesk {
    private let bank: ExpertBank
    private let reader: any ExpertReader
    private let slots: UnsafeMutableRawBufferPointer
    private let verification: ExpertVerification
    private let version: [Int]
    private let monitor = Monitor(conditions: 2)
    private let hasWork = Monitor.Condition(0)
    private let hasEnded = Monitor.Condition(1)
    private let onRead: @Sendable (Int) -> Void
    private var queued: [ExpertSlots.Read] = []
    private var next = 0
    /// The first is the last of the array.
    private var later: [ExpertSlots.Read] = []
    private var holdsLater = false
    private var ended: [ExpertReadPool.Ended] = []
    private var isVerified: [Bool]
    private var isStopping = false
    /// Reads that were handed out and have not come back, since when there are any, and the time before that.
    private var underWay = 0
    private var readingSince = ContinuousClock.now
    private var timeRead = Duration.zero

    /// Tries, and microseconds between them: a disk may hiccup, a file that is cut short stays so.
    private static let pauses: [UInt32] = [20_000, 200_000]

    init(
        _ bank: ExpertBank, _ reader: any ExpertReader, _ slots: UnsafeMutableRawBufferPointer,
        _ verification: ExpertVerification, _ onRead: @escaping @Sendable (Int) -> Void
    ) {
        self.onRead = onRead
        self.bank = bank
        self.reader = reader
        unsafe self.slots = slots
        self.verification = verification
        version = reader.version
        isVerified = Array(repeating: false, count: bank.count)
    }

    private func locked<Result>(_ body: () -> Result) -> Result { monitor.locked(body) }

    func stop() {
        locked {
            isStopping = true
            monitor.broadcast(hasWork)
        }
    }

    func queue(_ reads: [ExpertSlots.Read]) {
        locked {
            queued += reads
            monitor.broadcast(hasWork)
        }
    }

    func queueLater(_ reads: [ExpertSlots.Read]) {
        locked {
            later = reads.reversed() + later
            monitor.broadcast(hasWork)
        }
    }

    func holdLater(_ isHeld: Bool) {
        locked {
            holdsLater = isHeld
            monitor.broadcast(hasWork)
        }
    }

    func hasten(_ keys: Set<ExpertBank.Key>) {
        guard !keys.isEmpty else { return }
        locked {
            let wanted = later.filter { keys.contains($0.key) }
            guard !wanted.isEmpty else { return }
            later.removeAll { keys.contains($0.key) }
            queued += wanted.reversed()
            monitor.broadcast(hasWork)
        }
    }

    /// The next read to perform, waited for; nil when the pool ends.
    func take() -> ExpertSlots.Read? {
        locked {
            while next == queued.count, later.isEmpty || holdsLater, !isStopping {
                monitor.wait(for: hasWork)
            }
            return nextRead()
        }
    }

    /// The next read to perform, if there is one and the pool goes on.
    func takeAtOnce() -> ExpertSlots.Read? { locked { nextRead() } }

    var isStopped: Bool { locked { isStopping } }

    /// Time that at least one read was under way, verifying included.
    var readingTime: Duration {
        locked { underWay > 0 ? timeRead + (ContinuousClock.now - readingSince) : timeRead }
    }

    /// Under the lock.
    private func nextRead() -> ExpertSlots.Read? {
        guard !isStopping, let read = nextQueued() else { return nil }
        if underWay == 0 { readingSince = .now }
        underWay += 1
        return read
    }

    private func nextQueued() -> ExpertSlots.Read? {
        guard next < queued.count else { return holdsLater ? nil : later.popLast() }
        let read = queued[next]
        next += 1
        if next == queued.count {
            queued.removeAll(keepingCapacity: true)
            next = 0
        }
        return read
    }

    /// Where a read goes, and where in the file it begins.
    func place(of read: ExpertSlots.Read) -> (target: UnsafeMutableRawBufferPointer, offset: Int) {
        let blob = bank.blobs[read.key]
        let start = read.slot * bank.slotByteCount
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: slots[start..<start + blob.byteCount])
        return unsafe (target, blob.offset)
    }

    func finish(_ read: ExpertSlots.Read, _ error: EngineError?) {
        if error == nil { onRead(bank.blobs[read.key].byteCount) }
        locked {
            underWay -= 1
            if underWay == 0 { timeRead += ContinuousClock.now - readingSince }
            ended.append((read, error))
            monitor.signal(hasEnded)
        }
    }

    func takeEnded(_ limit: Duration?) -> [ExpertReadPool.Ended] {
        locked {
            if let limit, ended.isEmpty {
                // A moment too early or too late does no harm: the caller asks again.
                monitor.wait(for: hasEnded, atMost: limit)
            }
            defer { ended.removeAll(keepingCapacity: true) }
            return ended
        }
    }

    /// Reads an expert to its slot and checks it, trying again where that may help. Nil is success.
    func perform(_ read: ExpertSlots.Read) -> EngineError? {
        var error = attempt(read)
        for pause in Self.pauses {
            guard error != nil, !locked({ isStopping }) else { break }
            usleep(pause)
            error = attempt(read)
        }
        return error
    }

    private func attempt(_ read: ExpertSlots.Read) -> EngineError? {
        let (target, offset) = unsafe place(of: read)
        do throws(EngineError) { try unsafe reader.read(into: target, at: offset) } catch {
            return bank.error(read.key, error.code, error.message)
        }
        return verify(read)
    }

    /// Checks what has been read whole. Nil is success.
    func verify(_ read: ExpertSlots.Read) -> EngineError? {
        // Looked at after the read: what was written before it shows.
        let mustVerify =
            switch verification {
            case .never: false
            case .always: true
            case .first: !locked { isVerified[read.key] } || reader.version != version
            }
        guard mustVerify else { return nil }
        let (target, _) = unsafe place(of: read)
        guard unsafe Digest(parts: [Digest(UnsafeRawBufferPointer(target))]) == bank.blobs[read.key].digest
        else {
            return bank.error(
                read.key, .io, "its digest does not match: the file is damaged or was overwritten")
        }
        locked { isVerified[read.key] = true }
        return nil
    }
}

import MoedReading
import MoedCaching
import MoedCore
import MoedHost
import MoedPacks
import MoedWeights

/// Experts on their way into memory while the first sweeps run: each has its own place there and is read once, those
/// that a sweep waits for before the others. Beside the first sweep nothing else is read, so that the first token comes
/// soon.
///
/// One that cannot be read fails the sweeps that need it, which try it again; the others go on without it.
final class ArrivingExperts: ExpertSource {
    private enum State {
        case coming, here, failed
    }

    private let table: ExpertTable
    private let memory: WeightMemory
    private let pool: ExpertReadPool
    private let meter: StreamingMeter
    private let interruption: Interruption
    private var states: [State]
    private var missingCount: Int
    /// Experts of the current layer that are waited for, and those that can be handed out.
    private var waiting: Set<ExpertTable.Key> = []
    private var ready: [ExpertTable.Key] = []
    private var failure: EngineError?
    private var hasSwept = false
    private var isLastLayer = false

    /// Reads under way at once: enough for a disk, few beside a sweep's threads.
    private static let depth = 4

    /// Begins to read all of them.
    ///
    /// - Parameter memory: as large as all experts, each at its offset in the file.
    init(
        _ streamed: StreamedExperts, into memory: WeightMemory, meter: StreamingMeter,
        interruption: Interruption
    ) throws(EngineError) {
        table = streamed.table
        self.memory = memory
        self.meter = meter
        self.interruption = interruption
        states = Array(repeating: .coming, count: table.count)
        missingCount = table.count
        let bytes = unsafe UnsafeMutableRawBufferPointer(
            start: memory.bytes(at: 0, count: memory.byteCount), count: memory.byteCount)
        pool = try unsafe ExpertReadPool(
            table, reader: streamed.reader, depth: Self.depth, places: bytes,
            verification: streamed.verification, onRead: meter.read)
        meter.began(loading: table.byteCount)
        pool.queueLater((0..<table.count).map(Self.read))
    }

    /// Before the experts' memory goes.
    deinit { pool.stop() }

    /// An expert's place is its number in the file.
    private static func read(_ key: ExpertTable.Key) -> ExpertRead { .init(key: key, place: key) }

    let byteCount = 0
    var isComplete: Bool { missingCount == 0 }

    func begin(layer: Int, experts: [Int]) {
        if !hasSwept { pool.holdLater(true) }
        isLastLayer = table.sparseIndex[layer] == table.layers - 1
        take(pool.takeEnded())
        ready = []
        waiting = []
        for key in experts.map({ table.key(layer: layer, expert: $0) }) {
            if states[key] == .here { ready.append(key) } else { waiting.insert(key) }
        }
        let again = waiting.filter { states[$0] == .failed }
        for key in again { states[key] = .coming }
        pool.queue(again.sorted().map(Self.read))
        pool.hasten(waiting)
    }

    func next() throws(EngineError) -> [Int] {
        do throws(EngineError) {
            let group = try nextGroup()
            if group.isEmpty, isLastLayer { sweepEnded() }
            return group
        } catch {
            sweepEnded()
            throw error
        }
    }

    private func sweepEnded() {
        if !hasSwept { pool.holdLater(false) }
        hasSwept = true
    }

    private func nextGroup() throws(EngineError) -> [Int] {
        take(pool.takeEnded())
        while ready.isEmpty, !waiting.isEmpty, failure == nil, !interruption.isWanted {
            meter.waits { take(pool.takeEnded(waitingAtMost: Self.patience)) }
        }
        if let failure {
            self.failure = nil
            throw failure
        }
        if interruption.isWanted { throw EngineError(.interrupted, "the sweep was abandoned") }
        defer { ready = [] }
        return ready.map { $0 % table.perLayer }
    }

    private func take(_ ended: [EndedRead]) {
        for end in ended {
            let isWanted = waiting.remove(end.read.key) != nil
            if let error = end.error {
                states[end.read.key] = .failed
                meter.failed(error)
                if isWanted { failure = failure ?? error }
            } else {
                states[end.read.key] = .here
                missingCount -= 1
                if isWanted { ready.append(end.read.key) }
            }
        }
        if isComplete { pool.stop() }
    }

    func place(_ weights: FeedForwardWeights, layer: Int, expert: Int) -> FeedForwardWeights { weights }
}

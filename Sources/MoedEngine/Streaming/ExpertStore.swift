import MoedCore
import MoedWeights

/// Experts that are read while the model runs: slots in memory, threads that fill them, and the order of both.
///
/// A group that `next` hands out is computed before it is called again, so a slot is never written while it is read.
final class ExpertStore: ExpertSupply {
    let bank: ExpertBank
    private(set) var slots: ExpertSlots
    private let memory: WeightMemory
    private let pool: ExpertReadPool
    private let meter: StreamingMeter
    private let interruption: Interruption
    private let base: Int
    /// Experts to hand out with the next call, and those handed out with the last one.
    private var ready: [ExpertBank.Key] = []
    private var handedOut: [ExpertBank.Key] = []

    /// Slots that are never kept: two for each read under way, so that one can be computed meanwhile.
    static func staging(depth: Int) -> Int { 2 * depth }

    /// - Parameters:
    ///   - count: slots.
    ///   - known: what the disk gives, where it was asked before.
    init(
        _ streamed: StreamedExperts, slots count: Int, policy: ExpertCachePolicy.Kind, disk known: DiskProbe?,
        meter: StreamingMeter, interruption: Interruption
    ) throws(EngineError) {
        bank = streamed.bank
        self.meter = meter
        self.interruption = interruption
        guard count >= ExpertSlots.least else {
            throw EngineError(.invalidInput, "\(count) expert slots; \(ExpertSlots.least) are the least")
        }
        memory = WeightMemory()
        base = try memory.reserve(count * bank.slotByteCount, alignment: Pack.expertAlignment)
        try memory.allocate()
        let bytes = unsafe UnsafeMutableRawBufferPointer(
            start: memory.bytes(at: base, count: memory.byteCount), count: memory.byteCount)
        let probe: DiskProbe
        if let known, known.fits(slots: count) {
            probe = known
        } else {
            probe = try unsafe DiskProbe.measure(bank, streamed.reader, into: bytes, slots: count)
        }
        pool = try unsafe ExpertReadPool(
            bank, reader: streamed.reader, depth: probe.depth, slots: bytes,
            verification: streamed.verification, onRead: meter.read)
        slots = ExpertSlots(
            slots: count, staging: Self.staging(depth: probe.depth), layers: bank.layers,
            perLayer: bank.perLayer, policy: policy)
        meter.began(
            disk: DiskReport(
                access: streamed.reader.access, method: pool.method, depth: probe.depth,
                bytesPerSecond: probe.bytesPerSecond))
    }

    /// Before the slots' memory goes.
    deinit { pool.stop() }

    var byteCount: Int { memory.byteCount }
    /// Experts lie in slots, never where the model says.
    let isComplete = false

    func begin(layer: Int, experts: [Int]) {
        guard let sparse = bank.sparseIndex[layer] else { preconditionFailure("layer \(layer) is dense") }
        ready = slots.begin(layer: sparse, experts: experts)
        pool.queue(slots.takeReads())
    }

    func next() throws(EngineError) -> [Int] {
        finish()
        take(pool.takeEnded())
        while ready.isEmpty, !slots.isComplete, failure == nil {
            if interruption.isWanted { break }
            meter.waits { take(pool.takeEnded(waitingAtMost: Self.patience)) }
        }
        if let failure {
            self.failure = nil
            abandon()
            throw failure
        }
        if interruption.isWanted {
            abandon()
            throw EngineError(.interrupted, "the sweep was abandoned")
        }
        handedOut = ready
        ready = []
        if handedOut.isEmpty { meter.layerEnded(slots, reading: pool.readingTime) }
        return handedOut.map { $0 % bank.perLayer }
    }

    /// What was handed out last has been computed: its slots may be used again.
    private func finish() {
        guard !handedOut.isEmpty else { return }
        slots.computed(handedOut)
        handedOut = []
        pool.queue(slots.takeReads())
    }

    private var failure: EngineError?

    private func take(_ ended: [ExpertReadPool.Ended]) {
        for (read, error) in ended {
            if let error {
                slots.failed(read)
                meter.failed(error)
                // Of an expert that nobody waits for, too: the next sweep would need it.
                failure = failure ?? error
                continue
            }
            if slots.arrived(read) { ready.append(read.key) }
        }
        if !ended.isEmpty { pool.queue(slots.takeReads()) }
    }

    private func abandon() {
        ready = []
        handedOut = []
        slots.abandon()
    }

    /// The model's weights have the offsets that they have in the pack's file.
    func place(_ weights: FeedForwardWeights, layer: Int, expert: Int) -> FeedForwardWeights {
        let key = bank.key(layer: layer, expert: expert)
        guard let slot = slots.slot(of: key) else { preconditionFailure("expert \(key) is not in memory") }
        let shift = base + slot * bank.slotByteCount - bank.blobs[key].offset
        return FeedForwardWeights(
            gate: weights.gate.moved(by: shift, to: memory), up: weights.up.moved(by: shift, to: memory),
            down: weights.down.moved(by: shift, to: memory))
    }
}

extension PackedMatrix {
    /// The same matrix at another place.
    fileprivate func moved(by shift: Int, to memory: WeightMemory) -> PackedMatrix {
        PackedMatrix(
            outputs: outputs, inputs: inputs, format: format, memory: memory, offset: offset + shift)
    }
}

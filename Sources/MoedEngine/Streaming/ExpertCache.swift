import MoedReading
import MoedCaching
import MoedCore
import MoedHost
import MoedPacks
import MoedWeights

/// The owner of the expert places: it reads experts into them while the model runs, in the order of `ExpertCacheState`.
///
/// A group that `next` hands out is computed before `next` is called again, so a place is never written while it is
/// read.
final class ExpertCache: ExpertSource {
    let table: ExpertTable
    private var state: ExpertCacheState
    private let memory: WeightMemory
    private let pool: ExpertReadPool
    private let meter: StreamingMeter
    private let interruption: Interruption
    private let base: Int
    /// Experts to hand out with the next call, and those handed out with the last one.
    private var ready: [ExpertTable.Key] = []
    private var handedOut: [ExpertTable.Key] = []

    /// Places that are never kept: two for each read under way, so that one can be computed meanwhile.
    static func staging(depth: Int) -> Int { 2 * depth }

    /// - Parameters:
    ///   - count: expert places.
    ///   - known: an earlier probe of the disk; nil probes it now, as does one that needs more places.
    init(
        _ streamed: StreamedExperts, places count: Int, policy: ExpertCachePolicy.Kind, disk known: DiskProbe?,
        meter: StreamingMeter, interruption: Interruption
    ) throws(EngineError) {
        table = streamed.table
        self.meter = meter
        self.interruption = interruption
        guard count >= ExpertCacheState.least else {
            throw EngineError(.invalidInput, "\(count) expert places; \(ExpertCacheState.least) are the least")
        }
        memory = WeightMemory()
        base = try memory.reserve(count * table.placeByteCount, alignment: Pack.expertAlignment)
        try memory.allocate()
        let bytes = unsafe UnsafeMutableRawBufferPointer(
            start: memory.bytes(at: base, count: memory.byteCount), count: memory.byteCount)
        let probe: DiskProbe
        if let known, known.fits(places: count) {
            probe = known
        } else {
            probe = try unsafe DiskProbe.measure(table, streamed.reader, into: bytes, places: count)
        }
        pool = try unsafe ExpertReadPool(
            table, reader: streamed.reader, depth: probe.depth, places: bytes,
            verification: streamed.verification, onRead: meter.read)
        state = ExpertCacheState(
            places: count, staging: Self.staging(depth: probe.depth), layers: table.layers,
            perLayer: table.perLayer, policy: policy)
        meter.began(
            disk: DiskReport(
                access: streamed.reader.access, method: pool.method, depth: probe.depth,
                bytesPerSecond: probe.bytesPerSecond))
    }

    /// Stops the threads before the memory of the places goes.
    deinit { pool.stop() }

    var byteCount: Int { memory.byteCount }
    /// False: experts lie in shared places, never where the model says.
    let isComplete = false

    func begin(layer: Int, experts: [Int]) {
        guard let sparse = table.sparseIndex[layer] else { preconditionFailure("layer \(layer) is dense") }
        ready = state.begin(layer: sparse, experts: experts)
        pool.queue(state.takeReads())
    }

    func next() throws(EngineError) -> [Int] {
        finish()
        take(pool.takeEnded())
        while ready.isEmpty, !state.isComplete, failure == nil {
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
        if handedOut.isEmpty { meter.layerEnded(state, reading: pool.readingTime) }
        return handedOut.map { $0 % table.perLayer }
    }

    /// Recycles the places of the experts that were handed out last, which are computed by now.
    private func finish() {
        guard !handedOut.isEmpty else { return }
        state.computed(handedOut)
        handedOut = []
        pool.queue(state.takeReads())
    }

    private var failure: EngineError?

    private func take(_ ended: [EndedRead]) {
        for end in ended {
            if let error = end.error {
                state.failed(end.read)
                meter.failed(error)
                // A failed read ahead counts too: the next sweep would need that expert.
                failure = failure ?? error
                continue
            }
            if state.arrived(end.read) { ready.append(end.read.key) }
        }
        if !ended.isEmpty { pool.queue(state.takeReads()) }
    }

    private func abandon() {
        ready = []
        handedOut = []
        state.abandon()
    }

    /// The model's weights have the offsets that they have in the pack's file.
    func place(_ weights: FeedForwardWeights, layer: Int, expert: Int) -> FeedForwardWeights {
        let key = table.key(layer: layer, expert: expert)
        guard let place = state.place(of: key) else { preconditionFailure("expert \(key) is not in memory") }
        let shift = base + place * table.placeByteCount - table.blobs[key].offset
        return FeedForwardWeights(
            gate: weights.gate.moved(by: shift, to: memory), up: weights.up.moved(by: shift, to: memory),
            down: weights.down.moved(by: shift, to: memory))
    }
}

extension PackedMatrix {
    /// The same matrix at another place.
    fileprivate func moved(by shift: Int, to memory: WeightMemory) -> PackedMatrix {
        PackedMatrix(shape, format, in: memory, at: offset + shift)
    }
}

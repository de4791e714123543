import MoedLocal
import MoedEngine
import Testing

@Suite struct BatchShapeTests {
    /// Batch shape for a disk time of 1 s per sweep, 1 ms per row, and KV capacity for `room` sequences. `short` is the
    /// capacity in short sequences; nil is eight times `room`.
    private func chosen(room: Int, short: Int? = nil, rowsFit: Int = 4096) throws -> BatchShape {
        BatchShape.streamed { shape in
            func sweep(_ rows: Int) -> ThroughputPlan? {
                try? ThroughputPlan(rows: rows, compute: Double(rows) / 1000, disk: 1)
            }
            guard shape.rowsPerSweep <= rowsFit, let decode = sweep(min(shape.longSequences, room)),
                let few = sweep(min(shape.sequences, short ?? 8 * room)), let prefill = sweep(shape.rowsPerSweep)
            else { return nil }
            return BatchShape.Forecast(decode: decode, short: few, prefill: prefill)
        }
    }

    @Test func computingHidesBehindTheDisk() throws {
        #expect(try chosen(room: 1000) == BatchShape(sequences: 256, rowsPerSweep: 2048, prefillChunk: 2048))
        // More sequences than there is room for gain nothing.
        #expect(
            try chosen(room: 64, short: 64) == BatchShape(sequences: 64, rowsPerSweep: 2048, prefillChunk: 2048))
        #expect(
            try chosen(room: 20, short: 20) == BatchShape(sequences: 32, rowsPerSweep: 2048, prefillChunk: 2048))
        #expect(try chosen(room: 20, short: 20, rowsFit: 512) == .inMemory)
        #expect(try chosen(room: 20, rowsFit: 0) == .inMemory)
    }

    @Test func shortSequencesShareTheRoomOfLongOnes() throws {
        #expect(
            try chosen(room: 64)
                == BatchShape(sequences: 256, longSequences: 64, rowsPerSweep: 2048, prefillChunk: 2048))
        #expect(try chosen(room: 20, short: 150).sequences == 256)
        #expect(try chosen(room: 20, short: 130).sequences == 128)
        #expect(try chosen(room: 20, short: 130).longSequences == 32)
    }

    @Test func whatIsToldCounts() {
        let choice = BatchShape(sequences: 128, longSequences: 48, rowsPerSweep: 2048, prefillChunk: 2048)
        func filled(_ sequences: Int, _ rows: Int, _ chunk: Int) -> [Int] {
            let shape = BatchShape(sequences: sequences, rowsPerSweep: rows, prefillChunk: chunk).filled(from: choice)
            return [shape.sequences, shape.longSequences, shape.rowsPerSweep, shape.prefillChunk]
        }
        #expect(filled(0, 0, 0) == [128, 48, 2048, 2048])
        #expect(filled(4, 0, 7) == [4, 4, 2048, 7])
        // A sweep must hold a row of every sequence.
        #expect(filled(0, 64, 0) == [64, 48, 64, 64])
        #expect(filled(4000, 0, 0) == [4000, 4000, 4000, 2048])
    }
}

extension ThroughputPlan {
    /// Makes a plan of a sweep with the given compute and disk times.
    fileprivate init(rows: Int, compute: Double, disk: Double) throws {
        let plan = try MemoryPlan(
            .init(
                budget: 20, process: 0, dense: 0, activations: 0,
                kv: .init(block: 1, blocksMin: 1, blocksWanted: 1),
                experts: .init(byteCount: 10, count: 10, place: 1, placesMin: 2)))
        self.init(
            tokens: rows, cost: SweepCost(), plan: plan, expertsUsed: 10, layers: 1, staging: 1,
            rates: MachineRates(
                int8: .init(rate: 1, rowsPerWeight: 0), int4: .init(rate: 1, rowsPerWeight: 0), float: 1,
                inputsPerScaling: 0, exposed: 0.5, memory: 1, disk: 1))
        (self.compute, self.disk) = (compute, disk)
    }
}

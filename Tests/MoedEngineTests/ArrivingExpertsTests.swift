import MoedReading
import MoedCaching
import Glibc
import MoedCaching
import MoedCore
import MoedEngine
import MoedHost
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Experts that come into memory while the engine runs already.
@Suite struct ArrivingExpertsTests {
    private let folder: TemporaryFolder
    private let scene: PackScene

    init() throws {
        folder = try TemporaryFolder()
        scene = try PackScene(folder)
    }

    /// The engine gives the same bits from the first sweep on, and after all experts are loaded.
    @Test func theSameBits() async throws {
        try await onOwnThread { [scene] in
            let expected = try PackScene.bits(scene.engine(places: nil))
            let reader = try FaultyReader(scene.experts)
            reader.set { _ in .delay }
            let engine = try scene.arriving(reader: reader)
            #expect(engine.streaming.current.isLoading)
            for _ in 0..<3 { #expect(try PackScene.bits(engine) == expected) }
            while engine.streaming.current.isLoading { usleep(2000) }
            #expect(try PackScene.bits(engine) == expected)
            // The last one is taken by the sweep before.
            #expect(try PackScene.bits(engine) == expected)
            #expect(engine.streaming.current.bytesRead == engine.streaming.current.loading)
            #expect(engine.memory.expertPlaces == 0)
            #expect(engine.memory.weights == (try scene.engine(places: nil)).memory.weights)
        }
    }

    @Test func readsThatFailAreTriedAgain() async throws {
        try await onOwnThread { [scene] in
            let expected = try PackScene.bits(scene.engine(places: nil))
            let reader = try FaultyReader(scene.experts)
            // Whoever they hit: no expert is tried more often than three times.
            reader.set { $0 == 2 ? .error : $0 == 5 ? .damage : nil }
            #expect(try PackScene.bits(scene.arriving(reader: reader)) == expected)
        }
    }

    /// During the first sweep, only reads that it needs and reads already in flight are carried out.
    @Test func theFirstSweepIsNotHeldUp() async throws {
        try await onOwnThread { [scene] in
            let reader = try FaultyReader(scene.experts)
            reader.set { _ in .delay }
            reader.hold()
            let engine = try scene.arriving(reader: reader)
            let table = try scene.table()
            var wanted = Set<Int>()
            engine.observeRouting { use in
                for expert in use.experts {
                    wanted.insert(table.blobs[table.key(layer: use.layer, expert: expert)].offset)
                }
                if use.layer == 0 { reader.letGo() }
            }
            _ = try engine.logits([5])
            engine.observeRouting(nil)
            let last = try #require(reader.offsets.lastIndex { wanted.contains($0) })
            // Four were under way when the sweep began, and some may have begun before it was noticed.
            #expect(
                last < wanted.count + 4 + 8 && wanted.count < table.count / 2, "\(last) of \(wanted.count)")
            while engine.streaming.current.isLoading { usleep(2000) }
        }
    }

    /// Sweeps that need an unreadable expert fail and name it; when it can be read, they succeed.
    @Test func aDiskThatStaysBroken() async throws {
        try await onOwnThread { [scene] in
            let expected = try PackScene.bits(scene.engine(places: nil))
            let reader = try FaultyReader(scene.experts)
            reader.set { _ in .error }
            let engine = try scene.arriving(reader: reader)
            let error = try #require(PackScene.failure(engine))
            #expect(error.code == .io && error.message.contains("model.layers."), "\(error)")
            reader.set { _ in nil }
            // Later sweeps reach the other failed experts, and read them again.
            var bits: [[UInt32]]?
            for _ in 0..<100 where bits == nil { bits = try? PackScene.bits(engine) }
            #expect(bits == expected)
            let figures = engine.streaming.current
            #expect(figures.failures > 0 && figures.lastFailure?.contains("experts.bin") == true)
        }
    }

    @Test func aSweepCanBeAbandoned() async throws {
        let reader = try FaultyReader(scene.experts)
        reader.hold()
        let engine = UncheckedBox(try scene.arriving(reader: reader))
        let interruption = engine.value.interruption
        async let error = onOwnThread { PackScene.failure(engine.value) }
        await reader.waitUntilHeld()
        interruption.request()
        #expect(try await error?.code == .interrupted)
        reader.letGo()
    }

    /// Reads that sweeps wait for come before the rest.
    @Test func theWantedFirst() async throws {
        let reader = try FaultyReader(scene.experts)
        reader.hold()
        let table = try scene.table()
        #expect(table.isUniform)
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 10 * table.placeByteCount, alignment: Pack.expertAlignment)
        defer { unsafe memory.deallocate() }
        let pool = try unsafe ExpertReadPool(
            table, reader: reader, depth: 1, places: memory, verification: .first)
        defer { pool.stop() }
        pool.queueLater((0..<10).map { .init(key: $0, place: $0) })
        await reader.waitUntilHeld()
        pool.hasten([7, 3])
        pool.hasten([0, 7, 5])
        reader.letGo()
        var keys: [Int] = []
        while keys.count < 10 { keys += pool.takeEnded(waitingAtMost: .seconds(1)).map(\.read.key) }
        #expect(keys == [0, 3, 7, 5, 1, 2, 4, 6, 8, 9])
    }
}

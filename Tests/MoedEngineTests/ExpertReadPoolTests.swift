import MoedReading
import MoedCaching
import Glibc
import MoedCaching
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Experts read into places through io_uring, and by threads where the kernel forbids that.
@Suite struct ExpertReadPoolTests {
    enum Method: String, CaseIterable {
        case ring = "io_uring"
        case threads = "reading threads"
    }

    private static let places = 8

    private let folder: TemporaryFolder
    private let scene: PackScene
    private let table: ExpertTable
    private let memory: PlaceMemory

    init() throws {
        folder = try TemporaryFolder()
        scene = try PackScene(folder)
        table = try scene.table()
        memory = PlaceMemory(byteCount: Self.places * table.placeByteCount)
    }

    private func pool(_ method: Method) throws -> ExpertReadPool {
        let reader: any ExpertReader
        switch method {
        case .ring: reader = try DirectFile(scene.experts)
        case .threads: reader = try FaultyReader(scene.experts)
        }
        let pool = try unsafe ExpertReadPool(
            table, reader: reader, depth: 4, places: memory.bytes, verification: .always)
        if method == .ring, pool.method != method.rawValue {
            try Test.cancel("this kernel or file system lets nobody read through io_uring")
        }
        #expect(pool.method == method.rawValue)
        return pool
    }

    /// Reads them all, each to the place that its number gives, and hands each to `body` while it lies there.
    private func readAll(
        _ pool: ExpertReadPool, _ keys: Range<Int>, _ body: (ExpertTable.Key, EngineError?) throws -> Void
    ) rethrows {
        var next = keys.lowerBound
        var busy = Set<Int>()
        while next < keys.upperBound || !busy.isEmpty {
            while next < keys.upperBound, !busy.contains(next % Self.places) {
                busy.insert(next % Self.places)
                pool.queue([.init(key: next, place: next % Self.places)])
                next += 1
            }
            for ended in pool.takeEnded(waitingAtMost: .seconds(10)) {
                let (read, error) = (ended.read, ended.error)
                try body(read.key, error)
                busy.remove(read.place)
            }
        }
    }

    @Test(arguments: Method.allCases)
    func everyExpertArrivesWhole(_ method: Method) throws {
        let pool = try pool(method)
        let file = try WeightFile(scene.experts)
        var whole: [UInt8] = Array(repeating: 0, count: table.placeByteCount)
        var arrived = Set<Int>()
        for _ in 0..<3 {
            try readAll(pool, 0..<table.count) { key, error in
                #expect(error == nil)
                arrived.insert(key)
                try file.read(table.blobs[key].byteCount, at: table.blobs[key].offset, into: &whole)
                #expect(memory.place(key % Self.places, of: table.placeByteCount) == whole)
            }
            // Long enough that nobody is busy when the next round comes.
            let reading = pool.readingTime
            usleep(20_000)
            #expect(reading > .zero && pool.readingTime == reading)
        }
        #expect(arrived.count == table.count)
    }

    @Test(arguments: Method.allCases)
    func whatAFileDoesNotHoldFailsByName(_ method: Method) throws {
        let pool = try pool(method)
        let (cut, overwritten) = (table.count - 1, table.count - 2)
        let descriptor = unsafe open(scene.experts, O_WRONLY)
        defer { close(descriptor) }
        #expect(ftruncate(descriptor, off_t(table.blobs[cut].offset + 8192)) == 0)
        #expect(unsafe pwrite(descriptor, "damage", 6, off_t(table.blobs[overwritten].offset + 999)) == 6)
        var failures: [ExpertTable.Key: String] = [:]
        readAll(pool, table.count - 6..<table.count) { failures[$0] = $1?.message }
        #expect(failures.keys.sorted() == [overwritten, cut])
        #expect(failures[cut]?.contains("it was cut short") == true, "\(failures)")
        #expect(failures[overwritten]?.contains("digest") == true, "\(failures)")
        for (key, message) in failures { #expect(message.contains(table.blobs[key].name)) }
    }

    @Test(arguments: Method.allCases)
    func stopsWithMuchLeftToRead(_ method: Method) throws {
        let pool = try pool(method)
        for _ in 0..<100 { pool.queueLater((0..<Self.places).map { .init(key: $0, place: $0) }) }
        pool.stop()
        // Reads that were in flight at the stop have ended.
        #expect(pool.takeEnded().allSatisfy { $0.error == nil })
    }
}

/// Memory for places.
@safe private final class PlaceMemory {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        unsafe bytes = .allocate(byteCount: byteCount, alignment: Pack.expertAlignment)
    }

    deinit { unsafe bytes.deallocate() }

    func place(_ place: Int, of size: Int) -> [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(rebasing: bytes[place * size..<(place + 1) * size]))
    }
}

import Glibc
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Experts read into slots through io_uring, and by threads where the kernel forbids that.
@Suite struct ExpertReadPoolTests {
    enum Method: String, CaseIterable {
        case ring = "io_uring"
        case threads = "reading threads"
    }

    private static let slots = 8

    private let folder: TemporaryFolder
    private let scene: PackScene
    private let bank: ExpertBank
    private let memory: SlotMemory

    init() throws {
        folder = try TemporaryFolder()
        scene = try PackScene(folder)
        bank = try scene.bank()
        memory = SlotMemory(byteCount: Self.slots * bank.slotByteCount)
    }

    private func pool(_ method: Method) throws -> ExpertReadPool {
        let reader: any ExpertReader
        switch method {
        case .ring: reader = try DirectFile(scene.experts)
        case .threads: reader = try FaultyReader(scene.experts)
        }
        let pool = try unsafe ExpertReadPool(
            bank, reader: reader, depth: 4, slots: memory.bytes, verification: .always)
        if method == .ring, pool.method != method.rawValue {
            try Test.cancel("this kernel or file system lets nobody read through io_uring")
        }
        #expect(pool.method == method.rawValue)
        return pool
    }

    /// Reads them all, each to the slot that its number gives, and hands each to `body` while it lies there.
    private func readAll(
        _ pool: ExpertReadPool, _ keys: Range<Int>, _ body: (ExpertBank.Key, EngineError?) throws -> Void
    ) rethrows {
        var next = keys.lowerBound
        var busy = Set<Int>()
        while next < keys.upperBound || !busy.isEmpty {
            while next < keys.upperBound, !busy.contains(next % Self.slots) {
                busy.insert(next % Self.slots)
                pool.queue([.init(key: next, slot: next % Self.slots)])
                next += 1
            }
            for (read, error) in pool.takeEnded(waitingAtMost: .seconds(10)) {
                try body(read.key, error)
                busy.remove(read.slot)
            }
        }
    }

    @Test(arguments: Method.allCases)
    func everyExpertArrivesWhole(_ method: Method) throws {
        let pool = try pool(method)
        let file = try WeightFile(scene.experts)
        var whole: [UInt8] = Array(repeating: 0, count: bank.slotByteCount)
        var arrived = Set<Int>()
        for _ in 0..<3 {
            try readAll(pool, 0..<bank.count) { key, error in
                #expect(error == nil)
                arrived.insert(key)
                try file.read(bank.blobs[key].byteCount, at: bank.blobs[key].offset, into: &whole)
                #expect(memory.slot(key % Self.slots, of: bank.slotByteCount) == whole)
            }
            // Long enough that nobody is busy when the next round comes.
            let reading = pool.readingTime
            usleep(20_000)
            #expect(reading > .zero && pool.readingTime == reading)
        }
        #expect(arrived.count == bank.count)
    }

    @Test(arguments: Method.allCases)
    func whatAFileDoesNotHoldFailsByName(_ method: Method) throws {
        let pool = try pool(method)
        let (cut, overwritten) = (bank.count - 1, bank.count - 2)
        let descriptor = unsafe open(scene.experts, O_WRONLY)
        defer { close(descriptor) }
        #expect(ftruncate(descriptor, off_t(bank.blobs[cut].offset + 8192)) == 0)
        #expect(unsafe pwrite(descriptor, "damage", 6, off_t(bank.blobs[overwritten].offset + 999)) == 6)
        var failures: [ExpertBank.Key: String] = [:]
        readAll(pool, bank.count - 6..<bank.count) { failures[$0] = $1?.message }
        #expect(failures.keys.sorted() == [overwritten, cut])
        #expect(failures[cut]?.contains("it was cut short") == true, "\(failures)")
        #expect(failures[overwritten]?.contains("digest") == true, "\(failures)")
        for (key, message) in failures { #expect(message.contains(bank.blobs[key].name)) }
    }

    @Test(arguments: Method.allCases)
    func stopsWithMuchLeftToRead(_ method: Method) throws {
        let pool = try pool(method)
        for _ in 0..<100 { pool.queueLater((0..<Self.slots).map { .init(key: $0, slot: $0) }) }
        pool.stop()
        // What was under way when it stopped has ended.
        #expect(pool.takeEnded().allSatisfy { $0.error == nil })
    }
}

/// Memory for slots.
@safe private final class SlotMemory {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        unsafe bytes = .allocate(byteCount: byteCount, alignment: Pack.expertAlignment)
    }

    deinit { unsafe bytes.deallocate() }

    func slot(_ slot: Int, of size: Int) -> [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(rebasing: bytes[slot * size..<(slot + 1) * size]))
    }
}

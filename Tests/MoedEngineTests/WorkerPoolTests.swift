import Glibc
import MoedCore
import MoedEngine
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 5]) func everyItemRunsOnce(_ threads: Int) throws {
        let pool = try WorkerPool(threads: threads)
        for count in [0, 1, 2, 3, 100, 1000] {
            let squares = pool.map(count) { $0 * $0 }
            #expect(squares == (0..<count).map { $0 * $0 })
        }
    }

    /// Thousands of short loops, some right after each other and some after the threads went to sleep.
    @Test func manyLoops() throws {
        let pool = try WorkerPool(threads: 3)
        let sum = Atomic<Int>(0)
        for round in 0..<3000 {
            pool.parallelFor(7) { sum.add($0, ordering: .relaxed) }
            if round % 500 == 0 { usleep(2000) }
        }
        #expect(sum.load(ordering: .relaxed) == 3000 * 21)
    }

    @Test func otherThreadsTakePartAndHaveNames() throws {
        let pool = try WorkerPool(threads: 2)
        // Two items that wait for each other can only end on two threads.
        let arrived = Atomic<Int>(0)
        let names = pool.map(2) { _ in
            arrived.add(1, ordering: .sequentiallyConsistent)
            while arrived.load(ordering: .sequentiallyConsistent) < 2 { sched_yield() }
            var name = [UInt8](repeating: 0, count: 32)
            let file = unsafe open("/proc/thread-self/comm", O_RDONLY)
            defer { close(file) }
            let count = unsafe read(file, &name, 32)
            return String(decoding: name.prefix(max(count - 1, 0)), as: UTF8.self)
        }
        #expect(names.contains("moed-compute-1"))
    }

    @Test func refusesSillyCounts() {
        for threads in [0, -1, 1025] {
            #expect(throws: EngineError.self) { try WorkerPool(threads: threads) }
        }
    }
}

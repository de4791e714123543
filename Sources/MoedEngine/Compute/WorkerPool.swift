import Glibc
package import MoedCore
import MoedHost
import Synchronization

/// Compute threads that share out the items of one loop at a time.
///
/// The calling thread takes part, so a pool of one has no other threads. Each thread begins with a share of its own, of
/// neighbouring items: what one fetches ahead is often what the next one reads. A thread that is done helps the others,
/// so which one runs which item is left to chance; items write to places of their own, so no result depends on it.
/// Between loops the threads look for work for some fifty microseconds, then sleep.
package final class WorkerPool {
    package let threads: Int
    private let shared: SharedLoop
    private var threadsStarted: [HostThread] = []

    /// More than any machine has; a larger number is a mistake.
    package static let threadsMax = 1024

    /// - Throws: `EngineError(.outOfMemory)` when the system gives no more threads.
    package init(threads: Int) throws(EngineError) {
        guard (1...Self.threadsMax).contains(threads) else {
            throw EngineError(.invalidInput, "\(threads) compute threads: must be 1…\(Self.threadsMax)")
        }
        self.threads = threads
        shared = SharedLoop(threads: threads)
        for number in 1..<threads {
            do {
                threadsStarted.append(
                    try HostThread.unchecked(name: "moed-compute-\(number)") { [shared] in shared.work(number) })
            } catch {
                stop()
                throw EngineError(.outOfMemory, "\(error)")
            }
        }
    }

    deinit { stop() }

    private func stop() {
        shared.stop()
        for thread in threadsStarted { thread.join() }
        threadsStarted = []
    }

    /// Runs `body` for 0..<count, on all threads unless `cost` says that waking them takes longer than the
    /// work.
    ///
    /// Called from one thread at a time, and not from within a loop.
    ///
    /// - Parameter cost: of the whole loop, in multiply-adds of a matrix product, some sixty of which a core does in a
    ///   nanosecond; other loops' factors are measured.
    package func parallelFor(_ count: Int, cost: Int = .max, _ body: (Int) -> Void) {
        // A thread that is told of a loop and tells of its end takes some 5 µs.
        guard threads > 1, count > 1, cost > 300_000 else {
            for index in 0..<count { body(index) }
            return
        }
        // The compiler puts the length of the file's path into the program: this name is as long in every folder. A
        // real file's name would be two paths of one #fileID, which is a warning.
        #sourceLocation(file: "ParallelLoop", line: 1)
        withoutActuallyEscaping(body) { shared.run(count, $0) }
        #sourceLocation()
    }

    /// The results of `body` for 0..<count, in order.
    package func map<Result>(_ count: Int, cost: Int = .max, _ body: (Int) -> Result) -> [Result] {
        unsafe [Result](unsafeUninitializedCapacity: count) { buffer, initialised in
            let results = unsafe buffer
            parallelFor(count, cost: cost) { unsafe results.initializeElement(at: $0, to: body($0)) }
            initialised = count
        }
    }
}

/// The loop being run, and the threads' waiting place.
@safe private final class SharedLoop {
    /// Counts loops, and the order to stop; waiting threads watch it.
    private let round = Atomic<Int>(0)
    /// True while threads may join the current loop.
    private let isOpen = Atomic<Bool>(false)
    /// Threads inside the current loop, or just looking whether they may join.
    private let inside = Atomic<Int>(0)
    /// The next item of each thread's share, `countersApart` counters apart: a cache line each.
    private let next: UnsafeMutablePointer<Atomic<Int>>
    private let threads: Int
    /// Written by the caller only while the loop is closed and nobody is inside; read by those inside.
    private var body: ((Int) -> Void)?
    private var count = 0
    private let stopping = Atomic<Bool>(false)
    private let monitor = Monitor()
    private static let wake = Monitor.Condition(0)

    /// Some fifty microseconds: longer than one thread works alone between two loops of a sweep. Waking a thread that
    /// sleeps takes as long in a virtual machine, and of the one who wakes it ten.
    private static let spins = 500_000
    private static let countersApart = 8

    init(threads: Int) {
        self.threads = threads
        unsafe next = .allocate(capacity: threads * Self.countersApart)
        for index in 0..<threads * Self.countersApart { unsafe (next + index).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe next.deinitialize(count: threads * Self.countersApart)
        unsafe next.deallocate()
    }

    /// Does not wait for threads that are still asleep when the items run out.
    func run(_ count: Int, _ body: @escaping (Int) -> Void) {
        self.body = body
        self.count = count
        for thread in 0..<threads {
            unsafe next[thread * Self.countersApart].store(share(thread).lowerBound, ordering: .relaxed)
        }
        isOpen.store(true, ordering: .sequentiallyConsistent)
        advance()
        takeItems(0, body)
        // Either a thread sees that the loop is closed, or it is seen to be inside: both sides write first.
        isOpen.store(false, ordering: .sequentiallyConsistent)
        while inside.load(ordering: .sequentiallyConsistent) > 0 { sched_yield() }
        self.body = nil
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        advance()
    }

    private func advance() {
        monitor.locked {
            _ = round.add(1, ordering: .releasing)
            monitor.broadcast(Self.wake)
        }
    }

    private func share(_ thread: Int) -> Range<Int> {
        count * thread / threads..<count * (thread + 1) / threads
    }

    /// First the thread's own share, then what is left of the others'.
    private func takeItems(_ thread: Int, _ body: (Int) -> Void) {
        for turn in 0..<threads {
            let owner = (thread + turn) % threads
            let end = share(owner).upperBound
            while true {
                let index = unsafe next[owner * Self.countersApart].add(1, ordering: .relaxed).oldValue
                if index >= end { break }
                body(index)
            }
        }
    }

    /// The life of helper `number`.
    func work(_ number: Int) {
        var seen = 0
        while true {
            seen = waitForRound(after: seen)
            if stopping.load(ordering: .acquiring) { return }
            inside.add(1, ordering: .sequentiallyConsistent)
            if isOpen.load(ordering: .sequentiallyConsistent), let body { takeItems(number, body) }
            inside.subtract(1, ordering: .sequentiallyConsistent)
        }
    }

    private func waitForRound(after seen: Int) -> Int {
        for _ in 0..<Self.spins {
            let now = round.load(ordering: .acquiring)
            if now != seen { return now }
        }
        return monitor.locked {
            while round.load(ordering: .acquiring) == seen { monitor.wait(for: Self.wake) }
            return round.load(ordering: .acquiring)
        }
    }
}

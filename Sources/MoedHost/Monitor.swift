import Glibc
// `timespec` comes from this module of the toolchain where another file of the target uses `stat`.
import SwiftOverlayShims

/// A lock with conditions that threads wait for while they hold it.
///
/// It blocks threads: code on Swift's cooperative pool must not wait here.
@safe package final class Monitor {
    /// A condition to wait for, identified by an index below the number of conditions.
    package struct Condition: Sendable {
        fileprivate let index: Int
        package init(_ index: Int) { self.index = index }
    }

    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let conditions: UnsafeMutablePointer<pthread_cond_t>
    private let count: Int

    /// - Parameter conditions: number of conditions, at least one.
    package init(conditions count: Int = 1) {
        self.count = count
        unsafe lock = .allocate(capacity: 1)
        unsafe conditions = .allocate(capacity: count)
        unsafe pthread_mutex_init(lock, nil)
        for index in 0..<count { unsafe pthread_cond_init(pointer(Condition(index)), nil) }
    }

    deinit {
        for index in 0..<count { unsafe pthread_cond_destroy(pointer(Condition(index))) }
        unsafe pthread_mutex_destroy(lock)
        unsafe conditions.deallocate()
        unsafe lock.deallocate()
    }

    private func pointer(_ condition: Condition) -> UnsafeMutablePointer<pthread_cond_t> {
        precondition((0..<count).contains(condition.index))
        return unsafe conditions + condition.index
    }

    package func locked<Result>(_ body: () -> Result) -> Result {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        return body()
    }

    /// Releases the lock until the condition is signalled. It may return early, so the caller checks again. The caller
    /// holds the lock.
    package func wait(for condition: Condition) { unsafe pthread_cond_wait(pointer(condition), lock) }

    /// As `wait(for:)`, but returns once `limit` has passed. The caller holds the lock.
    package func wait(for condition: Condition, atMost limit: Duration) {
        var until = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &until)
        let nanoseconds = until.tv_nsec + Int(limit.components.attoseconds / 1_000_000_000)
        until.tv_sec += Int(limit.components.seconds) + nanoseconds / 1_000_000_000
        until.tv_nsec = nanoseconds % 1_000_000_000
        unsafe pthread_cond_timedwait(pointer(condition), lock, &until)
    }

    /// Wakes one waiting thread.
    package func signal(_ condition: Condition) { unsafe pthread_cond_signal(pointer(condition)) }

    /// Wakes all waiting threads.
    package func broadcast(_ condition: Condition) { unsafe pthread_cond_broadcast(pointer(condition)) }
}

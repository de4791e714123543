import Glibc

enum ThreadTime {
    /// Computing time of the calling thread. A busy or suspended machine does not advance it.
    static let now: @Sendable () -> Duration = {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

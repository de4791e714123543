import Glibc
// `timespec` comes from this module of the toolchain where another file of the target uses `stat`.
import SwiftOverlayShims

/// Wall-clock time for storage and display. Intervals are measured with `ContinuousClock`.
package enum UnixTime {
    /// Seconds since 1970.
    package static var now: Int64 { Int64(time(nil)) }

    /// Nanoseconds since 1970, for comparison with times of files.
    package static var nanoseconds: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int(time.tv_sec) &* 1_000_000_000 &+ Int(time.tv_nsec)
    }
}

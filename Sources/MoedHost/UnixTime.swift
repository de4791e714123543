import Glibc

/// Wall-clock time for storage and display. Intervals are measured with `ContinuousClock`.
package enum UnixTime {
    /// Seconds since 1970.
    package static var now: Int64 { Int64(time(nil)) }
}

import Glibc

/// Wall-clock time, for what is stored and shown; intervals are measured with `ContinuousClock`.
package enum UnixTime {
    /// Seconds since 1970.
    package static var now: Int64 { Int64(time(nil)) }
}

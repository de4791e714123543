package import MoedCaching
package import MoedCore

/// A read that has ended; `error` is nil when the expert lies in its place and was checked.
package struct EndedRead {
    package var read: ExpertRead
    package var error: EngineError?
}

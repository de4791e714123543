/// Bounds of one encoding. Text comes from strangers, so nothing about its length is known.
package struct EncodingLimits: Sendable {
    /// Encoding ends as soon as there are more tokens.
    package var tokensMax: Int
    /// Called after every 64 KiB of text; false ends the encoding.
    package var goesOn: @Sendable () -> Bool

    package init(tokensMax: Int = .max, goesOn: @escaping @Sendable () -> Bool = { true }) {
        self.tokensMax = tokensMax
        self.goesOn = goesOn
    }
}

/// Reason for an early end of an encoding.
package enum EncodingEnd: Error, Sendable, Equatable {
    /// The text has more tokens than `EncodingLimits.tokensMax`.
    case tooManyTokens
    /// `EncodingLimits.goesOn` returned false.
    case notWanted
}

/// Watches the limits of one encoding.
struct EncodingMeter {
    /// Bytes of text between two calls of `goesOn`.
    static let bytesPerCall = 1 << 16

    /// The reason for ending early; nil while the encoding goes on.
    private(set) var end: EncodingEnd?
    private let limits: EncodingLimits
    private var bytes = 0

    init(_ limits: EncodingLimits) { self.limits = limits }

    /// - Parameters:
    ///   - bytes: bytes of text since the last call.
    ///   - tokens: number of all tokens.
    /// - Returns: false when the encoding ends.
    mutating func goesOn(after bytes: Int, tokens: Int) -> Bool {
        guard end == nil else { return false }
        guard tokens <= limits.tokensMax else {
            end = .tooManyTokens
            return false
        }
        self.bytes += bytes
        guard self.bytes >= Self.bytesPerCall else { return true }
        self.bytes = 0
        if !limits.goesOn() { end = .notWanted }
        return end == nil
    }
}

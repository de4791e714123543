/// The steps, bytes and time that one rendering has left. Every amount that a template names is taken from here before
/// the work is done.
struct JinjaBudget {
    /// Bytes that are read for the price of one step.
    static let bytesPerStep = 64
    /// Steps between two readings of the clock.
    private static let stepsPerReading = 1000

    private let limits: TemplateLimits
    private let end: Duration
    private var stepsLeft: Int
    private var bytesLeft: Int
    private var stepsUnclocked = 0

    init(_ limits: TemplateLimits) {
        self.limits = limits
        end = limits.clock() + limits.time
        stepsLeft = limits.steps
        bytesLeft = limits.bytes
    }

    /// Takes steps; negative amounts count as none.
    ///
    /// - Returns: The limit that is exceeded; nil when none is.
    mutating func take(steps: Int) -> String? {
        let steps = max(0, steps)
        guard steps <= stepsLeft else { return "more than \(limits.steps) steps" }
        stepsLeft -= steps
        return late(after: steps)
    }

    /// Takes the steps that reading this many bytes costs.
    mutating func take(reading bytes: Int) -> String? {
        let reason = take(steps: bytes / Self.bytesPerStep)
        return reason ?? tooLarge(bytes)
    }

    /// Takes memory; negative amounts count as none.
    mutating func take(bytes: Int) -> String? {
        let bytes = max(0, bytes)
        guard bytes <= bytesLeft else { return "more than \(limits.bytes) bytes of text and lists" }
        bytesLeft -= bytes
        return tooLarge(bytes) ?? late(after: bytes / Self.bytesPerStep)
    }

    private func tooLarge(_ bytes: Int) -> String? {
        bytes <= limits.operationBytes ? nil : "more than \(limits.operationBytes) bytes in one operation"
    }

    /// Reads the clock from time to time.
    private mutating func late(after steps: Int) -> String? {
        stepsUnclocked += steps
        guard stepsUnclocked >= Self.stepsPerReading else { return nil }
        stepsUnclocked = 0
        guard limits.goesOn() else { return "the rendering is not wanted" }
        return limits.clock() < end ? nil : "more than \(limits.time) of computing (generation.template_time)"
    }
}

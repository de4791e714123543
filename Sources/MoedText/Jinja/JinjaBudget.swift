/// The limits of one rendering: steps, bytes and computing time. A template comes from the internet with its model,
/// so every amount that it names is taken from here before the work is done.
struct JinjaBudget {
    /// Evaluated expressions, executed statements and read text. A message costs about fifty in Qwen's templates.
    static let stepsMax = 5_000_000
    /// Bytes of all strings and lists made on the way, and of the output: fifty times the longest prompt.
    static let bytesMax = 512 << 20
    /// Computing time of the thread that renders.
    static let timeMax = Duration.seconds(2)
    /// Bytes that are read for the price of one step.
    static let bytesPerStep = 64
    /// Steps between two readings of the clock.
    private static let stepsPerReading = 1000

    private var stepsLeft = stepsMax
    private var bytesLeft = bytesMax
    private var stepsUnclocked = 0
    private let clock: @Sendable () -> Duration
    private let end: Duration

    /// - Parameter clock: Time since any fixed point.
    init(clock: @escaping @Sendable () -> Duration) {
        self.clock = clock
        end = clock() + Self.timeMax
    }

    /// Takes steps; negative amounts count as none.
    ///
    /// - Returns: The limit that is exceeded; nil when none is.
    mutating func take(steps: Int) -> String? {
        let steps = max(0, steps)
        guard steps <= stepsLeft else { return "more than \(Self.stepsMax) steps" }
        stepsLeft -= steps
        return late(after: steps)
    }

    /// Takes the steps that reading this many bytes costs.
    mutating func take(reading bytes: Int) -> String? { take(steps: bytes / Self.bytesPerStep) }

    /// Takes memory; negative amounts count as none.
    mutating func take(bytes: Int) -> String? {
        let bytes = max(0, bytes)
        guard bytes <= bytesLeft else { return "more than \(Self.bytesMax) bytes of text and lists" }
        bytesLeft -= bytes
        return late(after: bytes / Self.bytesPerStep)
    }

    /// Reads the clock from time to time.
    private mutating func late(after steps: Int) -> String? {
        stepsUnclocked += steps
        guard stepsUnclocked >= Self.stepsPerReading else { return nil }
        stepsUnclocked = 0
        return clock() < end ? nil : "more than \(Self.timeMax.components.seconds) s of computing"
    }
}

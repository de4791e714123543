/// The most that one rendering of a template may use. Templates come from the internet with their models.
package struct TemplateLimits: Sendable {
    /// Evaluated expressions, executed statements and read text. A message costs about fifty in Qwen's templates.
    package var steps = 5_000_000
    /// Bytes of all strings and lists made on the way, and of the output: many times the longest prompt.
    package var bytes = 256 << 20
    /// Bytes that one operation makes or reads. The clock is not read before it ends.
    package var operationBytes = 32 << 20
    /// Time on the clock; the setting generation.template_time.
    package var time = Duration.seconds(2)
    /// Time since any fixed point: the computing time of the calling thread, which a busy machine does not advance.
    package var clock: @Sendable () -> Duration = ThreadTime.now
    /// Asked when the clock is read; false ends the rendering.
    package var goesOn: @Sendable () -> Bool = { true }

    package init() {}
}

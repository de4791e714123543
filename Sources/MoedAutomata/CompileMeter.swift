import Synchronization

/// Work that one constraint may cost. It is counted in steps and not in time: a constraint is accepted or refused
/// everywhere alike.
package final class CompileMeter: Sendable {
    /// Steps of a constraint; some seconds.
    package static let stepsMax = 60_000_000

    /// The meter of the compilation that this task does; nil where nothing is counted.
    @TaskLocal package static var current: CompileMeter?

    private let stepsMax: Int
    private let used = Atomic<Int>(0)

    package init(stepsMax: Int = CompileMeter.stepsMax) { self.stepsMax = stepsMax }

    package var steps: Int { used.load(ordering: .relaxed) }

    /// Counts steps of the current compilation.
    ///
    /// - Throws: `GrammarError` when they are too many.
    package static func spend(_ steps: Int) throws(GrammarError) {
        guard let meter = current else { return }
        let total = meter.used.wrappingAdd(steps, ordering: .relaxed).newValue
        guard total <= meter.stepsMax else {
            throw GrammarError(
                .tooLarge, "the constraint takes too long to compile: simplify its patterns and alternatives")
        }
    }
}

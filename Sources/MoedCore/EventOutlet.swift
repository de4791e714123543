/// The way of a runner's events out: they wait until the runner has a receiver.
package struct EventOutlet: Sendable {
    private var receiver: (@Sendable (RunnerEvent) -> Void)?
    private var waiting: [RunnerEvent] = []

    package init() {}

    package mutating func send(_ event: RunnerEvent) {
        if let receiver { receiver(event) } else { waiting.append(event) }
    }

    /// Hands over the events that wait, and all later ones.
    package mutating func open(to receiver: @escaping @Sendable (RunnerEvent) -> Void) {
        self.receiver = receiver
        waiting.forEach(receiver)
        waiting = []
    }
}

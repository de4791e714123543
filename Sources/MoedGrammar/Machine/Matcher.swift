/// A place in a text: the configuration, and what of the text itself matters later.
struct Matcher: Hashable, Sendable {
    private(set) var configuration: Int32
    private var tracker = TextTracker()

    init(_ machine: StackMachine) { configuration = machine.start }

    /// Takes a byte; false when it is not allowed.
    mutating func take(_ byte: UInt8, _ machine: StackMachine) -> Bool {
        guard configuration >= 0 else { return false }
        let isInKey = machine.isInKey(configuration)
        configuration = machine.step(configuration, byte)
        guard configuration >= 0 else { return false }
        guard isInKey else { return true }
        if let text = tracker.take(byte) {
            tracker = TextTracker()
            configuration = machine.settled(configuration, text: text)
        }
        return configuration >= 0
    }
}

extension StackMachine {
    /// True inside the key of a member.
    func isInKey(_ configuration: Int32) -> Bool { facts(configuration) & Facts.inKey != 0 }

    /// Takes a key that has just ended out of those that may come again.
    func settled(_ configuration: Int32, text: [UInt8]) -> Int32 {
        let entries = table.entries[Int(configuration)]
        guard entries.contains(where: { table.frames[Int($0.frame)].isOpen }) else { return configuration }
        let changed = entries.map { entry in
            let frame = table.frames[Int(entry.frame)]
            guard frame.isOpen else { return entry }
            return StackEntry(frame: table.number(settled(frame, key: text)), below: entry.below)
        }
        return table.make(changed)
    }
}

import MoedAutomata

/// Configurations in which plain text changes nothing.
extension StackMachine {
    /// True when each character of plain text leads back to the configuration.
    func loopsOnPlainText(_ configuration: Int32) -> Bool {
        // Levels that are cut off take no part, unless the upper ones may end.
        let short = cut(configuration, levels: 1)
        if let known = loops[short] { return known }
        let result = !isUncertain(short) && findLoop(short)
        loops[short] = result
        return result
    }

    private func findLoop(_ configuration: Int32) -> Bool {
        for byte in UInt8(0x20)..<0x80 where PlainText.contains(byte) {
            guard step(configuration, byte) == configuration else { return false }
        }
        // Behind the first bytes the machine is in few configurations: what leads back is asked once.
        var known: Set<Rest> = []
        return PlainText.sequences.allSatisfy { leads(configuration, $0[...], to: configuration, &known) }
    }

    private struct Rest: Hashable {
        var configuration: Int32
        var bytes: ArraySlice<ClosedRange<UInt8>>
    }

    private func leads(
        _ configuration: Int32, _ bytes: ArraySlice<ClosedRange<UInt8>>, to goal: Int32, _ known: inout Set<Rest>
    ) -> Bool {
        guard let range = bytes.first else { return configuration == goal }
        let rest = Rest(configuration: configuration, bytes: bytes)
        if known.contains(rest) { return true }
        for byte in range {
            let target = step(configuration, byte)
            guard target >= 0, leads(target, bytes.dropFirst(), to: goal, &known) else { return false }
        }
        known.insert(rest)
        return true
    }
}

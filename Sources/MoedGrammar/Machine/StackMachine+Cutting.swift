import MoedAutomata

/// Configurations that are cut off below their upper levels.
extension StackMachine {
    /// Counters above this are taken for it: no token is as long.
    private static let counterMax: Int32 = 80

    /// The configuration with `levels` levels, and with counters that no token can exhaust made equal.
    func cut(_ configuration: Int32, levels: Int) -> Int32 {
        if levels == 0 { return ConfigurationTable.cut }
        if configuration <= ConfigurationTable.cut { return configuration }
        let id = CutID(configuration: configuration, levels: Int32(levels))
        if let known = cutConfigurations[id] { return known }
        let entries = table.entries[Int(configuration)].map { entry in
            StackEntry(
                frame: table.number(limited(table.frames[Int(entry.frame)])),
                below: cut(entry.below, levels: levels - 1))
        }
        let result = table.make(entries)
        cutConfigurations[id] = result
        return result
    }

    private func limited(_ frame: Frame) -> Frame {
        var frame = frame
        if frame.kind == .string {
            frame.least = min(frame.least, Self.counterMax)
            if program.strings[Int(frame.machine)].isAnyText { frame.most = min(frame.most, Self.counterMax) }
        }
        return frame
    }

    /// Most bytes that the levels below `levels` need.
    func costMaxBelow(_ configuration: Int32, levels: Int) -> Int {
        if levels == 0 || configuration <= ConfigurationTable.cut {
            return configuration <= ConfigurationTable.cut ? 0 : cost(configuration)
        }
        return table.entries[Int(configuration)].map { costMaxBelow($0.below, levels: levels - 1) }.max() ?? 0
    }

    /// Bytes to the end of the levels that are not cut off.
    func certainCost(_ configuration: Int32) -> Int {
        isUncertain(configuration)
            ? table.entries[Int(configuration)].filter { $0.frame != 1 }.map { cost($0) }.min() ?? 0
            : cost(configuration)
    }

    /// Code points that may follow whatever they are, inside a string; nil elsewhere.
    func freePoints(_ configuration: Int32) -> Int? {
        let entries = table.entries[Int(configuration)]
        guard entries.count == 1, let entry = entries.first else { return nil }
        let frame = table.frames[Int(entry.frame)]
        guard frame.kind == .string, frame.phase == Phase.key, frame.text.lexical == .text,
            program.strings[Int(frame.machine)].isAnyText,
            program.strings[Int(frame.machine)].dfa.label(frame.text.state) >= 0
        else { return nil }
        return frame.most < 0 ? Int.max : Int(frame.most)
    }

    /// The same inside a key that may be anything.
    func freeKeyPoints(_ configuration: Int32) -> Int? {
        guard let frame = freeKey(configuration), objects[Int(frame.machine)].isOpen else { return nil }
        return allowsExtra(frame) ? Int.max : nil
    }

    /// The frame of a key, where it is the only one and between two characters.
    private func freeKey(_ configuration: Int32) -> Frame? {
        let entries = table.entries[Int(configuration)]
        guard entries.count == 1, let entry = entries.first else { return nil }
        let frame = table.frames[Int(entry.frame)]
        guard frame.kind == .object, frame.phase == Phase.key, frame.text.lexical == .text,
            objects[Int(frame.machine)].dfa.label(frame.text.state) >= 0 || frame.text.state == DFA.start
        else { return nil }
        return frame
    }

    /// Bytes from an additional key's text to the object's end; 0 outside of keys.
    func extraKeyCost(_ configuration: Int32) -> Int {
        freeKey(configuration).map { extraTail($0) + 2 } ?? 0
    }

}

struct CutID: Hashable {
    var configuration: Int32
    var levels: Int32
}

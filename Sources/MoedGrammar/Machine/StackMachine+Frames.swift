import MoedAutomata

/// The steps of each kind of frame.
extension StackMachine {
    /// Phases of objects and arrays.
    enum Phase {
        static let before: UInt8 = 0
        static let first: UInt8 = 1
        static let key: UInt8 = 2
        static let colon: UInt8 = 3
        static let value: UInt8 = 4
        static let after: UInt8 = 5
        static let next: UInt8 = 6
        static let done: UInt8 = 7
    }

    /// True when the frame may take a byte.
    func waits(_ frame: Frame) -> Bool {
        switch frame.kind {
        case .accept, .unknown: return true
        case .value: return false
        case .literal: return Int(frame.position) < program.literals[Int(frame.machine)].count
        case .bytes:
            let dfa = program.dfas[Int(frame.machine)]
            let start = Int(frame.position) * dfa.classCount
            return dfa.next[start..<start + dfa.classCount].contains { $0 >= 0 }
        case .string, .object, .array: return frame.phase != Phase.done
        case .rule: return !program.rules.states[Int(frame.position)].edges.isEmpty
        }
    }

    /// True when the frame may return to the one below.
    func isEnd(_ frame: Frame) -> Bool {
        switch frame.kind {
        case .accept, .unknown, .value: return false
        case .literal: return Int(frame.position) == program.literals[Int(frame.machine)].count
        case .bytes: return program.dfas[Int(frame.machine)].label(frame.position) >= 0
        case .string, .object, .array: return frame.phase == Phase.done
        case .rule: return program.rules.states[Int(frame.position)].isEnd
        }
    }

    /// Frames that may be entered from here, and where they return to.
    func calls(_ frame: Frame) -> [(callee: Frame, back: Frame)] {
        switch frame.kind {
        case .object where frame.phase == Phase.value: return memberCalls(frame)
        case .array where frame.phase == Phase.first || frame.phase == Phase.next: return itemCalls(frame)
        default: return []
        }
    }

    /// Frame after a byte; nil when the byte is not allowed.
    func step(_ frame: Frame, _ byte: UInt8) -> Frame? {
        var next = frame
        switch frame.kind {
        case .literal:
            let text = program.literals[Int(frame.machine)]
            guard Int(frame.position) < text.count, text[Int(frame.position)] == byte else { return nil }
            next.position += 1
            return next
        case .bytes:
            next.position = program.dfas[Int(frame.machine)].step(frame.position, byte)
            return next.position == DFA.dead ? nil : next
        case .string: return stepString(frame, byte)
        case .object: return stepObject(frame, byte)
        case .array: return stepArray(frame, byte)
        case .accept, .unknown, .value, .rule: return nil
        }
    }

    /// Bytes to the frame's end.
    func cost(of frame: Frame) -> Int {
        switch frame.kind {
        case .accept, .unknown: return 0
        case .value: return program.costs[Int(frame.machine)]
        case .literal: return program.literals[Int(frame.machine)].count - Int(frame.position)
        case .bytes: return Int(program.byteCosts[Int(frame.machine)].bytes[Int(frame.position)])
        case .string: return stringCost(frame)
        case .object: return objectCost(frame)
        case .array: return arrayCost(frame)
        case .rule: return program.rules.states[Int(frame.position)].cost
        }
    }

    /// The frame's own next byte on a short way; nil when the way goes through a call.
    func closing(of frame: Frame) -> UInt8? {
        switch frame.kind {
        case .accept, .unknown, .value: return nil
        case .literal:
            let text = program.literals[Int(frame.machine)]
            return Int(frame.position) < text.count ? text[Int(frame.position)] : nil
        case .bytes:
            let costs = program.byteCosts[Int(frame.machine)]
            return costs.bytes[Int(frame.position)] > 0 ? costs.closing[Int(frame.position)] : nil
        case .string: return closingOfString(frame)
        case .object: return closingOfObject(frame)
        case .array: return closingOfArray(frame)
        case .rule: return program.rules.states[Int(frame.position)].closing
        }
    }

    // MARK: Strings

    func view(of frame: Frame) -> TextView {
        let machine = program.strings[Int(frame.machine)]
        let isBounded = frame.most >= 0 && !machine.isAnyText
        return TextView(
            dfa: machine.dfa,
            isAlive: { !isBounded || machine.costs.points[Int($0)] <= frame.most - $1 },
            cost: { Int(machine.costs.bytes[Int($0)]) },
            closing: { machine.costs.bytes[Int($0)] > 0 ? machine.costs.closing[Int($0)] : nil })
    }

    private func stepString(_ frame: Frame, _ byte: UInt8) -> Frame? {
        var next = frame
        if frame.phase == Phase.before {
            guard byte == UInt8(ascii: "\"") else { return nil }
            next.phase = Phase.key
            return next
        }
        switch view(of: frame).step(frame.text, byte, room: frame.most != 0) {
        case .dead: return nil
        case .closed:
            guard frame.least == 0 else { return nil }
            // Nothing of the inside matters behind the end.
            next = Frame(.string, machine: frame.machine)
            next.phase = Phase.done
            return next
        case .next(let text, let points):
            next.text = text
            next.least = max(0, frame.least - points)
            if frame.most > 0 { next.most = frame.most - points }
            return next
        }
    }

    private func stringCost(_ frame: Frame) -> Int {
        let machine = program.strings[Int(frame.machine)]
        switch frame.phase {
        case Phase.before:
            return machine.isAnyText ? 2 + Int(frame.least) : machine.cost ?? TextCosts.infinite
        case Phase.done: return 0
        default:
            guard let plan = view(of: frame).plan(frame.text) else { return TextCosts.infinite }
            let after = plan.bytes.count + Int(machine.costs.bytes[Int(plan.state)]) + 1
            guard machine.isAnyText else { return after }
            return after + Int(max(0, frame.least - (plan.bytes.isEmpty ? 0 : 1)))
        }
    }

    private func closingOfString(_ frame: Frame) -> UInt8? {
        if frame.phase == Phase.before { return UInt8(ascii: "\"") }
        let view = view(of: frame)
        if let plan = view.plan(frame.text), let byte = plan.bytes.first { return byte }
        if let byte = view.closing(frame.text.state) {
            return JSONText.length(byte) == 1 ? byte : UInt8(ascii: "\\")
        }
        return frame.least > 0 ? UInt8(ascii: "a") : UInt8(ascii: "\"")
    }
}

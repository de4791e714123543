import MoedAutomata

/// Position in an object that decides which keys may come.
struct KeyChoiceID: Hashable {
    var machine: Int32
    var position: Int32
    var count: Int32
    var owes: Bool
}

/// Keys that may come next, and what each costs.
struct KeyChoice {
    /// Labels of allowed keys, 64 a word.
    var allowed: [UInt64]
    /// Bytes behind the quoted key to the object's end, by label.
    var tails: [Int]
    /// Bytes from the key's opening quote to the object's end on the shortest way; infinite when no key may come.
    var cost: Int
}

struct LabelID: Hashable {
    var machine: Int32
    var label: Int32
}

struct DerivedKey: Hashable {
    var machine: Int32
    var key: [UInt8]
}

/// Objects: members in the order of their machine.
extension StackMachine {
    /// Additional members beyond these are not generated; fewer where the automaton of the keys is large.
    static let additionalMembersMax = 256

    private func choice(_ frame: Frame) -> KeyChoice {
        let id = KeyChoiceID(
            machine: frame.machine, position: frame.position, count: frame.count, owes: frame.least > 0)
        if let known = choices[id] { return known }
        let machine = objects[Int(frame.machine)]
        var choice = KeyChoice(
            allowed: [UInt64](repeating: 0, count: machine.wordsPerState),
            tails: [Int](repeating: TextCosts.infinite, count: machine.keys.count + machine.extras.count),
            cost: TextCosts.infinite)
        let position = Int(frame.position)
        for label in position..<choice.tails.count {
            let isExtra = label >= machine.keys.count
            // A required key cannot be passed over.
            let end = min(label, machine.keys.count)
            guard machine.requiredCounts[position] == machine.requiredCounts[end] else { break }
            let calls = memberCalls(after(frame, label: Int32(label)))
            let tail =
                calls.map { call in
                    machine.isList
                        ? objectCost(call.back) : Saturating.sum(cost(of: call.callee) + 1, objectCost(call.back))
                }.min() ?? TextCosts.infinite
            guard tail < TextCosts.infinite, isExtra || machine.keys[label].length < TextCosts.infinite else {
                continue
            }
            choice.tails[label] = tail
            choice.allowed[label / 64] |= 1 << UInt64(label % 64)
            let length = isExtra ? extraLength(frame.machine, label) : machine.keys[label].length
            choice.cost = min(choice.cost, Saturating.sum(length, tail))
        }
        choices[id] = choice
        return choice
    }

    /// True when an additional key may come.
    func allowsExtra(_ frame: Frame) -> Bool { extraTail(frame) < TextCosts.infinite }

    /// Bytes behind the cheapest additional key to the object's end.
    func extraTail(_ frame: Frame) -> Int {
        choice(frame).tails.dropFirst(objects[Int(frame.machine)].keys.count).min() ?? TextCosts.infinite
    }

    private func extraLength(_ machine: Int32, _ label: Int) -> Int {
        let object = objects[Int(machine)]
        return object.extras[label - object.keys.count].length
    }

    private func after(_ frame: Frame, label: Int32) -> Frame {
        var next = frame
        next.phase = Phase.value
        next.text = TextState()
        next.label = label
        return next
    }

    /// The frame of the value behind a key's colon, with the member counted.
    func memberCalls(_ frame: Frame) -> [(callee: Frame, back: Frame)] {
        let machine = objects[Int(frame.machine)]
        let label = Int(frame.label)
        var back = Frame(.object, machine: frame.machine)
        back.phase = Phase.after
        back.isOpen = frame.isOpen
        back.pending = frame.pending
        back.least = frame.least
        back.position = Int32(min(label + 1, machine.keys.count))
        back.count =
            machine.counts
            ? min(frame.count + 1, Int32(clamping: max(machine.least, (machine.most ?? 0) + 1))) : 0
        guard label >= machine.keys.count else {
            return [(Frame(.value, machine: machine.keys[label].value), back)]
        }
        let extra = machine.extras[label - machine.keys.count]
        var calls = [(callee: Frame(.value, machine: extra.value), back: back)]
        if frame.least > 0, extra.meeting != ExpressionTable.nothing {
            var met = back
            met.least = 0
            calls.append((Frame(.value, machine: extra.meeting), met))
        }
        return calls
    }

    private func canClose(_ frame: Frame) -> Bool {
        let machine = objects[Int(frame.machine)]
        return frame.least == 0 && machine.requiredCounts[Int(frame.position)] == 0
            && Int(frame.count) >= machine.least
    }

    private func keyView(_ frame: Frame) -> TextView {
        let machine = objects[Int(frame.machine)]
        let choice = choice(frame)
        let words = machine.wordsPerState
        return TextView(
            dfa: machine.dfa,
            isAlive: { state, _ in
                for word in 0..<words
                where machine.reach[Int(state) * words + word] & choice.allowed[word] != 0 {
                    return true
                }
                return false
            },
            cost: { self.keyCost(frame.machine, choice, $0).cost },
            closing: { self.keyCost(frame.machine, choice, $0).byte })
    }

    /// The cheapest way from a state of the key's text to the object's end, and its first byte.
    private func keyCost(_ id: Int32, _ choice: KeyChoice, _ state: Int32) -> (cost: Int, byte: UInt8?) {
        let machine = objects[Int(id)]
        let words = machine.wordsPerState
        var best: (cost: Int, byte: UInt8?) = (TextCosts.infinite, nil)
        for word in 0..<words {
            var bits = machine.reach[Int(state) * words + word] & choice.allowed[word]
            while bits != 0 {
                let label = word * 64 + bits.trailingZeroBitCount
                bits &= bits - 1
                let costs = costs(ofLabel: LabelID(machine: id, label: Int32(label)))
                guard costs.bytes[Int(state)] < Int32.max else { continue }
                let cost = Saturating.sum(Int(costs.bytes[Int(state)]) + 1, choice.tails[label])
                if cost < best.cost {
                    best = (cost, costs.bytes[Int(state)] > 0 ? costs.closing[Int(state)] : nil)
                }
            }
        }
        return best
    }

    private func costs(ofLabel id: LabelID) -> TextCosts {
        if let known = labelCosts[id] { return known }
        let costs = TextCosts(objects[Int(id.machine)].dfa, isJSON: true, fewestPoints: false) {
            $0 == id.label
        }
        labelCosts[id] = costs
        derivedBytes += 16 * objects[Int(id.machine)].dfa.count
        return costs
    }

    func stepObject(_ frame: Frame, _ byte: UInt8) -> Frame? {
        var next = frame
        switch (frame.phase, byte) {
        case (Phase.before, objects[Int(frame.machine)].opening): next.phase = Phase.first
        case (Phase.key, _): return stepKey(frame, byte)
        case (Phase.first, UInt8(ascii: "\"")), (Phase.next, UInt8(ascii: "\"")):
            // A key that may repeat the last one must wait for the next token. Any text may begin in the same one.
            let machine = objects[Int(frame.machine)]
            guard !frame.isOpen || machine.isList && machine.isOpen else { return nil }
            if frame.pending > 0 {
                next.machine = without(keys[Int(frame.pending) - 1], frame.machine)
                next.pending = 0
            }
            guard choice(next).cost < TextCosts.infinite, !objects[Int(next.machine)].dfa.isEmpty else {
                return nil
            }
            next.phase = Phase.key
            next.space = 0
        case (Phase.first, objects[Int(frame.machine)].closing), (Phase.after, objects[Int(frame.machine)].closing):
            guard canClose(frame) else { return nil }
            next = Frame(.object, machine: frame.machine)
            next.phase = Phase.done
        case (Phase.colon, UInt8(ascii: ":")): next.phase = Phase.value
        case (Phase.after, UInt8(ascii: ",")):
            guard frame.space == 0, choice(frame).cost < TextCosts.infinite,
                !frame.isOpen || objects[Int(frame.machine)].isWide
            else { return nil }
            next.phase = Phase.next
        case (Phase.first, _), (Phase.value, _), (Phase.after, _), (Phase.next, _):
            guard let space = Frame.spaced(frame.space, byte), frame.phase != Phase.after || canClose(frame)
            else {
                return nil
            }
            next.space = space
        default: return nil
        }
        return next
    }

    private func stepKey(_ frame: Frame, _ byte: UInt8) -> Frame? {
        let view = keyView(frame)
        var next = frame
        switch view.step(frame.text, byte, room: true) {
        case .dead: return nil
        case .next(let text, _): next.text = text
        case .closed:
            guard !frame.isOpen else { return nil }
            let machine = objects[Int(frame.machine)]
            let label = machine.dfa.label(frame.text.state)
            guard label >= 0, choice(frame).tails[Int(label)] < TextCosts.infinite else { return nil }
            next = after(frame, label: label)
            if machine.isList {
                // The member is complete: no value follows.
                next = memberCalls(next)[0].back
            } else {
                next.phase = Phase.colon
            }
            next.isOpen = Int(label) >= machine.keys.count
        }
        return next
    }

    /// The frame behind an additional key's quote, with the key taken out of those that may come later.
    func settled(_ frame: Frame, key: [UInt8]) -> Frame {
        var next = frame
        next.isOpen = false
        let machine = objects[Int(frame.machine)]
        // Most objects end before another key is asked for.
        if machine.isWide, machine.used + 1 < machine.usedMax {
            next.pending = number(ofKey: key)
        } else {
            next.machine = without(key, frame.machine)
        }
        return next
    }

    private func number(ofKey key: [UInt8]) -> Int32 {
        if let known = keyNumbers[key] { return known }
        keys.append(key)
        keyNumbers[key] = Int32(keys.count)
        return Int32(keys.count)
    }

    /// The machine whose additional keys are all but this one.
    private func without(_ key: [UInt8], _ id: Int32) -> Int32 {
        let derivedID = DerivedKey(machine: id, key: key)
        if let known = derived[derivedID] { return known }
        var machine = objects[Int(id)]
        machine.used += 1
        let isLast = machine.used >= machine.usedMax
        let firstExtra = machine.keys.count
        machine.dfa = machine.dfa.changing(key) { label, isKey in
            isKey || isLast && Int(label) >= firstExtra ? nil : label
        }
        machine.measure()
        machine.price(program.costs)
        let number = Int32(objects.count)
        objects.append(machine)
        derivedBytes += machine.byteCount
        derived[derivedID] = number
        return number
    }

    func objectCost(_ frame: Frame) -> Int {
        let machine = objects[Int(frame.machine)]
        func rest(isFirst: Bool) -> Int {
            machine.rest(
                from: Int(frame.position), count: Int(frame.count), owes: frame.least > 0, isFirst: isFirst,
                used: machine.used + (frame.pending > 0 || frame.isOpen ? 1 : 0))
        }
        switch frame.phase {
        case Phase.before: return Saturating.sum(1, rest(isFirst: true))
        case Phase.first: return rest(isFirst: true)
        case Phase.after: return rest(isFirst: false)
        case Phase.next: return choice(frame).cost
        case Phase.key:
            let view = keyView(frame)
            guard let plan = view.plan(frame.text) else { return TextCosts.infinite }
            let slack = frame.isOpen ? machine.slack(1) : 0
            return Saturating.sum(plan.bytes.count + slack, view.cost(plan.state))
        case Phase.colon, Phase.value:
            let least = memberCalls(frame).map { Saturating.sum(cost(of: $0.callee), objectCost($0.back)) }
                .min()
            return Saturating.sum(least ?? TextCosts.infinite, frame.phase == Phase.colon ? 1 : 0)
        default: return 0
        }
    }

    func closingOfObject(_ frame: Frame) -> UInt8? {
        switch frame.phase {
        case Phase.before: return objects[Int(frame.machine)].opening
        case Phase.first: return canClose(frame) ? objects[Int(frame.machine)].closing : UInt8(ascii: "\"")
        case Phase.after: return canClose(frame) ? objects[Int(frame.machine)].closing : UInt8(ascii: ",")
        case Phase.next: return UInt8(ascii: "\"")
        case Phase.colon: return UInt8(ascii: ":")
        case Phase.key:
            let view = keyView(frame)
            if let plan = view.plan(frame.text), let byte = plan.bytes.first { return byte }
            guard let byte = view.closing(frame.text.state) else { return UInt8(ascii: "\"") }
            return JSONText.length(byte) == 1 ? byte : UInt8(ascii: "\\")
        default: return nil
        }
    }
}

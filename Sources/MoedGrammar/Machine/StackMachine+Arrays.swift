/// Arrays: items by position.
extension StackMachine {
    /// Items that may come at the frame's position.
    func itemCalls(_ frame: Frame) -> [(callee: Frame, back: Frame)] {
        let machine = program.arrays[Int(frame.machine)]
        let index = Int(frame.position)
        if let most = machine.most, index >= most { return [] }
        func back(hits: Int32) -> Frame {
            var back = Frame(.array, machine: frame.machine)
            back.phase = Phase.after
            back.position = Int32(clamping: min(index + 1, machine.countMax))
            back.count = hits
            return back
        }
        let place = machine.place(index)
        var calls: [(callee: Frame, back: Frame)] = []
        if let contained = machine.contained {
            let hitsMax = contained.most.map { $0 + 1 } ?? contained.least
            let hits = Int32(clamping: min(Int(frame.count) + 1, hitsMax))
            calls.append((Frame(.value, machine: contained.hits[place]), back(hits: hits)))
            calls.append((Frame(.value, machine: contained.others[place]), back(hits: frame.count)))
        } else {
            calls.append((Frame(.value, machine: machine.items[place]), back(hits: 0)))
        }
        return calls.filter {
            cost(of: $0.callee) < TextCosts.infinite && arrayCost($0.back) < TextCosts.infinite
        }
    }

    private func canClose(_ frame: Frame) -> Bool {
        let machine = program.arrays[Int(frame.machine)]
        guard Int(frame.position) >= machine.least else { return false }
        guard let contained = machine.contained else { return true }
        return Int(frame.count) >= contained.least && contained.most.map { Int(frame.count) <= $0 } ?? true
    }

    func stepArray(_ frame: Frame, _ byte: UInt8) -> Frame? {
        var next = frame
        switch (frame.phase, byte) {
        case (Phase.before, UInt8(ascii: "[")): next.phase = Phase.first
        case (Phase.first, UInt8(ascii: "]")), (Phase.after, UInt8(ascii: "]")):
            guard canClose(frame) else { return nil }
            next = Frame(.array, machine: frame.machine)
            next.phase = Phase.done
        case (Phase.after, UInt8(ascii: ",")):
            guard frame.space == 0, !itemCalls(frame).isEmpty else { return nil }
            next.phase = Phase.next
        case (Phase.first, _), (Phase.after, _), (Phase.next, _):
            guard let space = Frame.spaced(frame.space, byte), frame.phase != Phase.after || canClose(frame)
            else {
                return nil
            }
            next.space = space
        default: return nil
        }
        return next
    }

    func arrayCost(_ frame: Frame) -> Int {
        let machine = program.arrays[Int(frame.machine)]
        let (index, hits) = (Int(frame.position), Int(frame.count))
        switch frame.phase {
        case Phase.before: return Saturating.sum(1, machine.rest(from: index, hits: hits, isFirst: true))
        case Phase.first: return machine.rest(from: index, hits: hits, isFirst: true)
        case Phase.after: return machine.rest(from: index, hits: hits, isFirst: false)
        case Phase.next:
            return itemCalls(frame).map { Saturating.sum(cost(of: $0.callee), arrayCost($0.back)) }.min()
                ?? TextCosts.infinite
        default: return 0
        }
    }

    func closingOfArray(_ frame: Frame) -> UInt8? {
        switch frame.phase {
        case Phase.before: UInt8(ascii: "[")
        case Phase.first: canClose(frame) ? UInt8(ascii: "]") : nil
        case Phase.after: canClose(frame) ? UInt8(ascii: "]") : UInt8(ascii: ",")
        default: nil
        }
    }
}

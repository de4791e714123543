/// The automaton of a program: steps from configuration to configuration, byte by byte.
///
/// It remembers every step. One thread at a time may use it.
final class StackMachine {
    let program: Program
    /// The program's objects, and those that already used keys have been taken from.
    var objects: [ObjectMachine]
    var table = ConfigurationTable()
    private var frameCosts: [Int32] = []
    private var costs: [Int32] = []
    /// Steps that were taken before.
    var steps = StepTable()
    var choices: [KeyChoiceID: KeyChoice] = [:]
    var labelCosts: [LabelID: TextCosts] = [:]
    var derived: [DerivedKey: Int32] = [:]
    /// Additional keys that were written, and their numbers.
    var keys: [[UInt8]] = []
    var keyNumbers: [[UInt8]: Int32] = [:]
    var cutConfigurations: [CutID: Int32] = [:]
    private var factsOf: [UInt8] = []
    private let programBytes: Int
    /// Bytes of objects without used keys, and of their ways to the end.
    var derivedBytes = 0
    var loops: [Int32: Bool] = [:]

    init(_ program: Program) {
        self.program = program
        objects = program.objects
        programBytes = program.byteCount
    }

    private(set) lazy var start: Int32 =
        program.root.kind == .rule
        ? startOfRules() : close([(program.root, ConfigurationTable.bottom)])

    /// Configuration after a byte; `dead` when the byte is not allowed.
    func step(_ configuration: Int32, _ byte: UInt8) -> Int32 {
        let known = steps[configuration, byte]
        return known == StepTable.unknown ? makeStep(configuration, byte) : known
    }

    func makeStep(_ configuration: Int32, _ byte: UInt8) -> Int32 {
        if program.root.kind == .rule {
            let (target, bytes) = takeInRules(configuration, byte)
            for byte in bytes { steps.set(configuration, byte, target) }
            return target
        }
        let target = take(configuration, byte)
        steps.set(configuration, byte, target)
        return target
    }

    private func take(_ configuration: Int32, _ byte: UInt8) -> Int32 {
        var seeds: [(Frame, Int32)] = []
        for entry in table.entries[Int(configuration)] {
            let frame = table.frames[Int(entry.frame)]
            switch frame.kind {
            case .accept, .value: continue
            case .unknown: seeds.append((frame, entry.below))
            default:
                if let next = step(frame, byte) { seeds.append((next, entry.below)) }
            }
        }
        return seeds.isEmpty ? ConfigurationTable.dead : close(seeds)
    }

    /// Follows calls and returns until every frame waits for a byte.
    func close(_ seeds: [(Frame, Int32)]) -> Int32 {
        var result: [StackEntry] = []
        var seen: Set<StackEntry> = []
        var work = seeds
        func push(_ frame: Frame, _ below: Int32) { work.append((frame, below)) }
        while let (frame, below) = work.popLast() {
            if frame.kind == .value {
                for beginning in program.beginnings[Int(frame.machine)] { push(beginning, below) }
                continue
            }
            let entry = StackEntry(frame: table.number(frame), below: below)
            guard seen.insert(entry).inserted else { continue }
            if waits(frame) { result.append(entry) }
            if isEnd(frame) {
                for back in table.entries[Int(below)] { push(table.frames[Int(back.frame)], back.below) }
            }
            for (callee, back) in calls(frame) {
                let numbered = StackEntry(frame: table.number(back), below: below)
                push(callee, table.make([numbered]))
            }
        }
        return table.make(result)
    }

    /// True when so much is remembered that a new machine should take over.
    var isLarge: Bool {
        table.count > 200_000 || objects.count > 20_000 || steps.byteCount > 16 << 20 || derivedBytes > 16 << 20
    }

    /// Bytes of the program and of what is remembered, nearly.
    var byteCount: Int { programBytes + derivedBytes + steps.byteCount + 256 * table.count }

    // MARK: What a configuration means

    func isAccepting(_ configuration: Int32) -> Bool {
        // The accepting frame has number 0 and sorts first.
        table.entries[Int(configuration)].first?.frame == 0
    }

    /// True when nothing but the end may follow.
    func isFinished(_ configuration: Int32) -> Bool {
        isAccepting(configuration) && table.entries[Int(configuration)].count == 1
    }

    /// The commonest questions about a configuration, answered as bits.
    enum Facts {
        static let isKnown: UInt8 = 1
        static let certain: UInt8 = 2
        static let uncertain: UInt8 = 4
        static let inKey: UInt8 = 8
    }

    func facts(_ configuration: Int32) -> UInt8 {
        let index = Int(configuration)
        if index < factsOf.count, factsOf[index] != 0 { return factsOf[index] }
        var facts = Facts.isKnown
        for entry in table.entries[index] {
            let frame = table.frames[Int(entry.frame)]
            facts |= frame.kind == .unknown ? Facts.uncertain : Facts.certain
            if frame.kind == .object, frame.phase == Phase.key { facts |= Facts.inKey }
        }
        while factsOf.count <= index { factsOf.append(0) }
        factsOf[index] = facts
        return facts
    }

    /// True when a level that is not cut off is among the stacks.
    func isCertain(_ configuration: Int32) -> Bool { facts(configuration) & Facts.certain != 0 }

    func isUncertain(_ configuration: Int32) -> Bool { facts(configuration) & Facts.uncertain != 0 }

    /// Bytes to the end on a short way.
    func cost(_ configuration: Int32) -> Int {
        let index = Int(configuration)
        if index < costs.count, costs[index] >= 0 { return Int(costs[index]) }
        // Stacks are deep: those below are asked first, without recursion.
        var work = [configuration]
        while let current = work.last {
            let missing = table.entries[Int(current)].filter {
                $0.frame > 1 && !(Int($0.below) < costs.count && costs[Int($0.below)] >= 0)
            }
            guard missing.isEmpty else {
                work += missing.map(\.below)
                continue
            }
            work.removeLast()
            let least = table.entries[Int(current)].map { cost($0) }.min() ?? TextCosts.infinite
            while costs.count <= Int(current) { costs.append(-1) }
            costs[Int(current)] = Int32(clamping: least)
        }
        return Int(costs[index])
    }

    func cost(_ entry: StackEntry) -> Int {
        if entry.frame <= 1 { return 0 }
        return Saturating.sum(frameCost(entry.frame), cost(entry.below))
    }

    private func frameCost(_ id: Int32) -> Int {
        let index = Int(id)
        if index < frameCosts.count, frameCosts[index] >= 0 { return Int(frameCosts[index]) }
        let cost = cost(of: table.frames[index])
        while frameCosts.count <= index { frameCosts.append(-1) }
        frameCosts[index] = Int32(clamping: cost)
        return cost
    }

    /// The next byte of the short way; nil at the end.
    func closing(_ configuration: Int32) -> UInt8? {
        var best: (Int, UInt8)?
        for entry in table.entries[Int(configuration)] {
            if entry.frame == 0 { return nil }
            guard let byte = closing(of: table.frames[Int(entry.frame)]) else { continue }
            let cost = cost(entry)
            // Equal costs are decided by the byte: numbers of frames depend on what was asked before.
            if best.map({ (cost, byte) < $0 }) ?? true { best = (cost, byte) }
        }
        return best?.1
    }
}

/// Steps from configurations by bytes, as far as they are known.
struct StepTable {
    static let unknown: Int32 = -2

    /// Number of each configuration's row; -1 before its first step.
    private var rowOf: [Int32] = []
    private var rows: [Int32] = []

    var byteCount: Int { rows.count * 4 }

    @inline(__always)
    subscript(configuration: Int32, byte: UInt8) -> Int32 {
        let index = Int(configuration)
        guard index < rowOf.count, rowOf[index] >= 0 else { return Self.unknown }
        return rows[Int(rowOf[index]) << 8 | Int(byte)]
    }

    mutating func set(_ configuration: Int32, _ byte: UInt8, _ target: Int32) {
        while rowOf.count <= Int(configuration) { rowOf.append(-1) }
        if rowOf[Int(configuration)] < 0 {
            rowOf[Int(configuration)] = Int32(rows.count >> 8)
            rows.append(contentsOf: repeatElement(Self.unknown, count: 256))
        }
        rows[Int(rowOf[Int(configuration)]) << 8 | Int(byte)] = target
    }
}

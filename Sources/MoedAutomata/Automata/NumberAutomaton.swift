import Synchronization

/// Builds the automaton of the JSON spellings of a `NumberShape`.
///
/// States compare the digits so far with each bound and keep the rest of each division.
package struct NumberAutomaton {
    static let statesMax = 100_000
    /// Most digits before and behind the point. Doubles have fewer that matter.
    static let integerDigitsMax = 64
    static let fractionDigitsMax = 40
    /// The same where a division multiplies the states.
    private static let dividedDigitsMax = 18
    private static let modulusMax = 20_000

    private enum Phase: UInt8 {
        case start, minus, zero, integer, point, fraction, power, powerSign, powerDigits
    }

    private struct State: Hashable {
        var phase = Phase.start
        var isNegative = false
        var integerCount = 0
        var fractionCount = 0
        var hasFraction = false
        var hasNonzero = false
        var powerIsNegative = false
        var power = 0
        var powerCount = 0
        /// -2 or 2: decided for good; -1, 0, 1: by the digits so far.
        var orders: [Int8] = []
        var rests: [Int32] = []
    }

    private struct Divisor {
        var modulus: Int
        var places: Int
        var wanted: Bool
    }

    private let shape: NumberShape
    /// Values that digits are compared with: bounds first, then excluded values.
    private let compared: [(digits: [UInt8], fraction: [UInt8], value: ExactDecimal)]
    private let divisors: [Divisor]
    private let allowsPower: Bool

    package static func dfa(_ shape: NumberShape) throws(GrammarError) -> DFA {
        if let values = shape.values {
            let texts = values.filter(shape.accepts).flatMap {
                $0.spellings(fractionOfIntegers: shape.allowsPointZero)
            }
            return DFABuilder.words(texts)
        }
        if let known = built.withLock({ $0[shape] }) { return known }
        let dfa = try NumberAutomaton(shape).build()
        built.withLock { known in
            if known.count >= 64 { known.removeAll() }
            known[shape] = dfa
        }
        return dfa
    }

    /// Automata of common shapes.
    private static let built = Mutex<[NumberShape: DFA]>([:])

    private init(_ shape: NumberShape) throws(GrammarError) {
        self.shape = shape
        let values = [shape.lower, shape.upper].compactMap { $0?.value } + shape.excluded
        compared = values.map { ($0.integerDigits, $0.fractionDigits, $0) }
        var divisors: [Divisor] = []
        for (list, wanted) in [(shape.multiples, true), (shape.notMultiples, false)] {
            for step in list {
                guard let (modulus, places) = step.scaled, modulus <= Self.modulusMax,
                    places < Self.dividedDigitsMax
                else {
                    throw GrammarError(
                        .unsupported, "multipleOf with more than \(Self.modulusMax) remainders")
                }
                divisors.append(Divisor(modulus: modulus, places: places, wanted: wanted))
            }
        }
        self.divisors = divisors
        allowsPower = values.isEmpty && divisors.isEmpty && shape.isInteger == nil
    }

    private func build() throws(GrammarError) -> DFA {
        var classes = [UInt8](repeating: 0, count: 256)
        let bytes = Array("0123456789-+.eE".utf8)
        for (index, byte) in bytes.enumerated() { classes[Int(byte)] = UInt8(index + 1) }
        var parts = DFAParts(classes: classes, classCount: bytes.count + 1)
        var first = State()
        first.orders = compared.map { _ in 0 }
        first.rests = divisors.map { _ in 0 }
        var ids: [State: Int32] = [first: 0]
        var states = [first]
        parts.labels.append(-1)
        var done = 0
        while done < states.count {
            parts.next.append(DFA.dead)
            for byte in bytes {
                guard let target = step(states[done], byte) else {
                    parts.next.append(DFA.dead)
                    continue
                }
                if ids[target] == nil {
                    ids[target] = Int32(states.count)
                    states.append(target)
                    parts.labels.append(accepts(target) ? 0 : -1)
                }
                parts.next.append(ids[target] ?? DFA.dead)
            }
            done += 1
            guard states.count <= Self.statesMax else {
                throw GrammarError(.tooLarge, "the numbers' automaton has more than \(Self.statesMax) states")
            }
        }
        return parts.finished()
    }

    private func step(_ state: State, _ byte: UInt8) -> State? {
        var next = state
        switch byte {
        case UInt8(ascii: "-"):
            guard state.phase == .start || state.phase == .power else { return nil }
            next.phase = state.phase == .start ? .minus : .powerSign
            next.isNegative = state.isNegative || state.phase == .start
            next.powerIsNegative = state.phase == .power
        case UInt8(ascii: "+"):
            guard state.phase == .power else { return nil }
            next.phase = .powerSign
        case UInt8(ascii: "."):
            guard state.phase == .zero || state.phase == .integer else { return nil }
            guard shape.isInteger != true || shape.allowsPointZero else { return nil }
            next.phase = .point
            endInteger(&next)
            // Only a power asks for the number of digits again.
            next.integerCount = !allowsPower ? 0 : state.integerCount == 1 ? 1 : Self.integerDigitsMax
        case UInt8(ascii: "e"), UInt8(ascii: "E"):
            guard allowsPower, [.zero, .integer, .fraction].contains(state.phase) else { return nil }
            next.phase = .power
            // Only the room for the power is still needed.
            next.integerCount = state.integerCount == 1 ? 1 : Self.integerDigitsMax
            next.fractionCount = 0
            next.isNegative = false
            next.hasFraction = false
            next.hasNonzero = false
        default:
            guard addDigit(byte - 48, to: &next) else { return nil }
        }
        return next
    }

    private func addDigit(_ digit: UInt8, to state: inout State) -> Bool {
        switch state.phase {
        case .start, .minus, .integer:
            guard state.integerCount < (divisors.isEmpty ? Self.integerDigitsMax : Self.dividedDigitsMax)
            else { return false }
            if state.phase != .integer { state.phase = digit == 0 ? .zero : .integer }
            for (index, value) in compared.enumerated() where state.orders[index] == 0 {
                if state.integerCount < value.digits.count {
                    let other = value.digits[state.integerCount]
                    state.orders[index] = digit == other ? 0 : digit < other ? -1 : 1
                }
            }
            divide(digit, &state)
            state.integerCount += 1
            state.hasNonzero = state.hasNonzero || digit != 0
        case .point, .fraction:
            guard state.fractionCount < (divisors.isEmpty ? Self.fractionDigitsMax : Self.dividedDigitsMax)
            else { return false }
            if shape.isInteger == true, digit != 0 || state.fractionCount > 0 { return false }
            addFraction(digit, to: &state)
        case .power, .powerSign, .powerDigits:
            guard state.powerCount < 3 else { return false }
            state.power = state.powerIsNegative ? 0 : state.power * 10 + Int(digit)
            state.powerCount += 1
            // The value stays a finite double.
            guard state.powerIsNegative || state.power + state.integerCount <= 308 else { return false }
            state.phase = .powerDigits
        case .zero: return false
        }
        return true
    }

    private func addFraction(_ digit: UInt8, to state: inout State) {
        state.phase = .fraction
        for (index, value) in compared.enumerated() where state.orders[index] == 0 {
            let other = state.fractionCount < value.fraction.count ? value.fraction[state.fractionCount] : 0
            state.orders[index] = digit == other ? 0 : digit < other ? -2 : 2
        }
        for (index, divisor) in divisors.enumerated() where state.rests[index] >= 0 {
            if state.fractionCount < divisor.places {
                state.rests[index] = Int32((Int(state.rests[index]) * 10 + Int(digit)) % divisor.modulus)
            } else if digit != 0 {
                state.rests[index] = -1
            }
        }
        state.fractionCount += 1
        state.hasFraction = state.hasFraction || digit != 0
        state.hasNonzero = state.hasNonzero || digit != 0
    }

    private func divide(_ digit: UInt8, _ state: inout State) {
        for (index, divisor) in divisors.enumerated() {
            state.rests[index] = Int32((Int(state.rests[index]) * 10 + Int(digit)) % divisor.modulus)
        }
    }

    /// Decides comparisons by the number of digits before the point.
    private func endInteger(_ state: inout State) {
        for (index, value) in compared.enumerated() {
            if state.integerCount != value.digits.count {
                state.orders[index] = state.integerCount < value.digits.count ? -2 : 2
            } else if state.orders[index] != 0 {
                state.orders[index] = state.orders[index] < 0 ? -2 : 2
            }
        }
    }

    private func accepts(_ state: State) -> Bool {
        guard [.zero, .integer, .fraction, .powerDigits].contains(state.phase) else { return false }
        if shape.isInteger == false, !state.hasFraction { return false }
        var ended = state
        if state.phase != .fraction { endInteger(&ended) }
        if compared.isEmpty, divisors.isEmpty { return true }
        for (index, divisor) in divisors.enumerated() {
            var rest = Int(state.rests[index])
            for _ in min(state.fractionCount, divisor.places)..<divisor.places {
                if rest >= 0 { rest = rest * 10 % divisor.modulus }
            }
            if (rest == 0) != divisor.wanted { return false }
        }
        return comparisonsHold(ended)
    }

    private func comparisonsHold(_ state: State) -> Bool {
        var index = 0
        func order() -> Int {
            defer { index += 1 }
            let value = compared[index].value
            var order = Int(state.orders[index])
            if order == 0, state.fractionCount < compared[index].fraction.count { order = -1 }
            // Zero has no sign.
            let isNegative = state.isNegative && state.hasNonzero
            if !state.hasNonzero, value.isZero { return 0 }
            if isNegative != value.isNegative { return isNegative ? -1 : 1 }
            return isNegative ? -order : order
        }
        if let lower = shape.lower {
            let order = order()
            if order < 0 || order == 0 && lower.isExclusive { return false }
        }
        if let upper = shape.upper {
            let order = order()
            if order > 0 || order == 0 && upper.isExclusive { return false }
        }
        while index < compared.count { if order() == 0 { return false } }
        return true
    }
}

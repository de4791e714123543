import MoedAutomata

/// Position inside a JSON string: a state of the text's automaton, and an escape in progress.
struct TextState: Hashable, Sendable {
    enum Lexical: UInt8 {
        case text
        case backslash
        /// `\u` and a number of hexadecimal digits.
        case hex0, hex1, hex2, hex3
        /// A high surrogate; `\u` of the low one must follow.
        case high, highBackslash
        case low0, low1, low2, low3
    }

    var state: Int32 = DFA.start
    var lexical = Lexical.text
    /// Hexadecimal digits so far; the high surrogate in the upper half.
    var digits: UInt32 = 0
}

/// The automaton of a text as one user of it sees it.
struct TextView {
    let dfa: DFA
    /// True when the text may go on from a state or end there, after a number of new code points.
    let isAlive: (_ state: Int32, _ points: Int32) -> Bool
    /// Bytes from a state to the end of everything that the user counts.
    let cost: (Int32) -> Int
    /// First byte of that way; nil when the text should end here.
    let closing: (Int32) -> UInt8?

    enum Step {
        case dead
        /// `points` code points are complete with this byte.
        case next(TextState, points: Int32)
        /// The closing quote, where the text may end.
        case closed
    }

    /// Step by a byte behind the opening quote.
    ///
    /// - Parameter room: true when another code point may begin.
    func step(_ text: TextState, _ byte: UInt8, room: Bool) -> Step {
        switch text.lexical {
        case .text: return stepText(text, byte, room)
        case .backslash:
            if byte == UInt8(ascii: "u") { return .next(with(text, .hex0, 0), points: 0) }
            guard let value = JSONText.simpleEscapes.first(where: { $0.letter == byte })?.value else {
                return .dead
            }
            return move(text.state, by: [value])
        case .hex0, .hex1, .hex2, .hex3: return stepHex(text, byte)
        case .high:
            return byte == UInt8(ascii: "\\")
                ? .next(with(text, .highBackslash, text.digits), points: 0) : .dead
        case .highBackslash:
            return byte == UInt8(ascii: "u") ? .next(with(text, .low0, text.digits << 16), points: 0) : .dead
        case .low0, .low1, .low2, .low3: return stepLow(text, byte)
        }
    }

    private func with(_ text: TextState, _ lexical: TextState.Lexical, _ digits: UInt32) -> TextState {
        TextState(state: text.state, lexical: lexical, digits: digits)
    }

    private func stepText(_ text: TextState, _ byte: UInt8, _ room: Bool) -> Step {
        switch byte {
        case UInt8(ascii: "\""): return dfa.label(text.state) >= 0 ? .closed : .dead
        case UInt8(ascii: "\\"):
            guard room, firstPoint(text.state, 0...0x10FFFF) != nil else { return .dead }
            return .next(with(text, .backslash, 0), points: 0)
        case 0..<0x20: return .dead
        default:
            let isFirst = byte & 0xC0 != 0x80
            guard !isFirst || room else { return .dead }
            let target = dfa.step(text.state, byte)
            guard target != DFA.dead, isAlive(target, isFirst ? 1 : 0) else { return .dead }
            return .next(TextState(state: target), points: isFirst ? 1 : 0)
        }
    }

    private func move(_ state: Int32, by bytes: [UInt8]) -> Step {
        var state = state
        for byte in bytes {
            state = dfa.step(state, byte)
            guard state != DFA.dead else { return .dead }
        }
        return isAlive(state, 1) ? .next(TextState(state: state), points: 1) : .dead
    }

    private func stepHex(_ text: TextState, _ byte: UInt8) -> Step {
        guard let digit = Self.hexValue(byte) else { return .dead }
        let digits = text.digits << 4 | digit
        if text.lexical == .hex3 {
            if (0xD800..<0xDC00).contains(digits) {
                return firstPoint(text.state, Self.astral(digits...digits)) == nil
                    ? .dead : .next(with(text, .high, digits), points: 0)
            }
            return (0xDC00..<0xE000).contains(digits)
                ? .dead : move(text.state, by: UTF8Sequences.encode(digits))
        }
        let next = with(text, TextState.Lexical(rawValue: text.lexical.rawValue + 1) ?? .hex3, digits)
        return plan(next) == nil ? .dead : .next(next, points: 0)
    }

    private func stepLow(_ text: TextState, _ byte: UInt8) -> Step {
        guard let digit = Self.hexValue(byte) else { return .dead }
        let digits = text.digits & 0xFFFF_0000 | (text.digits << 4 | digit) & 0xFFFF
        if text.lexical == .low3 {
            guard let point = Self.point(high: digits >> 16, low: digits & 0xFFFF) else { return .dead }
            return move(text.state, by: UTF8Sequences.encode(point))
        }
        let next = with(text, TextState.Lexical(rawValue: text.lexical.rawValue + 1) ?? .low3, digits)
        return plan(next) == nil ? .dead : .next(next, points: 0)
    }

    // MARK: The way out of an escape

    /// Bytes that end an escape in progress and the state behind it; nil when no code point fits.
    func plan(_ text: TextState) -> (bytes: [UInt8], state: Int32)? {
        switch text.lexical {
        case .text: return ([], text.state)
        case .backslash:
            var best: (bytes: [UInt8], state: Int32)?
            if let byte = closing(text.state), JSONText.length(byte) == 6 { return planEscape(text) }
            for (letter, value) in JSONText.simpleEscapes {
                let target = dfa.step(text.state, value)
                guard target != DFA.dead, isAlive(target, 1) else { continue }
                if best.map({ cost(target) < cost($0.state) }) ?? true { best = ([letter], target) }
            }
            if let best { return best }
            return planEscape(text)
        case .hex0, .hex1, .hex2, .hex3:
            let missing = 4 - Int(text.lexical.rawValue - TextState.Lexical.hex0.rawValue)
            return planHex(text, missing)
        case .high:
            return planLow(text, text.digits << 16, 4).map { (Array("\\u".utf8) + $0.bytes, $0.state) }
        case .highBackslash:
            return planLow(text, text.digits << 16, 4).map { (Array("u".utf8) + $0.bytes, $0.state) }
        case .low0, .low1, .low2, .low3:
            let missing = 4 - Int(text.lexical.rawValue - TextState.Lexical.low0.rawValue)
            return planLow(text, text.digits, missing)
        }
    }

    private func planEscape(_ text: TextState) -> (bytes: [UInt8], state: Int32)? {
        plan(with(text, .hex0, 0)).map { ([UInt8(ascii: "u")] + $0.bytes, $0.state) }
    }

    private func planHex(_ text: TextState, _ missing: Int) -> (bytes: [UInt8], state: Int32)? {
        let low = text.digits << UInt32(4 * missing)
        let high = low + (1 << UInt32(4 * missing)) - 1
        // The way's own character, where the digits so far allow it.
        if let byte = closing(text.state), byte < 0x80, (low...high).contains(UInt32(byte)) {
            let target = dfa.step(text.state, byte)
            if target != DFA.dead, isAlive(target, 1) { return (Self.hex(UInt32(byte), missing), target) }
        }
        if let (point, state) = firstPoint(text.state, low...min(high, 0xFFFF)) {
            return (Self.hex(point, missing), state)
        }
        let (first, last) = (max(low, 0xD800), min(high, 0xDBFF))
        guard first <= last, let (point, state) = firstPoint(text.state, Self.astral(first...last)) else {
            return nil
        }
        let (highUnit, lowUnit) = (0xD800 + (point - 0x10000) >> 10, 0xDC00 + (point - 0x10000) & 0x3FF)
        return (Self.hex(highUnit, missing) + Array("\\u".utf8) + Self.hex(lowUnit, 4), state)
    }

    private func planLow(_ text: TextState, _ digits: UInt32, _ missing: Int) -> (
        bytes: [UInt8], state: Int32
    )? {
        let low = (digits & 0xFFFF) << UInt32(4 * missing)
        let high = low + (1 << UInt32(4 * missing)) - 1
        let (first, last) = (max(low, 0xDC00), min(high, 0xDFFF))
        guard first <= last, let from = Self.point(high: digits >> 16, low: first),
            let to = Self.point(high: digits >> 16, low: last),
            let (point, state) = firstPoint(text.state, from...to)
        else { return nil }
        return (Self.hex(0xDC00 + (point - 0x10000) & 0x3FF, missing), state)
    }

    /// The lowest code point of the range that may follow, and the state behind it.
    private func firstPoint(_ state: Int32, _ range: ClosedRange<UInt32>) -> (UInt32, Int32)? {
        for sequence in UTF8Sequences.of(range) {
            if let (bytes, target) = first(sequence[...], from: state),
                let scalar = String(decoding: bytes, as: UTF8.self).unicodeScalars.first
            {
                return (scalar.value, target)
            }
        }
        return nil
    }

    private func first(_ sequence: ArraySlice<ClosedRange<UInt8>>, from state: Int32) -> ([UInt8], Int32)? {
        guard let range = sequence.first else { return isAlive(state, 1) ? ([], state) : nil }
        var tried = -1
        for byte in range {
            // Bytes of one class have the same continuations.
            guard Int(dfa.classes[Int(byte)]) != tried else { continue }
            tried = Int(dfa.classes[Int(byte)])
            let target = dfa.step(state, byte)
            guard target != DFA.dead, let (rest, end) = first(sequence.dropFirst(), from: target) else {
                continue
            }
            return ([byte] + rest, end)
        }
        return nil
    }

    private static func astral(_ high: ClosedRange<UInt32>) -> ClosedRange<UInt32> {
        0x10000 + (high.lowerBound - 0xD800) << 10...0x10000 + (high.upperBound - 0xD800) << 10 + 0x3FF
    }

    private static func point(high: UInt32, low: UInt32) -> UInt32? {
        guard (0xD800..<0xDC00).contains(high), (0xDC00..<0xE000).contains(low) else { return nil }
        return 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
    }

    private static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - 48)
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - 87)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - 55)
        default: nil
        }
    }

    /// The last `count` hexadecimal digits of a number.
    private static func hex(_ value: UInt32, _ count: Int) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return (0..<count).reversed().map { digits[Int(value >> UInt32(4 * $0) & 15)] }
    }
}

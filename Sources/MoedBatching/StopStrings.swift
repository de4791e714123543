/// Finds stop strings in a text that arrives in pieces. A byte costs one step for each string, whatever the strings and
/// the text are (Knuth, Morris, Pratt).
struct StopStrings: Sendable {
    /// Number of matched bytes of each string.
    typealias Matched = [Int]

    private let strings: [[UInt8]]
    /// Length of the longest proper border of each beginning of each string.
    private let borders: [[Int32]]

    /// - Parameter strings: not empty each.
    init(_ strings: [String]) {
        self.strings = strings.map { Array($0.utf8) }.filter { !$0.isEmpty }
        borders = self.strings.map { string in
            var borders: [Int32] = [0]
            borders.reserveCapacity(string.count)
            var border = 0
            for byte in string.dropFirst() {
                while border > 0, string[border] != byte { border = Int(borders[border - 1]) }
                if string[border] == byte { border += 1 }
                borders.append(Int32(border))
            }
            return borders
        }
    }

    /// The state before any text.
    var start: Matched { Matched(repeating: 0, count: strings.count) }

    /// Takes the next byte.
    ///
    /// - Returns: length of the longest string that ends with it; nil when none does.
    func take(_ byte: UInt8, _ matched: inout Matched) -> Int? {
        var longest: Int?
        for index in strings.indices {
            var length = matched[index]
            while length > 0, strings[index][length] != byte { length = Int(borders[index][length - 1]) }
            if strings[index][length] == byte { length += 1 }
            if length == strings[index].count {
                longest = max(longest ?? 0, length)
                length = Int(borders[index][length - 1])
            }
            matched[index] = length
        }
        return longest
    }
}

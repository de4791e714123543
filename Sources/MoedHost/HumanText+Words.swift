extension HumanText {
    /// The candidate with the fewest edits from a misspelt name; nil when it is more than `editsMax` away.
    package static func nearest(to name: String, among candidates: [String], editsMax: Int) -> String? {
        let distances = candidates.sorted().map { ($0, editDistance(Array(name), Array($0))) }
        guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= editsMax else { return nil }
        return best.0
    }

    /// Levenshtein distance.
    private static func editDistance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for i in a.indices {
            var previous = row[0]
            row[0] = i + 1
            for j in b.indices {
                let cost = a[i] == b[j] ? previous : min(previous, row[j], row[j + 1]) + 1
                previous = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[b.count]
    }

    /// Lines of at most `width` characters; a longer word has a line of its own. A code span is one word.
    package static func wrapped(_ text: String, width: Int) -> [String] {
        words(text).reduce(into: []) { lines, word in
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(word)
            }
        }
    }

    private static func words(_ text: String) -> [String] {
        text.split(separator: " ").reduce(into: []) { words, word in
            if let last = words.last, !last.count(where: { $0 == "`" }).isMultiple(of: 2) {
                words[words.count - 1] = "\(last) \(word)"
            } else {
                words.append(String(word))
            }
        }
    }
}

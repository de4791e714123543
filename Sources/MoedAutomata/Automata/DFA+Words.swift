extension DFA {
    /// Number of accepted texts, at most `most`.
    ///
    /// - Precondition: the automaton has no loop.
    package func wordCount(max most: Int) -> Int {
        guard !isEmpty else { return 0 }
        var known = [Int](repeating: -1, count: count)
        // Words are long: the states behind a state are asked first, without recursion.
        var work = [DFA.start]
        while let state = work.last {
            let targets = (0...255).map { step(state, UInt8($0)) }.filter { $0 != DFA.dead }
            let missing = Set(targets).filter { known[Int($0)] < 0 }
            guard missing.isEmpty else {
                work += missing
                continue
            }
            work.removeLast()
            let own = labels[Int(state)] >= 0 ? 1 : 0
            known[Int(state)] = targets.reduce(min(own, most)) { min($0 + known[Int($1)], most) }
        }
        return known[Int(DFA.start)]
    }

    /// The automaton with another label for one word, and changed labels of all others.
    ///
    /// The states on the word's way are doubled, so that this takes time for the word and one copy.
    ///
    /// - Parameter relabel: new label of a text by its label and whether it is the word; nil: it is not accepted.
    package func changing(_ word: [UInt8], relabel: (_ label: Int32, _ isWord: Bool) -> Int32?) -> DFA {
        guard !isEmpty else { return self }
        // Each byte of the word gets a class of its own.
        var classes = classes.map { Int($0) }
        var columns = Array(0..<classCount)
        for byte in Set(word).sorted() where self.classes.count(where: { $0 == self.classes[Int(byte)] }) > 1 {
            columns.append(Int(self.classes[Int(byte)]))
            classes[Int(byte)] = columns.count - 1
        }
        guard columns.count <= 256 else { return self }
        // State 0 is the doubled start; the old states follow.
        var next: [Int32] = []
        next.reserveCapacity((count + word.count + 1) * columns.count)
        func append(_ state: Int32) {
            let row = Int(state) * classCount
            for column in columns {
                let target = self.next[row + column]
                next.append(target < 0 ? DFA.dead : target + 1)
            }
        }
        append(DFA.start)
        for state in 0..<Int32(count) { append(state) }
        func changed(_ label: Int32, _ isWord: Bool) -> Int32 { label < 0 ? -1 : relabel(label, isWord) ?? -1 }
        var labels = [changed(labels[0], word.isEmpty)] + labels.map { changed($0, false) }
        var old = DFA.start
        var new = 0
        for (index, byte) in word.enumerated() {
            old = step(old, byte)
            guard old != DFA.dead else { break }
            let double = labels.count
            next[new * columns.count + classes[Int(byte)]] = Int32(double)
            append(old)
            labels.append(changed(self.labels[Int(old)], index == word.count - 1))
            new = double
        }
        var parts = DFAParts(classes: classes.map { UInt8($0) }, classCount: columns.count)
        parts.next = next
        parts.labels = labels
        return parts.finished(merging: false)
    }
}

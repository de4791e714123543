import MoedCore

/// Texts of tokens for random weights, which have no tokenizer.
package enum MadeVocabulary {
    /// All bytes, then words, punctuation, white space and characters of other scripts in the shares of a real
    /// vocabulary. The last id ends an answer.
    package static func texts(count: Int) -> [[UInt8]] {
        var random = SplitMix(seed: 4)
        func pick(_ letters: String, _ lengths: ClosedRange<Int>) -> String {
            let letters = Array(letters)
            let length = Int.random(in: lengths, using: &random)
            return String((0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] })
        }
        var texts = (0..<min(256, count)).map { [UInt8($0)] }
        while texts.count < count - 1 {
            let text =
                switch texts.count % 20 {
                case 0: pick("\n\t ", 1...24)
                case 1, 2: pick("\"{}[]:,.-_()/\\'<>=;", 1...5)
                case 3: pick("0123456789", 1...3)
                case 4..<10: pick("кирилцаобвнст中文字漢あいüéß한국어", 1...5)
                default: (texts.count % 2 == 0 ? " " : "") + pick("etaoinshrdlucmfwypvbgkjqxzETAOINS", 2...10)
                }
            texts.append(Array(text.utf8))
        }
        if texts.count < count { texts.append([]) }
        return texts
    }
}

import MoedCore
import MoedText

/// Looks for the contents of messages in a prompt.
enum PromptSearch {
    /// Index of the first message whose last word is not in the prompt; nil when all are.
    ///
    /// Messages are printed in order, so a search begins where the last one ended. The search ends at the first missing
    /// word, and all searches together are linear in the prompt for templates that keep the order.
    static func firstMissing(_ messages: [JSONValue], in prompt: String) -> Int? {
        let prompt = Array(prompt.utf8)
        var place = 0
        for (index, message) in messages.enumerated() {
            let word = lastWord(of: message["content"]?.string ?? "")
            guard !word.isEmpty else { continue }
            guard let end = ByteSearch.end(of: word, in: prompt[place...]) ?? ByteSearch.end(of: word, in: prompt[...])
            else { return index }
            place = end
        }
        return nil
    }

    /// Bytes of the last word; empty for a text of white space.
    static func lastWord(of text: String) -> [UInt8] {
        let scalars = text.unicodeScalars
        guard let last = scalars.lastIndex(where: { !$0.properties.isWhitespace }) else { return [] }
        let end = scalars.index(after: last)
        let before = scalars[..<end].lastIndex(where: \.properties.isWhitespace)
        return Array(text[(before.map { scalars.index(after: $0) } ?? scalars.startIndex)..<end].utf8)
    }
}

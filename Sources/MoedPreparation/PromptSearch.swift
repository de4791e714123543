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

    /// Index of the first tool whose name is not in the prompt; nil when all are. Tools are printed in order.
    static func firstMissing(tools: [JSONValue], in prompt: String) -> Int? {
        guard !tools.isEmpty else { return nil }
        let prompt = Array(prompt.utf8)
        var place = 0
        for (index, tool) in tools.enumerated() {
            let name = tool["function"]?["name"] ?? .null
            // A name may be printed as it is, or as JSON.
            let spellings = [name.string ?? "", String(name.serialized().dropFirst().dropLast())]
            let ends = spellings.lazy.map { Array($0.utf8) }.compactMap { spelling in
                ByteSearch.end(of: spelling, in: prompt[place...]) ?? ByteSearch.end(of: spelling, in: prompt[...])
            }
            guard let end = ends.first else { return index }
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

import MoedCore

extension TokenizerFile {
    /// Adds the tokens that `tokenizer_config.json` names, with the ids that transformers gives them.
    ///
    /// - Throws: `TextError` naming both files' entries when the two contradict each other.
    mutating func add(_ configuration: TokenizerConfiguration) throws(TextError) {
        var places: [ExactString: Int] = [:]
        for (index, token) in addedTokens.enumerated() { places[ExactString(token.content)] = index }
        for entry in configuration.decoder {
            if let index = places[ExactString(entry.token.content)] {
                try Self.require(entry, addedTokens[index].id, configuration.file, "tokenizer.json has it as")
                addedTokens[index] = entry.token
            } else {
                try append(entry, to: &places, configuration.file)
            }
        }
        for entry in configuration.special {
            if let index = places[ExactString(entry.token.content)] {
                addedTokens[index].isSpecial = true
            } else {
                try append(entry, to: &places, configuration.file)
            }
        }
    }

    private mutating func append(
        _ entry: TokenizerConfiguration.Entry, to places: inout [ExactString: Int], _ file: String
    ) throws(TextError) {
        let content = ExactString(entry.token.content)
        var token = entry.token
        if let known = vocabulary.first(where: { ExactString($0.key) == content }) {
            let id = try Self.token(known.value) { TextError(.malformedFile, file: self.file, $0) }
            try Self.require(entry, id, file, "tokenizer.json has it in its vocabulary as")
            token.id = id
        } else {
            token.id = nextID
            try Self.require(entry, token.id, file, "the next free id, which transformers gives it, is")
        }
        guard Int(token.id) < Self.tokenIDMax else {
            throw TextError(.malformedFile, file: file, place: entry.place, "there is no free token id")
        }
        places[content] = addedTokens.count
        addedTokens.append(token)
    }

    private static func require(
        _ entry: TokenizerConfiguration.Entry, _ id: TokenID, _ file: String, _ reason: String
    ) throws(TextError) {
        guard let asked = entry.id, asked != id else { return }
        throw TextError(
            .malformedFile, file: file, place: entry.place,
            "\"\(entry.token.content.prefix(60))\" has the id \(asked) here, but \(reason) \(id)")
    }

    /// The id of a new token: behind the vocabulary and behind all added tokens.
    private var nextID: TokenID {
        let size = TokenID(clamping: vocabulary.count)
        guard let last = addedTokens.map(\.id).max(), last >= size else { return size }
        return last &+ 1
    }
}

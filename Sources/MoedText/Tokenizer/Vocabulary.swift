import MoedCore

/// Tokens, merge rules and added tokens of a tokenizer file, validated against each other.
struct Vocabulary: Sendable {
    private(set) var tokens: TokenTable
    private(set) var encoder: BytePairEncoder
    /// Ids of added tokens by content. Contents are plain text, not spelled in the byte alphabet.
    private(set) var addedIDs: [ExactString: TokenID] = [:]
    private(set) var specialIDs: Set<TokenID> = []

    init(_ file: TokenizerFile) throws(TextError) {
        tokens = try Self.tokens(file)
        for token in file.addedTokens {
            addedIDs[ExactString(token.content)] = token.id
            if token.isSpecial { specialIDs.insert(token.id) }
        }
        let byteTokens = try Self.byteTokens(tokens, file.file)
        encoder = BytePairEncoder(pairs: try Self.pairs(file, tokens), byteTokens: byteTokens)
    }

    private static func tokens(_ file: TokenizerFile) throws(TextError) -> TokenTable {
        var ids: [TokenID] = []
        var highest: TokenID = -1
        ids.reserveCapacity(file.vocabulary.count)
        for member in file.vocabulary {
            let id = try TokenizerFile.token(member.value) { reason in
                TextError(
                    .malformedFile, file: file.file, place: "model.vocab[\(quoted(member.key))]", reason)
            }
            ids.append(id)
            highest = max(highest, id)
        }
        for token in file.addedTokens { highest = max(highest, token.id) }
        var table = TokenTable(count: Int(highest) + 1, bytes: file.vocabulary.count * 7)
        var owners = [Bool](repeating: false, count: Int(highest) + 1)
        var added: [TokenID: AddedToken] = [:]
        for (index, token) in file.addedTokens.enumerated() {
            guard added.updateValue(token, forKey: token.id) == nil else {
                throw TextError(
                    .malformedFile, file: file.file, place: "added_tokens[\(index)].id",
                    "the id \(token.id) is taken")
            }
        }
        var content: [UInt8] = []
        for (member, id) in zip(file.vocabulary, ids) {
            func refusal(_ reason: String) -> TextError {
                TextError(
                    .malformedFile, file: file.file, place: "model.vocab[\(quoted(member.key))]", reason)
            }
            guard !owners[Int(id)] else { throw refusal("the id \(id) is taken") }
            owners[Int(id)] = true
            content.removeAll(keepingCapacity: true)
            if let token = added[id] {
                guard ExactString(token.content) == ExactString(member.key) else {
                    throw refusal("the id \(id) is that of an added token")
                }
                // An added token may be an entry that merge rules end in.
                let isSpelled = ByteAlphabet.append(member.key, to: &content)
                if isSpelled, content.elementsEqual(member.key.utf8) { table.store(content, as: id, findable: true) }
                continue
            }
            guard !member.key.isEmpty, ByteAlphabet.append(member.key, to: &content) else {
                throw refusal("is not spelled in the byte-level alphabet")
            }
            table.store(content, as: id, findable: true)
        }
        for token in file.addedTokens {
            table.store(Array(token.content.utf8), as: token.id, findable: false)
        }
        return table
    }

    private static func byteTokens(_ tokens: TokenTable, _ file: String) throws(TextError) -> [TokenID] {
        var byteTokens: [TokenID] = []
        for byte in UInt8.min...UInt8.max {
            guard let id = tokens.find([byte].span) else {
                throw TextError(
                    .malformedFile, file: file, place: "model.vocab", "there is no token for the byte \(byte)"
                )
            }
            byteTokens.append(id)
        }
        return byteTokens
    }

    private static func pairs(_ file: TokenizerFile, _ tokens: TokenTable) throws(TextError) -> PairTable {
        var pairs = PairTable(capacity: file.merges.count)
        var content: [UInt8] = []
        for (rank, merge) in file.merges.enumerated() {
            func refusal(_ reason: String) -> TextError {
                TextError(.malformedFile, file: file.file, place: "model.merges[\(rank)]", reason)
            }
            let (left, right) = try parts(of: merge, refusal)
            content.removeAll(keepingCapacity: true)
            guard !left.isEmpty, ByteAlphabet.append(left, to: &content) else {
                throw refusal("no token \(quoted(left))")
            }
            let middle = content.count
            guard !right.isEmpty, ByteAlphabet.append(right, to: &content) else {
                throw refusal("no token \(quoted(right))")
            }
            guard let leftID = tokens.find(content.span.extracting(0..<middle)) else {
                throw refusal("no token \(quoted(left))")
            }
            guard let rightID = tokens.find(content.span.extracting(middle...)) else {
                throw refusal("no token \(quoted(right))")
            }
            guard let merged = tokens.find(content.span) else {
                throw refusal("no token \(quoted(left + right))")
            }
            pairs.insert(leftID, rightID, rank: UInt32(rank), merged: merged)
        }
        return pairs
    }

    /// Splits a merge rule in either spelling: `"a b"` or `["a", "b"]`.
    private static func parts(
        of merge: JSONValue, _ refusal: (String) -> TextError
    ) throws(TextError) -> (String, String) {
        switch merge {
        case .string(let text):
            let utf8 = text.utf8
            guard let blank = utf8.firstIndex(of: UInt8(ascii: " ")) else {
                throw refusal("\(quoted(text)) is not two tokens")
            }
            return (String(text[..<blank]), String(text[utf8.index(after: blank)...]))
        case .array(let pair):
            guard pair.count == 2, let left = pair[0].string, let right = pair[1].string else {
                throw refusal("is not a pair of strings")
            }
            return (left, right)
        default:
            throw refusal("is \(merge.kind), not a pair of tokens")
        }
    }

    /// Quotes a name for a message, truncated to 60 characters.
    private static func quoted(_ name: String) -> String { "\"\(name.prefix(60))\"" }
}

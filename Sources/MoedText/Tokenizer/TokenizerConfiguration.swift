import MoedCore

/// The tokens that a `tokenizer_config.json` names, as transformers reads them: they are added to those of
/// `tokenizer.json`.
package struct TokenizerConfiguration: Sendable {
    /// A token by its text, with its attributes.
    struct Entry: Sendable {
        /// Place in the file, for messages.
        var place: String
        /// The id that the file gives it; nil leaves it to the order.
        var id: TokenID?
        /// Its `id` counts only where `id` above is given.
        var token: AddedToken
    }

    let file: String
    /// `added_tokens_decoder`, in the order of ids.
    let decoder: [Entry]
    /// Tokens of a role (`eos_token`), then the list of special tokens.
    let special: [Entry]
    /// Text of `eos_token`; nil when the file has none.
    package let endToken: String?

    /// A directory without the file.
    package static let empty = TokenizerConfiguration(file: "", decoder: [], special: [], endToken: nil)

    private init(file: String, decoder: [Entry], special: [Entry], endToken: String?) {
        self.file = file
        self.decoder = decoder
        self.special = special
        self.endToken = endToken
    }

    /// The order in which transformers adds them.
    private static let roles = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// - Parameter file: the file's name in error messages.
    /// - Throws: `TextError` naming the field.
    package init(_ bytes: [UInt8], file: String) throws(TextError) {
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue(parsing: bytes) } catch {
            throw TextError(.malformedFile, file: file, error.description)
        }
        let root = try FileObject(json, file: file, path: "")
        // With either the same text has other tokens.
        try root.refuse("split_special_tokens", unless: [false])
        try root.refuse("add_prefix_space", unless: [false])
        let decoder = try Self.decoder(root)
        var special: [Entry] = []
        for role in Self.roles {
            if let value = root[role], let entry = try Self.entry(value, role, root) { special.append(entry) }
        }
        let endToken = special.first { $0.place == "eos_token" }?.token.content
        let others = root.members.members.filter { member in
            !Self.roles.contains(member.key) && member.key.utf8.reversed().starts(with: "_token".utf8.reversed())
        }
        for member in others where member.value.string != nil || member.value.object != nil {
            if let entry = try Self.entry(member.value, member.key, root) { special.append(entry) }
        }
        // The newer name wins where it says anything.
        let newer = try Self.list(root["extra_special_tokens"], "extra_special_tokens", root)
        let older = try Self.list(root["additional_special_tokens"], "additional_special_tokens", root)
        for (place, value) in newer.isEmpty ? older : newer {
            if let entry = try Self.entry(value, place, root) { special.append(entry) }
        }
        self.init(file: file, decoder: decoder, special: special, endToken: endToken)
    }

    private static func decoder(_ root: FileObject) throws(TextError) -> [Entry] {
        guard root["added_tokens_decoder"] != nil else { return [] }
        let object = try root.object("added_tokens_decoder")
        var entries: [Entry] = []
        for member in object.members.members {
            let place = "added_tokens_decoder[\(member.key.prefix(20))]"
            guard let id = TokenID(member.key), (0..<TokenizerFile.tokenIDMax).contains(Int(id)) else {
                throw object.error(.malformedFile, "\(member.key.prefix(20))", "is no token id")
            }
            let fields = try FileObject(member.value, file: root.file, path: place)
            var token = try TokenizerFile.attributes(fields)
            token.id = id
            entries.append(Entry(place: place, id: id, token: token))
        }
        return entries.sorted { ($0.id ?? 0) < ($1.id ?? 0) }
    }

    /// The members of a list of tokens, or of an object of tokens by name.
    private static func list(
        _ value: JSONValue?, _ name: String, _ root: FileObject
    ) throws(TextError) -> [(String, JSONValue)] {
        switch value {
        case .none: return []
        case .array(let values)?: return values.enumerated().map { ("\(name)[\($0.offset)]", $0.element) }
        case .object(let object)?: return object.members.map { ("\(name).\($0.key.prefix(60))", $0.value) }
        case let other?:
            throw root.error(.malformedFile, name, "is \(other.kind), not a list of tokens")
        }
    }

    /// A special token, given as its text or with attributes; nil for an empty text.
    private static func entry(_ value: JSONValue, _ place: String, _ root: FileObject) throws(TextError) -> Entry? {
        if value == "" || value == .null { return nil }
        if let content = value.string {
            guard content.utf8.count <= TokenizerFile.contentBytesMax else {
                throw root.error(.malformedFile, place, "has more than \(TokenizerFile.contentBytesMax) bytes")
            }
            let token = AddedToken(
                id: 0, content: content, isSpecial: true, isNormalized: false, stripsLeft: false,
                stripsRight: false, isSingleWord: false)
            return Entry(place: place, id: nil, token: token)
        }
        var token = try TokenizerFile.attributes(try FileObject(value, file: root.file, path: place))
        token.isSpecial = true
        return Entry(place: place, id: nil, token: token)
    }
}

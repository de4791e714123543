package import MoedCore

/// Byte-level BPE from a checkpoint's `tokenizer.json`, with the same ids as Hugging Face's `tokenizers`.
///
/// The tokenizer is immutable after loading, so any number of threads may use it at once.
package struct Tokenizer: Sendable {
    private let vocabulary: Vocabulary
    private let preTokenizer: PreTokenizer
    private let normalizes: Bool
    private let ignoresMerges: Bool
    /// Finds added tokens in the raw text; `normalizedFinder` finds those of the normalised text.
    private let rawFinder: AddedTokenFinder
    private let normalizedFinder: AddedTokenFinder
    /// Finds the added tokens that the file marks as `special`, in the raw text.
    private let specialFinder: AddedTokenFinder

    /// Bytes of a very long word that are merged at a time. The tokens do not depend on it.
    package var wordWindow = BytePairEncoder.windowBytes

    /// Reads `tokenizer.json`; `file` is its name in error messages.
    ///
    /// - Parameter configuration: the tokens that `tokenizer_config.json` adds.
    /// - Throws: `TextError` naming the field, for a file that is damaged or asks for another algorithm.
    package init(
        tokenizerJSON bytes: [UInt8], file: String, configuration: TokenizerConfiguration = .empty
    ) throws(TextError) {
        var source = try TokenizerFile(bytes, file: file)
        try source.add(configuration)
        vocabulary = try Vocabulary(source)
        preTokenizer = source.preTokenizer
        normalizes = source.normalizes
        ignoresMerges = source.ignoresMerges
        let raw = source.addedTokens.filter { !$0.isNormalized || !source.normalizes }
        let normalized = source.addedTokens.filter { $0.isNormalized && source.normalizes }
        let special = source.addedTokens.filter(\.isSpecial)
        specialFinder = AddedTokenFinder(special, contents: special.map { Array($0.content.utf8) })
        rawFinder = AddedTokenFinder(raw, contents: raw.map { Array($0.content.utf8) })
        normalizedFinder = AddedTokenFinder(
            normalized,
            contents: normalized.map { token in
                let content = Array(token.content.utf8)
                return Normalization.composed(content.span) ?? content
            })
    }

    /// Highest id + 1, added tokens included. Ids at or above it have no text and must never be sampled.
    package var vocabularySize: Int { vocabulary.tokens.count }

    /// Id of an added token (`</think>`), or of a vocabulary entry in the file's spelling (`Ġthe`); nil for others.
    package func id(of token: String) -> TokenID? {
        if let id = vocabulary.addedIDs[ExactString(token)] { return id }
        var content: [UInt8] = []
        guard ByteAlphabet.append(token, to: &content) else { return nil }
        return vocabulary.tokens.find(content.span)
    }

    /// True when the file marks the token as `special`. `<think>` and `</think>` are not special.
    package func isSpecial(_ id: TokenID) -> Bool { vocabulary.specialIDs.contains(id) }

    /// Bytes of each token that stands for text; empty for added tokens, which are signs and no text.
    ///
    /// - Parameter count: number of ids; the others are left out.
    package func plainTexts(count: Int) -> [[UInt8]] {
        let added = Set(vocabulary.addedIDs.values)
        return (0..<max(count, 0)).map { added.contains(TokenID($0)) ? [] : bytes(TokenID($0)) }
    }

    // MARK: Encoding

    /// Token ids of `text`. Added tokens are recognised.
    ///
    /// - Parameter mark: a character that ``marking(_:with:onlySpecial:)`` put into the text; it is left out of the
    ///   words. Nil for text without marks.
    /// - Complexity: O(n log n) for any text, near O(n) for text with words.
    package func encode(_ text: String, mark: Unicode.Scalar? = nil) -> [TokenID] {
        var encoding = Encoding(meter: EncodingMeter(EncodingLimits()))
        encode(text, mark: mark, &encoding)
        return encoding.tokens
    }

    /// As `encode(_:mark:)`, with an end.
    ///
    /// - Parameter plain: true encodes the spelling of added tokens as text.
    /// - Throws: the reason why encoding ended early.
    package func encode(
        _ text: String, mark: Unicode.Scalar? = nil, limits: EncodingLimits, plain: Bool = false
    ) throws(EncodingEnd) -> [TokenID] {
        var encoding = Encoding(meter: EncodingMeter(limits))
        if plain {
            let bytes = Array(text.utf8)
            encode(bytes.span, recognising: false, mark: [], into: &encoding)
        } else {
            encode(text, mark: mark, &encoding)
        }
        if let end = encoding.meter.end { throw end }
        return encoding.tokens
    }

    /// Token ids of `text` as plain text. Added tokens are not recognised: their spelling is encoded as text.
    package func encodePlain(_ text: String) -> [TokenID] {
        let bytes = Array(text.utf8)
        var encoding = Encoding(meter: EncodingMeter(EncodingLimits()))
        encode(bytes.span, recognising: false, mark: [], into: &encoding)
        return encoding.tokens
    }

    private struct Encoding {
        var tokens: [TokenID] = []
        var meter: EncodingMeter

        mutating func append(_ token: TokenID) -> Bool {
            tokens.append(token)
            return meter.goesOn(after: 1, tokens: tokens.count)
        }
    }

    private func encode(_ text: String, mark: Unicode.Scalar?, _ encoding: inout Encoding) {
        let bytes = Array(text.utf8)
        let mark = mark.map { Array(String($0).utf8) } ?? []
        rawFinder.forEachPiece(of: bytes.span) { piece in
            switch piece {
            case .token(let id): return encoding.append(id)
            case .text(let range):
                encode(bytes.span.extracting(range), recognising: true, mark: mark, into: &encoding)
                return encoding.meter.end == nil
            }
        }
    }

    /// The text with `mark` behind the first character of each added token, so that `encode` does not recognise it;
    /// nil when the text has no added token.
    ///
    /// - Parameter onlySpecial: leaves added tokens alone that the file does not mark as `special`.
    package func marking(_ text: String, with mark: Unicode.Scalar, onlySpecial: Bool = false) -> String? {
        var bytes = Array(text.utf8)
        var places = (onlySpecial ? specialFinder : rawFinder).starts(in: bytes.span)
        if !onlySpecial, !normalizedFinder.isEmpty {
            // These tokens are searched in the normalised text. The tokenizer normalises it in any case.
            let normalized = Normalization.composed(bytes.span) ?? bytes
            let found = normalizedFinder.starts(in: normalized.span)
            if !found.isEmpty {
                bytes = normalized
                places = Set(rawFinder.starts(in: bytes.span) + found).sorted()
            }
        }
        guard !places.isEmpty else { return nil }
        let inserted = Array(String(mark).utf8)
        var marked: [UInt8] = []
        marked.reserveCapacity(bytes.count + places.count * inserted.count)
        var done = 0
        for place in places {
            let end = place + UTF8Scalar.decode(bytes.span, at: place).length
            marked += bytes[done..<end]
            marked += inserted
            done = end
        }
        return String(decoding: marked + bytes[done...], as: UTF8.self)
    }

    private func encode(
        _ raw: Span<UInt8>, recognising: Bool, mark: [UInt8], into encoding: inout Encoding
    ) {
        guard normalizes, let normalized = Normalization.composed(raw) else {
            cut(raw, recognising: recognising, mark: mark, into: &encoding)
            return
        }
        cut(normalized.span, recognising: recognising, mark: mark, into: &encoding)
    }

    private func cut(_ text: Span<UInt8>, recognising: Bool, mark: [UInt8], into encoding: inout Encoding) {
        guard recognising, !normalizedFinder.isEmpty else {
            encodeWords(text, without: mark, into: &encoding)
            return
        }
        normalizedFinder.forEachPiece(of: text) { piece in
            switch piece {
            case .token(let id): return encoding.append(id)
            case .text(let range):
                encodeWords(text.extracting(range), without: mark, into: &encoding)
                return encoding.meter.end == nil
            }
        }
    }

    private func encodeWords(_ text: Span<UInt8>, without mark: [UInt8], into encoding: inout Encoding) {
        guard !mark.isEmpty, let rest = Self.removing(mark, from: text) else {
            encodeWords(text, into: &encoding)
            return
        }
        // Characters that the mark separated may compose.
        encode(rest.span, recognising: false, mark: [], into: &encoding)
    }

    /// The text without the mark; nil when it has none.
    private static func removing(_ mark: [UInt8], from text: Span<UInt8>) -> [UInt8]? {
        var rest: [UInt8] = []
        var done = 0
        var at = 0
        while at + mark.count <= text.count {
            guard text[at] == mark[0], mark.indices.allSatisfy({ text[at + $0] == mark[$0] }) else {
                at += 1
                continue
            }
            for index in done..<at { rest.append(text[index]) }
            at += mark.count
            done = at
        }
        guard done > 0 else { return nil }
        for index in done..<text.count { rest.append(text[index]) }
        return rest
    }

    private func encodeWords(_ text: Span<UInt8>, into encoding: inout Encoding) {
        let classes = ScalarClass.Table()
        var cache = WordCache(textBytes: text.count)
        var scratch = BytePairEncoder.Scratch()
        var meter = encoding.meter
        var start = 0
        while start < text.count, meter.end == nil {
            let end = preTokenizer.wordEnd(in: text, from: start, classes: classes)
            cache.append(text, start, end, to: &encoding.tokens) { tokens in
                let word = text.extracting(start..<end)
                if ignoresMerges, let id = vocabulary.tokens.find(word) {
                    tokens.append(id)
                } else {
                    vocabulary.encoder.append(word, to: &tokens, scratch: &scratch, window: wordWindow) {
                        meter.goesOn(after: EncodingMeter.bytesPerCall, tokens: $0)
                    }
                }
            }
            _ = meter.goesOn(after: end - start, tokens: encoding.tokens.count)
            start = end
        }
        encoding.meter = meter
    }

    // MARK: Decoding

    /// Bytes of a token; empty for an id without a token.
    package func bytes(_ id: TokenID) -> [UInt8] { Array(vocabulary.tokens.bytes(of: id)) }

    /// Text of the tokens, with U+FFFD for each maximal invalid part of the UTF-8.
    ///
    /// - Parameter skipSpecial: true omits the tokens for which ``isSpecial(_:)`` is true.
    package func decode(_ ids: some Sequence<TokenID>, skipSpecial: Bool = false) -> String {
        var assembler = UTF8Assembler()
        var output: [UInt8] = []
        for id in ids where !(skipSpecial && isSpecial(id)) {
            for byte in vocabulary.tokens.bytes(of: id) { assembler.append(byte, to: &output) }
        }
        assembler.finish(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// Makes a decoder for one sequence whose tokens arrive one by one.
    package func makeStream(skipSpecial: Bool) -> StreamingDecoder {
        StreamingDecoder(self, skipSpecial: skipSpecial)
    }
}

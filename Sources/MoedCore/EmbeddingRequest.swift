/// The form of the embedding that a request asks for.
package struct EmbeddingRequest: Sendable, Equatable {
    /// Number of leading components to give, at length 1; nil for all.
    package var dimensions: Int?

    package init(dimensions: Int? = nil) { self.dimensions = dimensions }

    /// The components of an embedding that are asked for, as a vector of length 1.
    package func cut(_ embedding: [Float]) -> [Float] {
        let part = embedding.prefix(dimensions ?? embedding.count)
        let length = part.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return length > 0 ? part.map { Float(Double($0) / length) } : Array(part)
    }
}

extension GenerationRequest {
    /// Reads a body of OpenAI's `/v1/embeddings`; nil for a body without `input`.
    static func embedding(_ fields: RequestFields) throws(RequestError) -> GenerationRequest? {
        guard let input = fields["input"], fields["messages"] == nil, fields["prompt_ids"] == nil else { return nil }
        var request = GenerationRequest(prompt: try text(input, fields))
        request.embedding = EmbeddingRequest(dimensions: try fields.integer("dimensions", in: 1...65_536))
        request.model = try fields.string("model")
        if let format = try fields.string("encoding_format"), format != "float" {
            throw RequestError(
                .unsupported, param: "encoding_format", "encoding_format must be float, not \(format.prefix(40))")
        }
        // moed.embed() sets it: the length class of its job has no room for an answer.
        _ = try fields.integer("max_tokens", in: 1...Int(Int32.max))
        try fields.refuseOthers(but: UnsupportedParameters.ignored)
        return request
    }

    private static func text(_ input: JSONValue, _ fields: RequestFields) throws(RequestError) -> Prompt {
        let texts = input.array?.compactMap(\.string) ?? input.string.map { [$0] } ?? []
        if texts.isEmpty, let tokens = input.array, !tokens.isEmpty { return .tokens(try fields.tokens("input") ?? []) }
        guard let text = texts.first, !text.isEmpty, input.array?.count ?? 1 == 1 else {
            throw RequestError(
                .invalidValue, param: "input", "input must be one text, or its token ids: a job makes one embedding")
        }
        return .text(text)
    }
}

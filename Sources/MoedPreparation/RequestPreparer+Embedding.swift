import MoedBatching
import MoedCore
import MoedText

/// Requests for embeddings.
extension RequestPreparer {
    /// The task of a request for an embedding.
    ///
    /// - Throws: `RequestError` for a model that makes none, and for a text that is too long.
    func embeddingTask(
        _ request: GenerationRequest, _ asked: EmbeddingRequest, job: JobID, model: String, bucket: Int?
    ) throws(RequestError) -> GenerationTask {
        guard let kind = text.embedding, options.readsLogits else {
            throw RequestError(
                .unsupported, param: "input",
                text.embedding == nil
                    ? "the model generates text: embeddings need one with modules.json and pooling of the last token"
                    : "input needs the local engine: run the job on a worker without endpoints")
        }
        if let dimensions = asked.dimensions, dimensions > kind.size {
            throw RequestError(
                .invalidValue, param: "dimensions",
                "dimensions is \(dimensions), and the model's embeddings have \(kind.size)")
        }
        let prompt = kind.before + (try inputTokens(request)) + kind.behind
        let room = min(limits.contextLength, limits.kvTokens / limits.kvBlockTokens * limits.kvBlockTokens)
        guard prompt.count < room else { throw tooLong(prompt.count) }
        let tokenizer = text.tokenizer
        var task = GenerationTask(
            job: job,
            jobClass: JobClass(model: model, mode: .nonThinking, bucket: bucket ?? Self.bucket(tokens: prompt.count)),
            prompt: prompt, newTokensMax: 1, makeTextStream: { tokenizer.makeStream(skipSpecial: true) })
        task.embedding = asked
        task.adapter = adapters.contains(model) ? model : nil
        return task
    }

    private func inputTokens(_ request: GenerationRequest) throws(RequestError) -> [TokenID] {
        switch request.prompt {
        case .tokens(let ids):
            if let bad = ids.firstIndex(where: { Int($0) >= text.vocabularySize }) {
                throw RequestError(
                    .invalidValue, param: "input[\(bad)]",
                    "token id \(ids[bad]) is not in the vocabulary of \(text.vocabularySize) tokens")
            }
            return ids
        case .messages: return []
        case .text(let input):
            let encoding = EncodingLimits(tokensMax: limits.contextLength, goesOn: goesOn)
            do throws(EncodingEnd) {
                return try text.tokenizer.encode(
                    input, mark: nil, limits: encoding, plain: options.controlTokens == .text)
            } catch {
                switch error {
                case .tooManyTokens: throw tooLong(nil)
                case .notWanted: throw RequestError(.templateFailed, param: "input", "the preparation was stopped")
                }
            }
        }
    }

    private func tooLong(_ count: Int?) -> RequestError {
        let tokens = count.map { "\($0)" } ?? "more than \(limits.contextLength)"
        return RequestError(
            .contextLengthExceeded, param: "input",
            "the text has \(tokens) tokens, the model's context is \(limits.contextLength), and the KV cache holds "
                + "\(limits.kvTokens)")
    }
}

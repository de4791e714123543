package import MoedCore
package import MoedEngine
package import MoedText

/// `moed score`: log-probabilities of a text's tokens under a model.
package enum ScoreFilter {
    /// `{"ids"}` or `{"text"}` → `{"ids", "logprobs"}`, with `top` > 0 also `{"top_ids", "top_logprobs"}`, with
    /// `traces` also `{"trace"}`. Where adapters are loaded, `model` chooses one.
    ///
    /// `logprobs[i]` is ln P(ids[i+1] | ids[0…i]), so it has one entry less than `ids`. The `top_` lists have one
    /// entry per id, the last included: the most probable successors of ids[0…i].
    package static func score(
        _ line: JSONValue, engine: Engine, tokenizer: Tokenizer, top: Int, models: ModelNames? = nil,
        traces: Bool = false
    ) throws -> JSONValue {
        let ids =
            line["ids"] == nil
            ? tokenizer.encode(try TextFilters.text(of: line)) : try TextFilters.tokens(of: line)
        guard !ids.isEmpty else {
            throw RequestError(.invalidValue, param: "ids", "there is nothing to score")
        }
        guard ids.count <= engine.limits.contextLength else {
            throw RequestError(
                .contextLengthExceeded, param: "ids",
                "\(ids.count) tokens, the model's context is \(engine.limits.contextLength)")
        }
        let trace = traces ? TraceSummary() : nil
        if let trace { engine.observeTrace { trace.add($0) } }
        defer { engine.observeTrace(nil) }
        let scores = try engine.score(ids, top: top, adapter: models?.adapter(for: line["model"]?.string))
        if let index = scores.firstIndex(where: { !($0.logprob ?? 0).isFinite }) {
            throw EngineError(
                .badCheckpoint,
                "the model's logits after ids[\(index)] are infinite or not numbers: its weights are too large"
            )
        }
        var result = JSONObject([
            ("ids", TextFilters.ids(ids)),
            ("logprobs", .array(scores.compactMap(\.logprob).map { .double($0) })),
        ])
        if top > 0 {
            result["top_ids"] = .array(scores.map { TextFilters.ids($0.top.map(\.id)) })
            result["top_logprobs"] = .array(scores.map { .array($0.top.map { .double($0.logprob) }) })
        }
        if let trace { result["trace"] = trace.json }
        return .object(result)
    }
}

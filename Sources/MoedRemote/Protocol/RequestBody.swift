package import MoedBatching
package import MoedCore

/// Bodies of requests to endpoints.
package enum RequestBody {
    /// Body of a streamed completion that continues token ids.
    ///
    /// Every sampling parameter is sent, because a server fills in defaults of its own. Stop texts are not sent: moed
    /// finds them itself, and a server would hold their text back.
    package static func completion(
        _ segment: SegmentedJob.Segment, of task: GenerationTask, model: String, endIDs: Set<TokenID>
    ) -> [UInt8] {
        let sampling = task.sampling
        var body = JSONObject([
            ("model", .string(model)), ("prompt", ids(segment.prompt)),
            ("max_tokens", .integer(Int64(segment.tokensMax))), ("stream", true),
            ("stream_options", ["include_usage": true, "continuous_usage_stats": true]),
            ("return_token_ids", true), ("n", 1),
            ("temperature", .double(sampling.temperature)), ("top_p", .double(sampling.topP)),
            ("top_k", .integer(Int64(sampling.topK > 0 ? sampling.topK : -1))),
            ("min_p", .double(sampling.minP)), ("presence_penalty", .double(sampling.presencePenalty)),
            ("frequency_penalty", .double(sampling.frequencyPenalty)),
            ("repetition_penalty", .double(sampling.repetitionPenalty)),
            ("seed", .integer(Int64(clamping: segment.seed))),
        ])
        if !task.stopIDs.isEmpty { body["stop_token_ids"] = ids(task.stopIDs.sorted()) }
        if !endIDs.isSubset(of: task.stopIDs) { body["ignore_eos"] = true }
        return Array(JSONValue.object(body).serialized().utf8)
    }

    /// Body of a probe: two greedy tokens after `prompt`.
    package static func probe(prompt: [TokenID], model: String) -> [UInt8] {
        let body: JSONValue = [
            "model": .string(model), "prompt": ids(prompt), "max_tokens": 2, "temperature": 0, "stream": true,
            "stream_options": ["include_usage": true, "continuous_usage_stats": true], "return_token_ids": true,
            "ignore_eos": true,
        ]
        return Array(body.serialized().utf8)
    }

    private static func ids(_ ids: [TokenID]) -> JSONValue { .array(ids.map { .integer(Int64($0)) }) }
}

package import MoedCore

/// Recommendations of a checkpoint's `generation_config.json`; nil where it has none.
package struct GenerationDefaults: Sendable, Equatable {
    package var samples: Bool?
    package var temperature: Double?
    package var topK: Int?
    package var topP: Double?
    package var minP: Double?
    package var repetitionPenalty: Double?
    package var eosTokenIDs: [TokenID] = []

    package init() {}

    /// - Throws: `EngineError(.badCheckpoint)` naming the field; nothing when the file is absent.
    package init(path: String) throws(EngineError) {
        guard let object = try WeightFile.object(at: path, limit: ModelConfiguration.byteCountMax) else {
            return
        }
        try read(ConfigurationFields(path: path, object: object))
    }

    mutating func read(_ fields: ConfigurationFields) throws(EngineError) {
        samples = try fields.optionalBool("do_sample")
        temperature = try fields.optionalNumber("temperature", in: 0...100)
        topK = try fields.optionalInteger("top_k", in: 0...Int(Int32.max))
        topP = try fields.optionalNumber("top_p", in: 1e-9...1)
        minP = try fields.optionalNumber("min_p", in: 0...1)
        repetitionPenalty = try fields.optionalNumber("repetition_penalty", in: 1e-3...1000)
        eosTokenIDs = try fields.tokenIDs("eos_token_id")
    }
}

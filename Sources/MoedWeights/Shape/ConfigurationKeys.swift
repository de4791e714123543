import MoedCore

/// The members of `config.json`: which are read, which cannot change the result, and which must have a certain value.
enum ConfigurationKeys {
    /// Refuses each member that is neither read nor known to be harmless.
    ///
    /// - Returns: remarks about members that are passed over.
    /// - Throws: `EngineError(.unsupportedModel)` naming the member.
    static func check(_ fields: ConfigurationFields) throws(EngineError) -> [String] {
        var passedOver: [String] = []
        for member in fields.object.members {
            let key = ExactString(member.key)
            if member.value == .null || read.contains(key) || harmless.contains(key) { continue }
            if harmlessPrefixes.contains(where: { member.key.utf8.starts(with: $0.utf8) }) { continue }
            if let rule = restricted.first(where: { $0.key == member.key }) {
                guard rule.values.contains(member.value) else {
                    throw fields.unsupported(member.key, "is \(shown(member.value)): \(rule.reason)")
                }
                continue
            }
            guard member.value.isEmpty else {
                throw fields.unsupported(
                    "\(member.key.prefix(100))",
                    "(\(shown(member.value))) is not known: it may ask for something that moed does not do. "
                        + "Remove it if transformers' Qwen3 does without it")
            }
            passedOver.append("\(member.key.prefix(100))")
        }
        var remarks: [String] = []
        if !passedOver.isEmpty {
            remarks.append("config.json: not known and switched off: \(passedOver.joined(separator: ", "))")
        }
        if fields["auto_map"] != nil {
            remarks.append("config.json: auto_map names Python code; moed runs the standard architecture without it")
        }
        return remarks
    }

    private static func shown(_ value: JSONValue) -> String { "\(value.serialized(.spaced).prefix(60))" }

    private static let harmlessPrefixes = ["_", "unsloth_"]

    /// Members that have readers, which know their limits.
    private static let read = set([
        "architectures", "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act", "hidden_activation",
        "max_position_embeddings", "original_max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling",
        "rope_parameters", "partial_rotary_factor", "tie_word_embeddings", "eos_token_id", "num_experts",
        "num_local_experts", "num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob", "decoder_sparse_step",
        "mlp_only_layers", "layer_types", "shared_expert_intermediate_size", "quantization_config",
        "compression_config", "quantization", "dual_chunk_attention_config",
    ])

    /// Members that transformers does not compute a token's probability with: names, training, classification,
    /// defaults of generation, other implementations of the same mathematics.
    private static let harmless = set([
        "transformers_version", "torch_dtype", "dtype", "name_or_path", "model_name", "license", "tags", "auto_map",
        "use_cache", "initializer_range", "attention_dropout", "attn_pdrop", "resid_pdrop", "embd_pdrop",
        "hidden_dropout", "gradient_checkpointing", "pretraining_tp", "router_aux_loss_coef", "router_z_loss_coef",
        "output_router_logits", "sliding_window", "max_window_layers", "bos_token_id", "pad_token_id", "sep_token_id",
        "decoder_start_token_id", "tokenizer_class", "task_specific_params", "finetuning_task", "id2label", "label2id",
        "num_labels", "problem_type", "return_dict", "output_attentions", "output_hidden_states",
        "chunk_size_feed_forward", "torchscript", "tie_encoder_decoder", "tie_last_hidden_states", "tf_legacy_loss",
        "use_bfloat16", "prefix", "attn_implementation", "experts_implementation", "model_max_length", "seq_length",
        "max_sequence_length", "num_nextn_predict_layers", "mtp_num_hidden_layers", "finetuned",
        // Defaults of generation in old files; generation_config.json holds them.
        "assistant_confidence_threshold", "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample",
        "early_stopping", "encoder_no_repeat_ngram_size", "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff",
        "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id", "length_penalty",
        "max_length", "max_new_tokens", "min_length", "no_repeat_ngram_size", "num_assistant_tokens",
        "num_assistant_tokens_schedule", "num_beam_groups", "num_beams", "num_return_sequences", "output_scores",
        "remove_invalid_values", "repetition_penalty", "return_dict_in_generate", "suppress_tokens",
        "target_lookbehind", "assistant_lookbehind", "temperature", "top_k", "top_p", "typical_p",
    ])

    /// Members that may have these values only.
    private static let restricted: [(key: String, values: [JSONValue], reason: String)] = [
        ("attention_bias", [false], "biases are not supported"),
        ("mlp_bias", [false], "biases are not supported"),
        ("qkv_bias", [false], "biases are not supported"),
        ("use_sliding_window", [false], "only full attention is supported"),
        ("use_qk_norm", [true], "only models with norms of queries and keys are supported"),
        ("qk_norm", [true], "only models with norms of queries and keys are supported"),
        ("is_encoder_decoder", [false], "only decoders are supported"),
        ("is_decoder", [true, false], "must be a boolean"),
        ("add_cross_attention", [false], "only decoders are supported"),
    ]

    private static func set(_ names: [String]) -> Set<ExactString> { Set(names.map(ExactString.init)) }
}

extension JSONValue {
    /// False, zero, or nothing inside: a feature that is switched off.
    fileprivate var isEmpty: Bool {
        switch self {
        case .null, .bool(false), .integer(0), .string(""): true
        case .array(let elements): elements.isEmpty
        case .object(let object): object.isEmpty
        default: false
        }
    }
}

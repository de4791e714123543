/// Names of a GGUF file's tensors as Hugging Face's.
enum GGUFNames {
    private static let outer = [
        "token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    ]
    private static let inner = [
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_gate_inp": "mlp.gate",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]
    /// Tensors that hold the matrices of all experts of a layer.
    private static let experts = [
        "ffn_gate_exps": "mlp.experts.gate_proj", "ffn_up_exps": "mlp.experts.up_proj",
        "ffn_down_exps": "mlp.experts.down_proj",
    ]

    /// The name; an unknown one stays as it is.
    static func huggingFace(_ name: String) -> String {
        if let known = outer[name] { return known }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count >= 4, parts[0] == "blk", Int(parts[1]) != nil, let ending = parts.last else { return name }
        let layer = "model.layers.\(parts[1])"
        if parts.count == 4, let known = experts[parts[2]], ending == "weight" { return "\(layer).\(known)" }
        if parts.count == 4, let known = inner[parts[2]] { return "\(layer).\(known).\(ending)" }
        // Old files have a tensor for each expert: blk.0.ffn_gate.5.weight.
        let matrices = ["ffn_gate": "gate_proj", "ffn_up": "up_proj", "ffn_down": "down_proj"]
        guard parts.count == 5, Int(parts[3]) != nil, let matrix = matrices[parts[2]] else { return name }
        return "\(layer).mlp.experts.\(parts[3]).\(matrix).\(ending)"
    }
}

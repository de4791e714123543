#!/usr/bin/env python3
"""A Qwen3-MoE checkpoint (bf16 safetensors, Hugging Face layout) as a bf16 GGUF file for llama.cpp.

Usage: to_gguf.py CHECKPOINT OUT.gguf      (needs numpy and gguf, both on PyPI)
"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np


class Checkpoint:
    """Tensors of a checkpoint by name, as the bits of bf16."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = json.loads((self.folder / "config.json").read_text())
        self.entries = {}
        for file in sorted(self.folder.glob("*.safetensors")):
            data = np.memmap(file, np.uint8, "r")
            header_end = 8 + int(data[:8].view("<u8")[0])
            header = json.loads(data[8:header_end].tobytes())
            for name, entry in header.items():
                if name != "__metadata__":
                    self.entries[name] = (data[header_end:], entry)

    def bits(self, name):
        data, entry = self.entries[name]
        assert entry["dtype"] == "BF16", f"{name}: {entry['dtype']}, only BF16 is converted"
        begin, end = entry["data_offsets"]
        return data[begin:end].view(np.uint16).reshape(entry["shape"])

    def floats(self, name):
        return (self.bits(name).astype(np.uint32) << 16).view(np.float32)


def write_header(out, config):
    out.add_name("moed-benchmark")
    out.add_block_count(config["num_hidden_layers"])
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(config["num_attention_heads"])
    out.add_head_count_kv(config["num_key_value_heads"])
    out.add_key_length(config["head_dim"])
    out.add_value_length(config["head_dim"])
    out.add_rope_freq_base(config["rope_theta"])
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_expert_count(config["num_experts"])
    out.add_expert_used_count(config["num_experts_per_tok"])
    out.add_expert_feed_forward_length(config["moe_intermediate_size"])
    out.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)


def write_tokenizer(out, folder, config):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    count = config["vocab_size"]
    tokens = [f"[PAD{i}]" for i in range(count)]
    types = [int(gguf.TokenType.UNUSED)] * count
    for text, id in tokenizer["model"]["vocab"].items():
        tokens[id], types[id] = text, int(gguf.TokenType.NORMAL)
    for added in tokenizer["added_tokens"]:
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]], types[added["id"]] = added["content"], int(kind)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    out.add_token_types(types)
    out.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]])
    out.add_eos_token_id(config["eos_token_id"])
    out.add_add_bos_token(False)


def write_tensors(out, checkpoint):
    config, pending = checkpoint.config, []

    def weights(name, *sources):
        shape = ([len(sources)] if len(sources) > 1 else []) + list(checkpoint.bits(sources[0]).shape)
        size = int(np.prod(shape)) * 2
        out.add_tensor_info(name, shape, np.dtype(np.uint16), size, raw_dtype=gguf.GGMLQuantizationType.BF16)
        pending.append(lambda: np.stack([checkpoint.bits(s) for s in sources]).reshape(shape))

    def floats(name, source):
        values = checkpoint.floats(source)
        out.add_tensor_info(name, values.shape, values.dtype, values.nbytes)
        pending.append(lambda: checkpoint.floats(source))

    weights("token_embd.weight", "model.embed_tokens.weight")
    if not config["tie_word_embeddings"]:
        weights("output.weight", "lm_head.weight")
    floats("output_norm.weight", "model.norm.weight")
    for layer in range(config["num_hidden_layers"]):
        source, target = f"model.layers.{layer}.", f"blk.{layer}."
        floats(target + "attn_norm.weight", source + "input_layernorm.weight")
        floats(target + "ffn_norm.weight", source + "post_attention_layernorm.weight")
        floats(target + "attn_q_norm.weight", source + "self_attn.q_norm.weight")
        floats(target + "attn_k_norm.weight", source + "self_attn.k_norm.weight")
        for name, projection in [("attn_q", "q"), ("attn_k", "k"), ("attn_v", "v"), ("attn_output", "o")]:
            weights(f"{target}{name}.weight", f"{source}self_attn.{projection}_proj.weight")
        floats(target + "ffn_gate_inp.weight", source + "mlp.gate.weight")
        for name in ["gate", "up", "down"]:
            experts = [f"{source}mlp.experts.{e}.{name}_proj.weight" for e in range(config["num_experts"])]
            weights(f"{target}ffn_{name}_exps.weight", *experts)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_ti_data_to_file()
    for values in pending:
        out.write_tensor_data(values())


def main(folder, path):
    checkpoint = Checkpoint(folder)
    out = gguf.GGUFWriter(path, "qwen3moe")
    write_header(out, checkpoint.config)
    write_tokenizer(out, checkpoint.folder, checkpoint.config)
    write_tensors(out, checkpoint)
    out.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])

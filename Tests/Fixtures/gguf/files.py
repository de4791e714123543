"""GGUF files made by the gguf library, for the tests that read them.

  files.py blocks                       random blocks of each type with the values that the library decodes, JSON lines
  files.py model DIR OUT [options]      the model of DIR as OUT/model.gguf, and OUT/reference with its weights as f32
"""
import argparse
import json
import pathlib
import shutil

import gguf
import numpy as np

TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4",
         "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"]
# Where the f16 scales of a block lie.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
          "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0]}


def random_blocks(random, kind, rows, columns):
    """Rows of random bytes with scales that are numbers."""
    weights, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    blocks = random.integers(0, 256, (rows, columns // weights, size), dtype=np.uint8)
    for place in SCALES[kind]:
        scales = (random.standard_normal(blocks.shape[:2]) / 256).astype("<f2")
        blocks[:, :, place:place + 2] = scales[..., None].view(np.uint8)
    if kind == "MXFP4":
        blocks[:, :, 0] = random.integers(110, 130, blocks.shape[:2])
    return blocks.reshape(rows, -1)


def blocks():
    random = np.random.default_rng(20260401)
    for kind in TYPES:
        weights, _ = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
        data = random_blocks(random, kind, 2, 2 * weights)
        if kind == "MXFP4":
            data[0, 0], data[0, 17], data[1, 0] = 0, 1, 2
        values = gguf.quants.dequantize(data, gguf.GGMLQuantizationType[kind]).astype("<f4")
        print(json.dumps({"type": kind, "rows": 2, "columns": 2 * weights, "bytes": data.tobytes().hex(),
                          "values": values.tobytes().hex()}))


def tensors(directory):
    """All tensors of a safetensors file as f32, by name."""
    raw = (directory / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    found = {}
    for name, info in json.loads(raw[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in info["data_offsets"])
        if info["dtype"] == "BF16":
            values = (np.frombuffer(raw[begin:end], "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw[begin:end], "<f4")
        found[name] = values.reshape(info["shape"])
    return found


def write_safetensors(path, arrays):
    header, data = {}, b""
    for name, values in arrays.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def names(config):
    """Pairs of Hugging Face's and GGUF's names; None stands for the number of an expert."""
    yield "model.embed_tokens.weight", "token_embd.weight"
    yield "model.norm.weight", "output_norm.weight"
    yield "lm_head.weight", "output.weight"
    inner = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
             "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate": "ffn_gate_inp",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    for layer in range(config["num_hidden_layers"]):
        for name, other in inner.items():
            yield f"model.layers.{layer}.{name}.weight", f"blk.{layer}.{other}.weight"
        for matrix in ("gate", "up", "down"):
            yield f"model.layers.{layer}.mlp.experts.{{}}.{matrix}_proj.weight", f"blk.{layer}.ffn_{matrix}_exps.weight"


def add_metadata(writer, config, directory):
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    if "num_experts" in config:
        writer.add_expert_count(config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    count = config["vocab_size"]
    texts, kinds = [f"[PAD{number}]" for number in range(count)], [gguf.TokenType.UNUSED] * count
    for text, number in tokenizer["model"]["vocab"].items():
        texts[number], kinds[number] = text, gguf.TokenType.NORMAL
    for token in tokenizer["added_tokens"]:
        texts[token["id"]] = token["content"]
        kinds[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
    writer.add_token_merges(merges)
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(json.loads((directory / "tokenizer_config.json").read_text())["chat_template"])


def quantised(values, kind, random):
    """The tensor's data and type, and its values as read back."""
    if values.ndim == 1 or kind == "F32":
        return values.astype(np.float32), gguf.GGMLQuantizationType.F32, values
    if kind == "MIX":
        fitting = [k for k in TYPES if values.shape[-1] % gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[k]][0] == 0]
        kind = fitting[int(random.integers(len(fitting)))]
    type = gguf.GGMLQuantizationType[kind]
    flat = values.reshape(-1, values.shape[-1])
    try:
        data = gguf.quants.quantize(flat, type)
    except NotImplementedError:
        data = random_blocks(random, kind, *flat.shape)
    back = gguf.quants.dequantize(data, type).astype(np.float32).reshape(values.shape)
    return data.reshape(*values.shape[:-1], -1), type, back


def model(options):
    directory, out = pathlib.Path(options.directory), pathlib.Path(options.out)
    config = json.loads((directory / "config.json").read_text())
    random = np.random.default_rng(options.seed)
    architecture = "qwen3moe" if "num_experts" in config else "qwen3"
    out.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(out / "model.gguf"), architecture, split_max_tensors=options.split)
    add_metadata(writer, config, directory)
    source, reference = tensors(directory), {}
    for name, other in names(config):
        if "{}" in name:
            if name.format(0) not in source:
                continue
            values = np.stack([source[name.format(number)] for number in range(config["num_experts"])])
        elif name in source:
            values = source[name]
        else:
            continue
        data, type, back = quantised(values, options.type, random)
        writer.add_tensor(other, data, raw_dtype=type)
        for number in range(len(back)) if "{}" in name else [None]:
            reference[name.format(number)] = back if number is None else back[number]
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    folder = out / "reference"
    folder.mkdir(exist_ok=True)
    write_safetensors(folder / "model.safetensors", reference)
    for file in directory.glob("*.json"):
        shutil.copy(file, folder)


parser = argparse.ArgumentParser(description=__doc__)
commands = parser.add_subparsers(dest="command", required=True)
commands.add_parser("blocks")
arguments = commands.add_parser("model")
arguments.add_argument("directory")
arguments.add_argument("out")
arguments.add_argument("--type", default="F32")
arguments.add_argument("--split", type=int, default=0)
arguments.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
blocks() if options.command == "blocks" else model(options)

#!/usr/bin/env python3
"""What adapters cost: decoding of 32 sequences with eight LoRA adapters in turn, beside the same without, in turns.

Usage: adapters.py MOED WORK [--layers 12] [--rank 16]
  MOED  the moed binary (release)      WORK  folder for the model and its pack

Needs numpy. The model has random weights of Qwen3-1.7B's shape with fewer layers and a smaller vocabulary; the adapters
change all matrices of attention and feed-forward layers.
"""
import argparse
import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np

SAMPLE = Path(__file__).resolve().parent.parent / "Tests/Fixtures/sample-model"
SHAPE = {"hidden_size": 2048, "intermediate_size": 6144, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128}


def save(path, tensors):
    header, offset = {}, 0
    for name, (kind, values) in tensors.items():
        header[name] = {"dtype": kind, "shape": values.shape, "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            file.write(values.tobytes())


def bf16(random, *shape, deviation=0.02):
    values = random.standard_normal(shape, dtype=np.float32) * deviation
    return "BF16", (values.view(np.uint32) >> 16).astype(np.uint16)


def matrices(layers):
    h, i, d = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["head_dim"]
    q, kv = SHAPE["num_attention_heads"] * d, SHAPE["num_key_value_heads"] * d
    kinds = {"self_attn.q_proj": (q, h), "self_attn.k_proj": (kv, h), "self_attn.v_proj": (kv, h),
             "self_attn.o_proj": (h, q), "mlp.gate_proj": (i, h), "mlp.up_proj": (i, h), "mlp.down_proj": (h, i)}
    return {f"model.layers.{layer}.{name}": shape for layer in range(layers) for name, shape in kinds.items()}


def model(folder, layers):
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    config = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 640, "num_hidden_layers": layers,
              "max_position_embeddings": 4096, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6, "hidden_act": "silu",
              "tie_word_embeddings": True, "eos_token_id": 637} | SHAPE
    (folder / "config.json").write_text(json.dumps(config))
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(SAMPLE / name, folder)
    one = ("BF16", np.full(SHAPE["hidden_size"], 0x3F80, np.uint16))
    head = ("BF16", np.full(SHAPE["head_dim"], 0x3F80, np.uint16))
    tensors = {"model.embed_tokens.weight": bf16(random, 640, SHAPE["hidden_size"]), "model.norm.weight": one}
    for name, shape in matrices(layers).items():
        tensors[f"{name}.weight"] = bf16(random, *shape)
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        tensors |= {prefix + "input_layernorm.weight": one, prefix + "post_attention_layernorm.weight": one,
                    prefix + "self_attn.q_norm.weight": head, prefix + "self_attn.k_norm.weight": head}
    save(folder / "model.safetensors", tensors)


def adapter(folder, number, layers, rank):
    folder.mkdir(parents=True)
    random = np.random.default_rng(100 + number)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "bias": "none",
              "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    tensors = {}
    for name, (outputs, inputs) in matrices(layers).items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = bf16(random, rank, inputs)
        tensors[f"base_model.model.{name}.lora_B.weight"] = bf16(random, outputs, rank)
    save(folder / "adapter_model.safetensors", tensors)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("moed")
    parser.add_argument("work", type=Path)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--rank", type=int, default=16)
    given = parser.parse_args()
    folder = given.work / f"adapters-{given.layers}-{given.rank}"
    if not folder.exists():
        model(folder / "model", given.layers)
        for number in range(8):
            adapter(folder / f"a{number}", number, given.layers, given.rank)
    for name, formats in {"int8": ["--dense", "int8"], "int4": ["--dense", "int4"]}.items():
        pack = folder / name
        if not pack.exists():
            subprocess.run([given.moed, "pack", folder / "model", pack, *formats], check=True)
        names = [word for number in range(8) for word in ["--adapter", str(folder / f"a{number}")]]
        subprocess.run([given.moed, "bench", "--model", pack, "--prefill", "", "--decode", "1,8,32", *names], check=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""How fast checkpoints of each kind are packed, and how fast packs of kept codes decode beside moed's own, in turns.

Usage: packing.py MOED WORK [--layers 4] [--turns 5]
  MOED  the moed binary (release)      WORK  folder for checkpoints and packs

Needs numpy. Random codes in the shape of Qwen3-1.7B with fewer layers and a smaller vocabulary. Files are in the page
cache; rates are bytes of the checkpoint a second.
"""
import argparse
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

import adapters

GROUP = 128


def words(random, *shape):
    return "I32", random.integers(-2**31, 2**31, shape, dtype=np.int64).astype(np.int32)


def scales(*shape):
    return "F16", np.full(shape, 0.002, np.float16)


def gptq(random, bits):
    def tensors(name, outputs, inputs):
        return {f"{name}.qweight": words(random, inputs * bits // 32, outputs),
                f"{name}.qzeros": ("I32", np.full((inputs // GROUP, outputs * bits // 32),
                                                  0x77777777 if bits == 4 else 0x7F7F7F7F, np.int32)),
                f"{name}.scales": scales(inputs // GROUP, outputs),
                f"{name}.g_idx": ("I32", (np.arange(inputs) // GROUP).astype(np.int32))}
    return tensors, {"quant_method": "gptq", "bits": bits, "group_size": GROUP, "sym": True, "desc_act": False}


def awq(random):
    def tensors(name, outputs, inputs):
        return {f"{name}.qweight": words(random, inputs, outputs // 8),
                f"{name}.qzeros": words(random, inputs // GROUP, outputs // 8),
                f"{name}.scales": scales(inputs // GROUP, outputs)}
    return tensors, {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"}


def fp8(random):
    def tensors(name, outputs, inputs):
        codes = random.integers(0, 0x78, (outputs, inputs), dtype=np.uint8)
        return {f"{name}.weight": ("F8_E4M3", codes),
                f"{name}.weight_scale_inv": ("F32", np.full((-(-outputs // 128), -(-inputs // 128)), 1e-4, np.float32))}
    return tensors, {"quant_method": "fp8", "weight_block_size": [128, 128], "fmt": "e4m3", "activation_scheme": "dynamic"}


def checkpoint(folder, layers, tensors, description):
    """The plain model with its matrices in another form."""
    adapters.model(folder, layers)
    if description is None:
        return
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": description}))
    data = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    kept = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        module = name.removesuffix(".weight")
        if module in adapters.matrices(layers):
            kept |= tensors(module, *entry["shape"])
        else:
            begin, end = entry["data_offsets"]
            values = np.frombuffer(data, np.uint16, (end - begin) // 2, 8 + length + begin).reshape(entry["shape"])
            kept[name] = ("BF16", values)
    adapters.save(folder / "model.safetensors", kept)


def pack(moed, source, target, formats):
    shutil.rmtree(target, ignore_errors=True)
    output = subprocess.run([moed, "pack", source, target, *formats], capture_output=True, text=True, check=True).stdout
    return re.search(r"([0-9.]+ [kMG]?B)/s", output).group(1)


def decode(moed, model):
    command = [moed, "bench", "--model", model, "--prefill", "", "--decode", "1", "--repeat", "3", "--json"]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer["runs"][0]["tokens_per_second"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("moed")
    parser.add_argument("work", type=Path)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    random = np.random.default_rng(5)
    kinds = {"bf16": (None, None), "fp8": fp8(random), "gptq4": gptq(random, 4), "gptq8": gptq(random, 8), "awq": awq(random)}
    packs = {}
    print("checkpoint  format   rate of the checkpoint's bytes")
    for name, (tensors, description) in kinds.items():
        folder = given.work / f"packing-{given.layers}-{name}"
        if not folder.exists():
            checkpoint(folder, given.layers, tensors, description)
        formats = {"bf16": ["bf16", "int8", "int4"], "fp8": ["int8", "int4"]}.get(name, ["keep", "int4"])
        for word in formats:
            target = given.work / f"packing-{given.layers}-{name}-{word}.pack"
            rates = [pack(given.moed, folder, target, ["--dense", word, "--group", str(GROUP)]) for _ in range(3)]
            print(f"{name:10}  {word:6}   {'  '.join(rates)} /s", flush=True)
            packs[name, word] = target
    print("decoding of one sequence, in turns: tokens/s of the kept pack over those of moed's own")
    for kept, own in [("gptq4", ("bf16", "int4")), ("gptq8", ("bf16", "int8")), ("awq", ("bf16", "int4"))]:
        ratios = []
        for turn in range(given.turns):
            pair = [packs[kept, "keep"], packs[own]]
            rates = {model: decode(given.moed, model) for model in (pair if turn % 2 else pair[::-1])}
            ratios.append(rates[pair[0]] / rates[pair[1]])
        print(f"  {kept:6} over {own[1]}: median {np.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}", flush=True)


if __name__ == "__main__":
    main()

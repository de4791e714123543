"""Writes tiny models in quantised formats, by the formats' own libraries, and what they dequantise to.

    python quantise.py FOLDER --seed N [--only NAME]

For each case: FOLDER/NAME (the checkpoint), FOLDER/NAME.reference (the same weights in f32), and a line of JSON on
standard output with "name", "ids" (a token list) and "logprobs" (transformers on the reference).
"""

import argparse
import json
import sys

import torch
from loguru import logger

from compressed import FP8, Scheme, description
from tiny import Sizes, draw, logprobs, usual, write_pair

logger.remove()
torch.set_num_threads(1)

# No multiple of 64 but in places of 8; blocks of 128 are smaller at the edges.
ODD = Sizes(hidden=200, heads=4, key_value_heads=2, head_dim=26, width=264, expert_width=72)
# Groups of 20 and 40 columns: they end within words.
FORTY = Sizes(hidden=200, heads=10, key_value_heads=2, head_dim=20, width=280, expert_width=120)
# Multiples of 32.
THIRTY_TWO = Sizes(hidden=160, heads=6, key_value_heads=3, head_dim=32, width=224, expert_width=96)
WIDE = Sizes(hidden=256, heads=4, key_value_heads=2, head_dim=64, width=384, expert_width=128, experts=2)
DENSE = Sizes(hidden=104, heads=3, key_value_heads=1, head_dim=24, width=136)
TIED = Sizes(hidden=160, heads=5, key_value_heads=5, head_dim=32, width=192, tied=True)

DYNAMIC_INT8 = {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True}
DYNAMIC_FP8 = {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True}


class Case:
    def __init__(self, name, sizes, quantise, description, chosen=usual, plain="bf16", shards=1, fused=False):
        self.name, self.sizes, self.description, self.plain, self.shards = name, sizes, description, plain, shards
        self.fused = fused
        self.quantise = lambda module, weight: quantise(module, weight) if chosen(module) else None


def compressed(name, sizes, scheme, chosen=usual, ignore=("lm_head", "re:.*mlp.gate$"), **options) -> Case:
    described = description({"group_0": scheme}, scheme.format, list(ignore))
    return Case(name, sizes, scheme, described, chosen, **options)


def packed(name, sizes, bits, strategy, group=None, symmetric=True, scale=torch.float32, **options) -> Case:
    scheme = Scheme(
        "pack-quantized", scale=scale, num_bits=bits, type="int", strategy=strategy, group_size=group,
        symmetric=symmetric)
    return compressed(name, sizes, scheme, **options)


def static(module, weight):
    """FP8 of a static scheme: a scale of the matrix, and one of its inputs."""
    tensors, matrix = FP8(block=None)(module, weight)
    tensors["weight_scale"] = tensors.pop("weight_scale_inv").reshape(1)
    return tensors | {"input_scale": torch.tensor([0.5])}, matrix


def cases_fp8() -> list:
    whole = {"num_bits": 8, "type": "float", "strategy": "tensor"}
    channel = {"num_bits": 8, "type": "float", "strategy": "channel"}
    block = {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}
    all = []
    for name, sizes, fp8 in (
        ("fp8-block-bf16", ODD, FP8(scale=torch.bfloat16)),
        ("fp8-block-f32", ODD, FP8(scale=torch.float32)),
        ("fp8-block-whole", WIDE, FP8(scale=torch.bfloat16)),
        ("fp8-block-64x32", THIRTY_TWO, FP8(block=(64, 32), scale=torch.float16)),
        ("fp8-ue8m0", WIDE, FP8(ue8m0=True)),
        ("fp8-tensor", ODD, FP8(block=None)),
        ("fp8-dense", DENSE, FP8()),
    ):
        all.append(Case(name, sizes, fp8, fp8.description(), shards=2 if "bf16" in name else 1))
    all.append(Case("fp8-fused", ODD, FP8(), FP8().description(), fused=True))
    all.append(Case("fp8-fused-whole", WIDE, FP8(scale=torch.bfloat16), FP8().description(), fused=True))
    all.append(Case("fp8-static", ODD, static, FP8(block=None).description()))
    all.append(Case("fp8-undescribed-sizes", WIDE, FP8(), {"quantization_config": {"quant_method": "fp8"}}))
    for name, sizes, weights, scale in (
        ("float-channel", ODD, channel, torch.bfloat16), ("float-tensor", DENSE, whole, torch.float32),
        ("float-block", ODD, block, torch.float32),
    ):
        all.append(compressed(name, sizes, Scheme("float-quantized", DYNAMIC_FP8, scale=scale, **weights)))
    return all


def cases_packed() -> list:
    everything = {"chosen": lambda module: True, "ignore": ()}
    return [
        packed("pack4-group32", THIRTY_TWO, 4, "group", 32, scale=torch.bfloat16),
        packed("pack4-group128", WIDE, 4, "group", 128, scale=torch.float16),
        packed("pack4-group20-zeros", FORTY, 4, "group", 20, symmetric=False, scale=torch.float16),
        packed(
            "pack4-group64-zeros", WIDE, 4, "group", 64, symmetric=False, chosen=lambda m: m != "model.embed_tokens"),
        packed("pack4-channel", ODD, 4, "channel"),
        packed("pack4-channel-zeros", DENSE, 4, "channel", symmetric=False, plain="f16"),
        packed("pack8-group40", FORTY, 8, "group", 40, shards=3),
        packed("pack8-group40-zeros", FORTY, 8, "group", 40, symmetric=False, **everything),
        packed("pack8-channel", DENSE, 8, "channel", scale=torch.bfloat16),
        packed("pack4-tied-embedding", TIED, 4, "group", 32, **everything),
    ]


def cases_others() -> list:
    int8 = {"num_bits": 8, "type": "int"}
    nvfp4 = Scheme(
        "nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16,
        scale_dtype=torch.float8_e4m3fn)
    mxfp4 = Scheme(
        "mxfp4-pack-quantized", num_bits=4, type="float", strategy="group", group_size=32, scale_dtype=torch.uint8)
    mxfp8 = Scheme(
        "mxfp8-quantized", num_bits=8, type="float", strategy="group", group_size=32, scale_dtype=torch.uint8)
    all = [
        compressed("int-channel", ODD, Scheme("int-quantized", DYNAMIC_INT8, strategy="channel", **int8)),
        compressed(
            "int-channel-zeros", DENSE,
            Scheme("int-quantized", DYNAMIC_INT8, strategy="channel", symmetric=False, **int8)),
        compressed("int-tensor", DENSE, Scheme("int-quantized", DYNAMIC_INT8, strategy="tensor", **int8)),
        compressed(
            "int-group40", FORTY,
            Scheme("naive-quantized", strategy="group", group_size=40, scale=torch.bfloat16, **int8)),
        compressed(
            "int-group40-zeros", FORTY,
            Scheme("naive-quantized", strategy="group", group_size=40, symmetric=False, **int8)),
        compressed("nvfp4", THIRTY_TWO, nvfp4),
        compressed("mxfp4", THIRTY_TWO, mxfp4),
        compressed("mxfp8", THIRTY_TWO, mxfp8),
    ]
    for symmetric in (True, False):
        scheme = Scheme("pack-quantized", num_bits=4, type="int", strategy="group", group_size=20, symmetric=symmetric)
        described = description({"group_0": scheme}, scheme.format, ["lm_head"], actorder="group")
        name = "pack4-actorder" + ("" if symmetric else "-zeros")
        all.append(Case(name, FORTY, scheme.in_order, described))
    return all + cases_mixed()


def cases_mixed() -> list:
    """Several schemes in one file, and modules that none of them has."""

    def mixed(name, sizes, schemes, choose) -> Case:
        described = description({f"group_{n}": s for n, s in enumerate(schemes)}, "mixed-precision", ["lm_head"])

        def quantise(module, weight):
            number = choose(module)
            return None if number is None else schemes[number](module, weight)

        return Case(name, sizes, quantise, described)

    four = Scheme("pack-quantized", num_bits=4, type="int", strategy="group", group_size=32)
    eight = Scheme(
        "pack-quantized", num_bits=8, type="int", strategy="group", group_size=16, symmetric=False,
        targets=["re:.*down_proj$"])
    float8 = Scheme(
        "float-quantized", DYNAMIC_FP8, num_bits=8, type="float", strategy="block", block_structure=[128, 128],
        targets=["re:.*self_attn.*"])
    small = Scheme(
        "float-quantized", DYNAMIC_FP8, num_bits=8, type="float", strategy="block", block_structure=[48, 32],
        targets=["re:.*self_attn.o_proj"])
    channel = Scheme(
        "float-quantized", DYNAMIC_FP8, num_bits=8, type="float", strategy="channel", targets=["re:.*self_attn.k_proj"])

    def choose(module):
        if not usual(module) or "layers.1.mlp.up_proj" in module or "experts.1.gate" in module:
            return None
        return 1 if module.endswith("down_proj") else 2 if "self_attn" in module else 0

    def choose_blocks(module):
        if not usual(module):
            return None
        return 1 if module.endswith("o_proj") else 2 if module.endswith("k_proj") else 0

    return [
        mixed("mixed-bits", THIRTY_TWO, [four, eight, float8], choose),
        mixed("mixed-blocks", ODD, [float8, small, channel], choose_blocks),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--only")
    options = parser.parse_args()
    for number, case in enumerate(cases_fp8() + cases_packed() + cases_others()):
        if options.only and options.only != case.name:
            continue
        generator = torch.Generator().manual_seed(options.seed + number)
        folder = f"{options.folder}/{case.name}"
        weights = draw(case.sizes, generator)
        write_pair(
            folder, case.sizes, weights, case.quantise, case.description, case.plain, case.shards, case.fused)
        ids = torch.randint(case.sizes.vocabulary, (24,), generator=generator).tolist()
        line = {"name": case.name, "ids": ids, "logprobs": logprobs(folder + ".reference", ids)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())

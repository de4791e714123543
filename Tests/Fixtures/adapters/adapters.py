"""Writes tiny models with LoRA adapters that PEFT saves, and what PEFT computes with them.

    python adapters.py DIR [--seed N]     writes DIR/dense, DIR/sparse with one folder for each adapter, and prints a
                                          JSON line each: "model", "adapter" (absent: none), "ids", "logprobs"

`recorded/` is the output of seed 1: `python adapters.py recorded > recorded/expected.jsonl`.
"""

import argparse
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "quantised"))

import torch  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from tiny import PLAIN, Sizes, draw, write  # noqa: E402

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]


def load(folder: str):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def logprobs(model, ids: list) -> list:
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0].double()
    probabilities = torch.log_softmax(logits, -1)
    return [probabilities[i, ids[i + 1]].item() for i in range(len(ids) - 1)]


def adapt(folder: str, name: str, generator: torch.Generator, dtype: str = "f32", **options) -> None:
    """An adapter with random factors, as PEFT saves it."""
    model = get_peft_model(load(folder), LoraConfig(**options))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    target = f"{folder}/{name}"
    model.save_pretrained(target)
    file = f"{target}/adapter_model.safetensors"
    save_file({key: value.to(PLAIN[dtype]) for key, value in load_file(file).items()}, file, metadata={"format": "pt"})
    for other in os.listdir(target):
        if not other.startswith("adapter_"):
            os.remove(f"{target}/{other}")
    with open(f"{target}/adapter_config.json") as stream:
        config = json.load(stream)
    config["base_model_name_or_path"] = "tiny/base"
    with open(f"{target}/adapter_config.json", "w") as stream:
        json.dump(config, stream, sort_keys=True)


def by_expert(folder: str, name: str, sizes: Sizes, generator: torch.Generator, rank: int, alpha: int) -> None:
    """The names of transformers 4, where each matrix of an expert is a module. Some experts are left out."""
    tensors = {}
    for module, (outputs, inputs) in sizes.matrices().items():
        if ".experts." not in module or ".experts.1." in module:
            continue
        tensors[f"base_model.model.{module}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator) * 0.3
        tensors[f"base_model.model.{module}.lora_B.weight"] = torch.randn(outputs, rank, generator=generator) * 0.3
    os.makedirs(f"{folder}/{name}")
    save_file(tensors, f"{folder}/{name}/adapter_model.safetensors", metadata={"format": "pt"})
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": ["gate_proj", "up_proj", "down_proj"]}
    with open(f"{folder}/{name}/adapter_config.json", "w") as stream:
        json.dump(config, stream)


def merged_by_expert(folder: str, name: str):
    """The model with the sum of the factors' product in its weights."""
    model = load(folder)
    with open(f"{folder}/{name}/adapter_config.json") as stream:
        config = json.load(stream)
    tensors = load_file(f"{folder}/{name}/adapter_model.safetensors")
    for key in [key for key in tensors if ".lora_A." in key]:
        module = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        path, expert, matrix = module.rsplit(".", 2)
        delta = tensors[key.replace("lora_A", "lora_B")] @ tensors[key] * (config["lora_alpha"] / config["r"])
        experts = model.get_submodule(path)
        with torch.no_grad():
            if matrix == "down_proj":
                experts.down_proj[int(expert)] += delta
            else:
                first = 0 if matrix == "gate_proj" else delta.shape[0]
                experts.gate_up_proj[int(expert), first : first + delta.shape[0]] += delta
    return model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    odd = options.seed % 2
    dense = Sizes(
        hidden=44 + 4 * odd, heads=2, key_value_heads=1, head_dim=18 - 2 * odd, width=52, vocabulary=41, layers=2, tied=True)
    sparse = Sizes(
        hidden=32, heads=2, key_value_heads=1, head_dim=16, width=36, expert_width=24 - 4 * odd, experts=3, vocabulary=37,
        layers=2, dense_layers=[1], tied=True)
    for name, sizes in (("dense", dense), ("sparse", sparse)):
        weights = draw(sizes, generator)
        folder = f"{options.folder}/{name}"
        write(folder, sizes.config(), {f"{key}.weight": value.to(torch.bfloat16) for key, value in weights.items()})

    folder = f"{options.folder}/dense"
    adapt(folder, "a", generator, r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    adapt(folder, "b", generator, r=3, lora_alpha=5, use_rslora=True, target_modules="all-linear")
    adapt(
        folder, "c", generator, dtype="bf16", r=17, lora_alpha=12, target_modules=r".*\.(o_proj|gate_proj|down_proj)",
        rank_pattern={"gate_proj": 2, r"layers\.0\.self_attn\.o_proj": 5},
        alpha_pattern={"layers.1.mlp.down_proj": 30, r".*\.[o]_proj": 3})
    folder = f"{options.folder}/sparse"
    adapt(folder, "attention", generator, dtype="f16", r=2, lora_alpha=4, target_modules=ATTENTION)
    fused = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
    adapt(
        folder, "experts", generator, r=2, lora_alpha=3, target_modules=["q_proj"], target_parameters=fused,
        alpha_pattern={"experts.down_proj": 1})
    adapt(folder, "gates", generator, r=3, lora_alpha=3, target_parameters=fused[:1])
    by_expert(folder, "by-expert", sparse, generator, rank=3, alpha=2)

    for name, sizes in (("dense", dense), ("sparse", sparse)):
        folder = f"{options.folder}/{name}"
        adapters = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        for adapter in [None] + adapters:
            ids = [random.randrange(sizes.vocabulary) for _ in range(40)]
            if adapter is None:
                model = load(folder)
            elif adapter == "by-expert":
                model = merged_by_expert(folder, adapter)
            else:
                model = PeftModel.from_pretrained(load(folder), f"{folder}/{adapter}").eval()
            line = {"model": name, "ids": ids, "logprobs": logprobs(model, ids)}
            print(json.dumps(line | ({"adapter": adapter} if adapter else {})))


main()

"""Tiny Qwen3 and Qwen3-MoE models with random weights, written plainly or with some modules quantised."""

import json
import os
import re
from dataclasses import dataclass, field

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402

logging.disable_progress_bar()

PLAIN = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


@dataclass
class Sizes:
    hidden: int
    heads: int
    key_value_heads: int
    head_dim: int
    width: int
    expert_width: int = 0
    experts: int = 3
    vocabulary: int = 131
    layers: int = 2
    dense_layers: list = field(default_factory=lambda: [1])
    tied: bool = False

    @property
    def sparse(self) -> bool:
        return self.expert_width > 0

    def config(self) -> dict:
        config = {
            "architectures": ["Qwen3MoeForCausalLM" if self.sparse else "Qwen3ForCausalLM"],
            "model_type": "qwen3_moe" if self.sparse else "qwen3",
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "max_position_embeddings": 128,
            "rms_norm_eps": 1e-6,
            "rope_theta": 10000.0,
            "tie_word_embeddings": self.tied,
        }
        if self.sparse:
            config |= {
                "num_experts": self.experts,
                "num_experts_per_tok": 2,
                "moe_intermediate_size": self.expert_width,
                "norm_topk_prob": True,
                "decoder_sparse_step": 1,
                "mlp_only_layers": self.dense_layers,
            }
        return config

    def is_sparse(self, layer: int) -> bool:
        return self.sparse and layer not in self.dense_layers

    def matrices(self) -> dict:
        """Shapes of all matrices but the embedding, by module."""
        q, k = self.heads * self.head_dim, self.key_value_heads * self.head_dim
        all = {}
        for layer in range(self.layers):
            p = f"model.layers.{layer}."
            for name, shape in (("q", (q, self.hidden)), ("k", (k, self.hidden)), ("v", (k, self.hidden))):
                all[f"{p}self_attn.{name}_proj"] = shape
            all[p + "self_attn.o_proj"] = (self.hidden, q)
            networks = [("mlp.", self.width)]
            if self.is_sparse(layer):
                all[p + "mlp.gate"] = (self.experts, self.hidden)
                networks = [(f"mlp.experts.{expert}.", self.expert_width) for expert in range(self.experts)]
            for name, width in networks:
                all[f"{p}{name}gate_proj"] = (width, self.hidden)
                all[f"{p}{name}up_proj"] = (width, self.hidden)
                all[f"{p}{name}down_proj"] = (self.hidden, width)
        if not self.tied:
            all["lm_head"] = (self.vocabulary, self.hidden)
        return all

    def norms(self) -> dict:
        all = {"model.norm": self.hidden}
        for layer in range(self.layers):
            p = f"model.layers.{layer}."
            all |= {p + "input_layernorm": self.hidden, p + "post_attention_layernorm": self.hidden}
            all |= {p + "self_attn.q_norm": self.head_dim, p + "self_attn.k_norm": self.head_dim}
        return all


def usual(module: str) -> bool:
    """What most packers quantise."""
    return module.startswith("model.layers") and not module.endswith("mlp.gate")


def draw(sizes: Sizes, generator: torch.Generator) -> dict:
    """Random weights in f32, by module."""
    spread = 0.15 if sizes.tied else 1.0
    weights = {"model.embed_tokens": spread * torch.randn(sizes.vocabulary, sizes.hidden, generator=generator)}
    for name, shape in sizes.matrices().items():
        weights[name] = torch.randn(*shape, generator=generator) * 0.15
    for name, count in sizes.norms().items():
        weights[name] = 1 + 0.2 * torch.randn(count, generator=generator)
    return weights


def write(folder: str, config: dict, tensors: dict, shards: int = 1) -> None:
    os.makedirs(folder)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    if shards == 1:
        save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
        return
    index = {}
    names = sorted(tensors)
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        part = names[number::shards]
        save_file({name: tensors[name] for name in part}, f"{folder}/{file}", metadata={"format": "pt"})
        index |= {name: file for name in part}
    with open(f"{folder}/model.safetensors.index.json", "w") as file:
        json.dump({"metadata": {}, "weight_map": index}, file)


def fuse(tensors: dict) -> dict:
    """The names of transformers' own modules: all experts of a layer in two tensors."""
    fused = {}
    parts = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(.*\.experts)\.(\d+)\.(gate|up|down)_proj\.weight(.*)", name)
        if match is None:
            fused[name] = tensor
        else:
            parts.setdefault((match[1], match[4]), {})[match[3], int(match[2])] = tensor
    for (prefix, ending), made in parts.items():
        count = 1 + max(expert for _, expert in made)
        both = [torch.cat([made["gate", expert], made["up", expert]]) for expert in range(count)]
        fused[f"{prefix}.gate_up_proj{ending}"] = torch.stack(both)
        fused[f"{prefix}.down_proj{ending}"] = torch.stack([made["down", expert] for expert in range(count)])
    return fused


def write_pair(
    folder: str, sizes: Sizes, weights: dict, quantise, description: dict, plain: str, shards: int, fused: bool
) -> None:
    """Writes FOLDER, with what `quantise(module, weight)` makes of the matrices, and FOLDER.reference in f32.

    `quantise` returns the module's tensors and the library's dequantised matrix, or None to leave it plain.
    """
    quantised, reference = {}, {}
    for module, weight in weights.items():
        made = quantise(module, weight) if weight.dim() == 2 else None
        if made is None:
            stored = weight.to(PLAIN[plain])
            quantised[f"{module}.weight"] = stored
            reference[f"{module}.weight"] = stored.float()
            continue
        tensors, matrix = made
        assert matrix.dtype == torch.float32 and matrix.shape == weight.shape, (module, matrix.shape)
        quantised |= {f"{module}.{ending}": tensor for ending, tensor in tensors.items()}
        reference[f"{module}.weight"] = matrix
    if fused:
        quantised = fuse(quantised)
    write(folder, sizes.config() | description, quantised, shards)
    write(folder + ".reference", sizes.config(), reference)


def logprobs(folder: str, ids: list) -> list:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0].double()
    probabilities = torch.log_softmax(logits, -1)
    return [probabilities[i, ids[i + 1]].item() for i in range(len(ids) - 1)]

"""Writes tiny models with random weights and hand-made configurations, and what transformers makes of them.

    python models.py FOLDER --seed N --count N
    python models.py FOLDER --seed N --count N --record FILE   (configurations and "reading" alone)

Each model is a folder with config.json and model.safetensors. Standard output has a JSON line for each: "name",
"config" (the file), "ids" (a token list), and either "logprobs" (of each token after those before it) with
"reading" (what transformers understood), or "error" (transformers refuses the model).
"""

import argparse
import json
import os
import random
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402

logging.disable_progress_bar()
torch.set_num_threads(1)


class Case:
    """One model: its configuration, and how its tensors are stored."""

    def __init__(self, draw: random.Random):
        self.draw = draw
        self.sparse = draw.random() < 0.6
        self.heads = draw.choice([2, 4, 6])
        self.key_value_heads = draw.choice([h for h in (1, 2, 3) if self.heads % h == 0])
        self.head_dim = draw.choice([8, 16, 32])
        self.hidden = draw.choice([32, 48, 64])
        self.layers = draw.choice([1, 2, 3])
        self.vocabulary = draw.choice([64, 96, 131])
        self.intermediate = draw.choice([24, 40, 64])
        self.experts = draw.choice([2, 4, 7])
        self.expert_width = draw.choice([16, 24, 40])
        self.length = draw.choice([3, 20, 48])
        self.fused = self.sparse and draw.random() < 0.3
        self.head = draw.choice(["own", "own", "tied", "tied", "tied-other", "tied-equal", "head-only"])
        self.extra = draw.random() < 0.2
        self.config = self.make_config()

    def maybe(self, chance: float) -> bool:
        return self.draw.random() < chance

    def make_config(self) -> dict:
        draw = self.draw
        config = {
            "architectures": ["Qwen3MoeForCausalLM" if self.sparse else "Qwen3ForCausalLM"],
            "model_type": "qwen3_moe" if self.sparse else "qwen3",
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads,
            "head_dim": self.head_dim,
            "tie_word_embeddings": self.head != "own",
            "rms_norm_eps": draw.choice([1e-6, 1e-5, 1e-3]),
            "hidden_act": "silu",
            "max_position_embeddings": draw.choice([64, 128, 4096]),
        }
        if self.sparse:
            config["num_local_experts" if self.maybe(0.5) else "num_experts"] = self.experts
            config["num_experts_per_tok"] = draw.randint(1, min(4, self.experts))
            config["moe_intermediate_size"] = self.expert_width
            config["norm_topk_prob"] = self.maybe(0.5)
            if self.maybe(0.3):
                config["decoder_sparse_step"] = draw.choice([1, 2, 3])
            if self.maybe(0.3):
                config["mlp_only_layers"] = draw.sample(range(self.layers), draw.randint(0, self.layers))
        self.rotate(config)
        self.leave_out(config)
        self.add_harmless(config)
        return config

    def rotate(self, config: dict) -> None:
        draw = self.draw
        theta = draw.choice([10000, 10000.0, 500000, 1000000.0, 77.5])
        if self.maybe(0.7):
            config["rope_theta"] = theta
        for name, chance in (("rope_scaling", 0.5), ("rope_parameters", 0.5)):
            if not self.maybe(chance):
                if self.maybe(0.2):
                    config[name] = draw.choice([None, {}])
                continue
            rope = {}
            kind = draw.choice(["default", "yarn", "yarn", "yarn"])
            spelling = draw.random()
            if spelling < 0.8:
                rope["rope_type"] = kind
            if spelling > 0.6:
                rope["type"] = kind
            if self.maybe(0.5):
                rope["rope_theta"] = theta if self.maybe(0.5) else draw.choice([9000.0, 5000000])
            if kind == "yarn":
                rope["factor"] = draw.choice([1.0, 2, 4.0, 7.3, None])
                if self.maybe(0.6):
                    rope["original_max_position_embeddings"] = draw.choice([16, 32, 100])
                for key, values in (
                    ("attention_factor", [0.5, 1.0, 1.7, None]),
                    ("beta_fast", [32, 16.0, 64, 0, None]),
                    ("beta_slow", [1, 2.0, 0, None]),
                    ("mscale", [1.0, 0.7, None]),
                    ("mscale_all_dim", [1.0, 0.5, 0]),
                    ("truncate", [True, False, None]),
                ):
                    if self.maybe(0.25):
                        rope[key] = draw.choice(values)
                if self.maybe(0.1):
                    rope["attn_factor"] = 0.878
            if self.maybe(0.1):
                rope["partial_rotary_factor"] = 1.0
            config[name] = rope
        if self.maybe(0.25):
            config["original_max_position_embeddings"] = draw.choice([16, 24, 128])

    def leave_out(self, config: dict) -> None:
        for key in ("rms_norm_eps", "hidden_act", "max_position_embeddings", "norm_topk_prob", "architectures"):
            if self.maybe(0.07):
                config.pop(key, None)
        if self.maybe(0.1):
            config.pop("tie_word_embeddings")
            self.head = "own"
        if self.sparse and self.hidden % self.heads == 0 and self.maybe(0.2):
            config.pop("head_dim")
            self.head_dim = self.hidden // self.heads
        if not self.sparse and self.maybe(0.2):
            config["num_key_value_heads"] = None
            self.key_value_heads = self.heads

    def add_harmless(self, config: dict) -> None:
        draw = self.draw
        choices = {
            "torch_dtype": "bfloat16",
            "dtype": "float32",
            "transformers_version": "5.24.0",
            "use_cache": draw.choice([True, False]),
            "attention_bias": False,
            "attention_dropout": 0.5,
            "use_sliding_window": False,
            "sliding_window": draw.choice([None, 4]),
            "max_window_layers": draw.choice([0, 28]),
            "eos_token_id": draw.choice([3, [3, 5], None]),
            "bos_token_id": 1,
            "pad_token_id": draw.choice([None, 2]),
            "initializer_range": 0.5,
            "router_aux_loss_coef": 0.1,
            "output_router_logits": draw.choice([True, False]),
            "layer_types": ["full_attention"] * self.layers,
            "chunk_size_feed_forward": 0,
            "temperature": 0.6,
            "top_k": 1,
            "repetition_penalty": 3.0,
            "id2label": {"0": "a"},
            "unsloth_version": "2026.1",
            "_name_or_path": "somewhere",
        }
        if self.sparse:
            choices.pop("max_window_layers")
        for key in draw.sample(sorted(choices), draw.randint(0, 6)):
            config[key] = choices[key]

    def is_sparse(self, layer: int) -> bool:
        step = self.config.get("decoder_sparse_step", 1)
        dense = self.config.get("mlp_only_layers", [])
        return self.sparse and layer not in dense and (layer + 1) % step == 0

    def tensors(self, generator: torch.Generator) -> dict:
        kind = self.draw.choice([torch.bfloat16, torch.float32, torch.float16])
        tensors = {}

        def add(name: str, *shape: int, scale: float = 0.3, mean: float = 0.0) -> None:
            tensors[name] = (torch.randn(*shape, generator=generator) * scale + mean).to(kind)

        if self.head != "head-only":
            add("model.embed_tokens.weight", self.vocabulary, self.hidden, scale=1.0)
        if self.head in ("own", "tied-other", "head-only"):
            add("lm_head.weight", self.vocabulary, self.hidden)
        if self.head == "tied-equal":
            tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
        add("model.norm.weight", self.hidden, mean=1.0)
        for layer in range(self.layers):
            p = f"model.layers.{layer}."
            add(p + "input_layernorm.weight", self.hidden, mean=1.0)
            add(p + "post_attention_layernorm.weight", self.hidden, mean=1.0)
            add(p + "self_attn.q_proj.weight", self.heads * self.head_dim, self.hidden)
            add(p + "self_attn.k_proj.weight", self.key_value_heads * self.head_dim, self.hidden)
            add(p + "self_attn.v_proj.weight", self.key_value_heads * self.head_dim, self.hidden)
            add(p + "self_attn.o_proj.weight", self.hidden, self.heads * self.head_dim)
            add(p + "self_attn.q_norm.weight", self.head_dim, mean=1.0)
            add(p + "self_attn.k_norm.weight", self.head_dim, mean=1.0)
            if not self.is_sparse(layer):
                add(p + "mlp.gate_proj.weight", self.intermediate, self.hidden)
                add(p + "mlp.up_proj.weight", self.intermediate, self.hidden)
                add(p + "mlp.down_proj.weight", self.hidden, self.intermediate)
                continue
            add(p + "mlp.gate.weight", self.experts, self.hidden)
            if self.fused:
                add(p + "mlp.experts.gate_up_proj", self.experts, 2 * self.expert_width, self.hidden)
                add(p + "mlp.experts.down_proj", self.experts, self.hidden, self.expert_width)
                continue
            for expert in range(self.experts):
                e = f"{p}mlp.experts.{expert}."
                add(e + "gate_proj.weight", self.expert_width, self.hidden)
                add(e + "up_proj.weight", self.expert_width, self.hidden)
                add(e + "down_proj.weight", self.hidden, self.expert_width)
        if self.extra:
            add("mtp.fc.weight", 3, 5)
            add("model.layers.0.self_attn.q_proj.bias", self.heads * self.head_dim)
            add(f"model.layers.{self.layers}.input_layernorm.weight", self.hidden)
        return tensors

    def write(self, folder: str, generator: torch.Generator) -> None:
        os.makedirs(folder)
        with open(f"{folder}/config.json", "w") as file:
            json.dump(self.config, file)
        tensors = self.tensors(generator)
        if not self.maybe(0.3):
            save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
            return
        names = sorted(tensors)
        index = {}
        for number, part in enumerate((names[::2], names[1::2])):
            file = f"model-{number + 1:05}-of-00002.safetensors"
            save_file({name: tensors[name] for name in part}, f"{folder}/{file}", metadata={"format": "pt"})
            index |= {name: file for name in part}
        if self.maybe(0.5):
            index["mtp.norm.weight"] = "model-00001-of-00002.safetensors"
        if self.extra:
            del index["mtp.fc.weight"]
        with open(f"{folder}/model.safetensors.index.json", "w") as file:
            json.dump({"metadata": {}, "weight_map": index}, file)


def reading(model) -> dict:
    config = model.config
    rope = config.rope_parameters
    rotary = model.model.rotary_emb
    return {
        "rope_type": rope["rope_type"],
        "rope_theta": rope["rope_theta"],
        "attention_scaling": float(rotary.attention_scaling),
        "inv_freq": rotary.inv_freq.tolist(),
        "tied": model.lm_head.weight is model.model.embed_tokens.weight,
        "eps": config.rms_norm_eps,
        "head_dim": model.model.layers[0].self_attn.head_dim,
        "sparse": [hasattr(layer.mlp, "experts") for layer in model.model.layers],
    }


def result(folder: str, ids: list) -> dict:
    try:
        # The exact weights: a dtype of the file's would round them.
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    except Exception as error:  # noqa: BLE001: any refusal is a result
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    model.eval()
    with torch.no_grad():
        try:
            logits = model(torch.tensor([ids]), use_cache=False).logits[0].double()
        except Exception as error:  # noqa: BLE001
            return {"error": f"{type(error).__name__}: {error}"[:300]}
    probabilities = torch.log_softmax(logits, -1)
    logprobs = [probabilities[i, ids[i + 1]].item() for i in range(len(ids) - 1)]
    return {"logprobs": logprobs, "reading": reading(model)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--record")
    options = parser.parse_args()
    record = open(options.record, "w") if options.record else None
    draw = random.Random(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    for number in range(options.count):
        case = Case(draw)
        name = f"m{number:04}"
        folder = f"{options.folder}/{name}"
        case.write(folder, generator)
        ids = [draw.randrange(case.vocabulary) for _ in range(case.length)]
        line = {"name": name, "config": case.config, "head": case.head, "ids": ids}
        line |= result(folder, ids)
        if record is None:
            print(json.dumps(line), flush=True)
        elif "reading" in line:
            kept = line["reading"] | {"inv_freq": [float(f"{x:.7g}") for x in line["reading"]["inv_freq"]]}
            record.write(json.dumps({"config": line["config"], "reading": kept}) + "\n")


if __name__ == "__main__":
    sys.exit(main())

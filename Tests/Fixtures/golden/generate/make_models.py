"""Makes the two tiny random models and what a correct engine computes with them.

    python make_models.py        # writes ../models; needs numpy

Weights are bf16 numbers from a seed, results are computed in float64. Prompts are drawn again until no greedy choice and no
router's choice is close, so that float32 engines must make the same ones.
"""

import json
import pathlib

import numpy as np

import safetensors
from model import Model

VOCABULARY = 128
LENGTHS = [1, 2, 7, 33, 48, 96]
NEW_TOKENS = 32
GAP_MIN, MARGIN_MIN = 0.01, 2e-5

COMMON = {
    "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 1, "head_dim": 16,
    "hidden_act": "silu", "hidden_size": 32, "initializer_range": 0.02, "max_position_embeddings": 512,
    "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
    "rope_scaling": None, "sliding_window": None, "torch_dtype": "bfloat16", "use_cache": True,
    "use_sliding_window": False, "vocab_size": VOCABULARY,
}
MODELS = {
    "tree-dense": {
        **COMMON, "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "intermediate_size": 64,
        "rope_theta": 10000.0, "tie_word_embeddings": True,
    },
    "tree-moe": {
        **COMMON, "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "intermediate_size": 64,
        "rope_theta": 1000000.0, "tie_word_embeddings": False, "decoder_sparse_step": 1, "mlp_only_layers": [],
        "moe_intermediate_size": 32, "norm_topk_prob": True, "num_experts": 8, "num_experts_per_tok": 2,
    },
}


def weights(config, random):
    """bf16 tensors in a checkpoint's names."""
    hidden, width = config["hidden_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * width, config["num_key_value_heads"] * width
    matrix = lambda rows, columns, spread=0.25: random.normal(0, spread, (rows, columns))
    gain = lambda count: random.uniform(0.5, 1.5, count)
    made = {"model.embed_tokens.weight": matrix(VOCABULARY, hidden, 0.5)}

    def feed_forward(prefix, inner):
        made[f"{prefix}gate_proj.weight"] = matrix(inner, hidden)
        made[f"{prefix}up_proj.weight"] = matrix(inner, hidden)
        made[f"{prefix}down_proj.weight"] = matrix(hidden, inner)

    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        made[f"{prefix}input_layernorm.weight"] = gain(hidden)
        made[f"{prefix}post_attention_layernorm.weight"] = gain(hidden)
        for name, rows in [("q", queries), ("k", keys), ("v", keys)]:
            made[f"{prefix}self_attn.{name}_proj.weight"] = matrix(rows, hidden)
        made[f"{prefix}self_attn.o_proj.weight"] = matrix(hidden, queries)
        made[f"{prefix}self_attn.q_norm.weight"] = gain(width)
        made[f"{prefix}self_attn.k_norm.weight"] = gain(width)
        if config.get("num_experts"):
            made[f"{prefix}mlp.gate.weight"] = matrix(config["num_experts"], hidden)
            for expert in range(config["num_experts"]):
                feed_forward(f"{prefix}mlp.experts.{expert}.", config["moe_intermediate_size"])
        else:
            feed_forward(f"{prefix}mlp.", config["intermediate_size"])
    made["model.norm.weight"] = gain(hidden)
    if not config["tie_word_embeddings"]:
        made["lm_head.weight"] = matrix(VOCABULARY, hidden)
    return {name: safetensors.rounded(values) for name, values in made.items()}


def continued(model, prompt):
    """The greedy continuation; nil when one of its choices is close."""
    ids = list(prompt)
    for _ in range(NEW_TOKENS):
        last = model.logits(ids)[-1]
        second, first = np.sort(last)[-2:]
        if first - second < GAP_MIN or model.margin < MARGIN_MIN:
            return None
        ids.append(int(last.argmax()))
    return ids[len(prompt):]


def results(model, random):
    made = {}
    for number, length in enumerate(LENGTHS):
        new = None
        while new is None:
            prompt = random.integers(0, VOCABULARY, length).tolist()
            new = continued(model, prompt)
        logits = model.logits(prompt)
        made[f"p{number}.ids"] = np.array(prompt, "<i4")
        made[f"p{number}.logits"] = (logits if length <= 33 else logits[-1:]).astype("<f4")
        made[f"p{number}.greedy_ids"] = np.array(new, "<i4")
        if number == 3:
            for name, tensor in model.trace.items():
                made[f"trace.{name}"] = tensor.astype("<i4" if name.endswith("topk_ids") else "<f4")
    made["trace.rope_inv_freq"] = model.frequencies.astype("<f4")
    return made


def main():
    for seed, (name, config) in enumerate(MODELS.items()):
        folder = pathlib.Path(__file__).parent.parent / "models" / name
        (folder / "golden").mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(20251130 + seed)
        stored = weights(config, random)
        model = Model(config, {name: values for name, (_, values) in stored.items()})
        recorded = results(model, random)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        safetensors.write(folder / "model.safetensors", {name: words for name, (words, _) in stored.items()})
        safetensors.write(folder / "golden" / "golden.safetensors", recorded)
        spread = recorded["p3.logits"].std()
        print(f"{name}: spread of the logits {spread:.2f}, {len(set(recorded['p5.greedy_ids'].tolist()))} different tokens")


main()

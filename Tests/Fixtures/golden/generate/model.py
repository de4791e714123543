"""The forward pass of Qwen3 and Qwen3-MoE in float64, written as its definition."""

import numpy as np


def norm(rows, gain, epsilon):
    return gain * rows / np.sqrt(np.mean(rows * rows, axis=-1, keepdims=True) + epsilon)


def softmax(rows):
    powers = np.exp(rows - rows.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


class Model:
    """Weights by their names in the checkpoint, as float64; keeps what each step computed in `trace`."""

    def __init__(self, config, weights):
        self.config, self.weights, self.trace = config, weights, {}
        self.heads, self.groups = config["num_attention_heads"], config["num_key_value_heads"]
        self.width, self.epsilon = config["head_dim"], config["rms_norm_eps"]
        exponents = np.arange(0, self.width, 2) / self.width
        self.frequencies = config["rope_theta"] ** -exponents

    def rotated(self, rows):
        """Turns each pair (i, i + half) of a head's elements by the position times the pair's frequency."""
        angles = np.arange(len(rows))[:, None, None] * self.frequencies
        first, second = np.split(rows, 2, axis=-1)
        cosine, sine = np.cos(angles), np.sin(angles)
        return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)

    def attention(self, rows, prefix):
        count, weight = len(rows), lambda name: self.weights[f"{prefix}{name}.weight"]
        project = lambda name, heads: (rows @ weight(name).T).reshape(count, heads, self.width)
        queries = self.rotated(norm(project("q_proj", self.heads), weight("q_norm"), self.epsilon))
        keys = self.rotated(norm(project("k_proj", self.groups), weight("k_norm"), self.epsilon))
        values = project("v_proj", self.groups)
        mixed = np.empty_like(queries)
        for head in range(self.heads):
            group = head * self.groups // self.heads
            scores = queries[:, head] @ keys[:, group].T / np.sqrt(self.width)
            scores[np.triu_indices(count, 1)] = -np.inf
            mixed[:, head] = softmax(scores) @ values[:, group]
        return mixed.reshape(count, -1) @ weight("o_proj").T

    def feed_forward(self, rows, prefix):
        weight = lambda name: self.weights[f"{prefix}{name}_proj.weight"]
        gate = rows @ weight("gate").T
        return (gate / (1 + np.exp(-gate)) * (rows @ weight("up").T)) @ weight("down").T

    def experts(self, rows, prefix, layer):
        logits = rows @ self.weights[f"{prefix}gate.weight"].T
        shares = softmax(logits)
        chosen = np.argsort(-shares, axis=-1, kind="stable")[:, : self.config["num_experts_per_tok"]]
        amounts = np.take_along_axis(shares, chosen, axis=-1)
        self.margin = min(self.margin, self.nearest(shares))
        if self.config["norm_topk_prob"]:
            amounts = amounts / amounts.sum(axis=-1, keepdims=True)
        self.trace[f"layer{layer}.router_logits"] = logits
        self.trace[f"layer{layer}.topk_ids"] = chosen
        self.trace[f"layer{layer}.topk_weights"] = amounts
        output = np.zeros_like(rows)
        for row, (ids, parts) in enumerate(zip(chosen, amounts)):
            for expert, part in zip(ids, parts):
                output[row] += part * self.feed_forward(rows[row : row + 1], f"{prefix}experts.{expert}.")[0]
        return output

    def nearest(self, shares):
        """How close the last expert chosen is to the first one left out, and chosen ones to each other."""
        ranked = -np.sort(-shares, axis=-1)[:, : self.config["num_experts_per_tok"] + 1]
        return float((ranked[:, :-1] - ranked[:, 1:]).min())

    def logits(self, ids):
        self.trace, self.margin = {}, 1.0
        embedding = self.weights["model.embed_tokens.weight"]
        rows = self.trace["embed"] = embedding[ids]
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            gain = lambda name: self.weights[f"{prefix}{name}_layernorm.weight"]
            mixed = self.attention(norm(rows, gain("input"), self.epsilon), f"{prefix}self_attn.")
            rows = rows + mixed
            inner = norm(rows, gain("post_attention"), self.epsilon)
            if self.config.get("num_experts"):
                output = self.experts(inner, f"{prefix}mlp.", layer)
            else:
                output = self.feed_forward(inner, f"{prefix}mlp.")
            rows = rows + output
            self.trace[f"layer{layer}.attn_out"], self.trace[f"layer{layer}.mlp_out"] = mixed, output
            self.trace[f"layer{layer}.out"] = rows
        rows = self.trace["final_norm"] = norm(rows, self.weights["model.norm.weight"], self.epsilon)
        tied = self.config["tie_word_embeddings"]
        return rows @ (embedding if tied else self.weights["lm_head.weight"]).T

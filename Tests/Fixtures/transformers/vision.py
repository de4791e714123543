"""Writes vl-moe/: a tiny Qwen3-VL-MoE as transformers saves it, and log-probabilities of its text part.

    python vision.py

`official` is the same model with the names and the transposed experts of the published checkpoints.
"""

import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration

FOLDER = f"{os.path.dirname(os.path.abspath(__file__))}/vl-moe"
IDS = [5, 17, 3, 44, 29, 8, 61, 12, 12, 50, 2, 33, 9, 40]


def main() -> None:
    torch.manual_seed(20)
    config = Qwen3VLMoeConfig(
        text_config={
            "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 48, "moe_intermediate_size": 24,
            "num_experts": 6, "num_experts_per_tok": 2, "norm_topk_prob": True, "mlp_only_layers": [1],
            "initializer_range": 0.3, "max_position_embeddings": 512, "rope_theta": 5000000,
            "rope_scaling": {"rope_type": "default", "mrope_section": [3, 3, 2], "mrope_interleaved": True}},
        vision_config={
            "depth": 1, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 4, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]},
        tie_word_embeddings=False, image_token_id=60, video_token_id=61, vision_start_token_id=62, vision_end_token_id=63)
    model = Qwen3VLMoeForConditionalGeneration(config).to(torch.bfloat16)
    shutil.rmtree(FOLDER, ignore_errors=True)
    model.save_pretrained(FOLDER)
    tensors = load_file(f"{FOLDER}/model.safetensors")
    model = Qwen3VLMoeForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0]
    logprobs = torch.log_softmax(logits, dim=-1)
    scores = [logprobs[place, token].item() for place, token in enumerate(IDS[1:])]
    with open(f"{FOLDER}/expected.json", "w") as file:
        json.dump({"ids": IDS, "logprobs": scores}, file)
        file.write("\n")
    for name in sorted(tensors):
        if "visual" not in name:
            print(name, list(tensors[name].shape))


if __name__ == "__main__":
    main()

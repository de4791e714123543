"""Writes qwen3-embedding/: a tiny random Qwen3-Embedding as transformers saves a base model, and its embeddings.

    python record_dense.py

Names have no `model.`, there is no output matrix, and sentence-transformers' files are beside it. The tokenizer is the
sample model's.
"""

import json
import os
import shutil

import torch
from tokenizers import Tokenizer
from transformers import AutoModel, Qwen3Config, Qwen3Model

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = f"{HERE}/qwen3-embedding"
SAMPLE = f"{HERE}/../sample-model"
INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
TEXTS = [INSTRUCT + "Which ship carried salt?", "The ship left at noon. It carried salt.", "a", "Many words, and more.\n" * 20]


def main() -> None:
    torch.manual_seed(7)
    config = Qwen3Config(
        vocab_size=640, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        intermediate_size=64, max_position_embeddings=2048, rope_theta=1000000, initializer_range=0.3,
        tie_word_embeddings=True, eos_token_id=635, bos_token_id=635)
    shutil.rmtree(FOLDER, ignore_errors=True)
    Qwen3Model(config).to(torch.bfloat16).save_pretrained(FOLDER)
    os.makedirs(f"{FOLDER}/1_Pooling")
    kinds = ["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling",
             "sentence_transformers.models.Normalize"]
    paths = ["", "1_Pooling", "2_Normalize"]
    files = {
        "modules.json": [{"idx": i, "name": str(i), "path": paths[i], "type": kinds[i]} for i in range(3)],
        "1_Pooling/config.json": {
            "word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False,
            "pooling_mode_lasttoken": True, "include_prompt": True},
        "config_sentence_transformers.json": {
            "prompts": {"query": INSTRUCT, "document": ""}, "default_prompt_name": None,
            "similarity_fn_name": "cosine"},
    }
    for name, value in files.items():
        with open(f"{FOLDER}/{name}", "w") as file:
            json.dump(value, file, indent=1)
            file.write("\n")
    tokenizer = Tokenizer.from_file(f"{SAMPLE}/tokenizer.json")
    model = AutoModel.from_pretrained(FOLDER, dtype=torch.float32)
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids + [635]
        with torch.no_grad():
            state = model(torch.tensor([ids])).last_hidden_state[0, -1]
        cases.append({
            "text": text, "tokens": len(ids),
            "embedding": [round(value, 7) for value in torch.nn.functional.normalize(state, dim=0).tolist()],
            # As Matryoshka representations are cut: the leading components, at length 1 again.
            "eight": [round(value, 7) for value in torch.nn.functional.normalize(state[:8], dim=0).tolist()]})
    with open(f"{FOLDER}/expected.json", "w") as file:
        json.dump(cases, file)
        file.write("\n")


if __name__ == "__main__":
    main()

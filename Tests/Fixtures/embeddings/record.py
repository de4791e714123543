"""Writes expected.json: embeddings of the sample model, as transformers computes them with pooling of the last token.

    python record.py
"""

import json
import os

import torch
from tokenizers import Tokenizer
from transformers import AutoModel

FOLDER = os.path.dirname(os.path.abspath(__file__))
MODEL = f"{FOLDER}/../sample-model"
TEXTS = ["What is 27 + 58?", "Nine and nine make eighteen.", "a", "A longer text, of many words.\n" * 9]


def main() -> None:
    tokenizer = Tokenizer.from_file(f"{MODEL}/tokenizer.json")
    end = tokenizer.token_to_id("<|endoftext|>")
    model = AutoModel.from_pretrained(MODEL, dtype=torch.float32)
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids + [end]
        with torch.no_grad():
            state = model(torch.tensor([ids])).last_hidden_state[0, -1]
        vector = torch.nn.functional.normalize(state, dim=0)
        cases.append({"text": text, "ids": ids, "embedding": [round(value, 7) for value in vector.tolist()]})
    with open(f"{FOLDER}/expected.json", "w") as file:
        json.dump(cases, file)
        file.write("\n")


if __name__ == "__main__":
    main()

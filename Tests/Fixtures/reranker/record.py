"""Writes a tiny random model and relevances by the recipe of Qwen3-Reranker's card, as transformers computes them.

    python record.py

The tokenizer is the sample model's with two tokens more. The rows of these tokens in the output matrix are large: they
are the most probable ones, as in a trained reranker.
"""

import json
import os

import torch
from tokenizers import AddedToken, Tokenizer
from transformers import Qwen3Config, Qwen3ForCausalLM

FOLDER = os.path.dirname(os.path.abspath(__file__))
SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".')
PREFIX = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
INSTRUCT = "Given a web search query, retrieve relevant passages that answer the query"
QUERY = "Which ship carried salt?"
# None of them has the two words: in a message of a chat these tokens are text.
DOCUMENTS = ["The ship left at dawn. It carried salt.", "A dog.", "Ships\n\nand salt, and a ship with salt.", "27 + 58"]


def prompt(document: str) -> str:
    return f"{PREFIX}<Instruct>: {INSTRUCT}\n<Query>: {QUERY}\n<Document>: {document}{SUFFIX}"


def main() -> None:
    torch.manual_seed(11)
    tokenizer = Tokenizer.from_file(f"{FOLDER}/../sample-model/tokenizer.json")
    tokenizer.add_tokens([AddedToken("yes", normalized=False), AddedToken("no", normalized=False)])
    config = Qwen3Config(
        vocab_size=642, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        intermediate_size=64, max_position_embeddings=2048, rope_theta=1000000, initializer_range=0.2,
        tie_word_embeddings=False, eos_token_id=637)
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        # A part that both have in common makes them probable behind the documents.
        for document in DOCUMENTS:
            ids = tokenizer.encode(prompt(document), add_special_tokens=False).ids
            state = model.model(torch.tensor([ids])).last_hidden_state[0, -1]
            model.lm_head.weight[640:] += 2 * state / state.norm()
    model = model.to(torch.bfloat16)
    model.save_pretrained(FOLDER)
    model = Qwen3ForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    cases = []
    for document in DOCUMENTS:
        ids = tokenizer.encode(prompt(document), add_special_tokens=False).ids
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        relevance = torch.softmax(logits[[641, 640]], dim=0)[1].item()
        rank = sum(1 for logit in logits.tolist() if logit > min(logits[640].item(), logits[641].item()))
        cases.append({"document": document, "tokens": len(ids), "relevance": relevance, "rank": rank})
    with open(f"{FOLDER}/expected.json", "w") as file:
        json.dump({"query": QUERY, "cases": cases}, file, indent=1)
        file.write("\n")
    print(cases)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What quantisation costs: mean KL divergence to the unquantised logits, moed beside llama.cpp, on the same token ids,
and the share of the sample model's tasks that are solved.

Usage: quality.py LLAMA_CPP BUILD MOED WORK
  LLAMA_CPP  source tree of llama.cpp       BUILD  its build folder (static libraries, llama-quantize)
  MOED       the moed binary                WORK   folder for models and results

Needs numpy, gguf (PyPI) and g++. Two models: the project's sample model on its own prompts and answers, and a wider
random one (512 inputs, 32 experts) on random ids. The reference is `moed score` of the unquantised checkpoint.
"""
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

import to_gguf

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parent / "Tests/Fixtures/sample-model"
MOED_FORMATS = {
    "int8 group 32": ["--experts", "int8", "--dense", "int8", "--group", "32"],
    "int8 group 64": ["--experts", "int8", "--dense", "int8"],
    "int4 experts, int8 dense": ["--experts", "int4", "--dense", "int8"],
    "int4 experts, int4/32 dense": ["--experts", "int4", "--dense", "int4/32"],
    "int4 group 32, int8 dense": ["--experts", "int4", "--dense", "int8", "--group", "32"],
}
# llama.cpp's Q4_0 quantises attention too; the third row keeps it at 8 bits as moed's int4 does.
LLAMA_FORMATS = {
    "Q8_0": ["Q8_0"],
    "Q4_0": ["Q4_0"],
    "Q4_0 experts, Q8_0 else": ["--tensor-type", "_exps=q4_0", "Q8_0"],
}


def random_model(folder):
    """A checkpoint with random weights, spread so that tokens choose different experts."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((SAMPLE / "config.json").read_text()) | {
        "hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2,
        "head_dim": 64, "num_experts": 32, "moe_intermediate_size": 256, "tie_word_embeddings": False}
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]:
        shutil.copy(SAMPLE / name, folder)
    (folder / "config.json").write_text(json.dumps(config))
    hidden, heads, width = config["hidden_size"], config["num_attention_heads"], config["head_dim"]
    keys, vocabulary = config["num_key_value_heads"] * width, config["vocab_size"]
    shapes = {"model.embed_tokens.weight": ((vocabulary, hidden), 1.28), "lm_head.weight": ((vocabulary, hidden), 0.05),
              "model.norm.weight": ((hidden,), None)}
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        shapes |= {
            p + "input_layernorm.weight": ((hidden,), None), p + "post_attention_layernorm.weight": ((hidden,), None),
            p + "self_attn.q_norm.weight": ((width,), None), p + "self_attn.k_norm.weight": ((width,), None),
            p + "self_attn.q_proj.weight": ((heads * width, hidden), 0.04),
            p + "self_attn.k_proj.weight": ((keys, hidden), 0.04),
            p + "self_attn.v_proj.weight": ((keys, hidden), 0.04),
            p + "self_attn.o_proj.weight": ((hidden, heads * width), 0.04),
            p + "mlp.gate.weight": ((config["num_experts"], hidden), 0.05)}
        for expert in range(config["num_experts"]):
            for name, shape in [("gate", (256, hidden)), ("up", (256, hidden)), ("down", (hidden, 256))]:
                shapes[f"{p}mlp.experts.{expert}.{name}_proj.weight"] = (shape, 0.06)
    random, header, blobs, offset = np.random.default_rng(1), {}, [], 0
    for name, (shape, deviation) in shapes.items():
        values = np.ones(shape) if deviation is None else random.normal(0, deviation, shape)
        bits = (values.astype(np.float32).view(np.uint32) + 0x8000 >> 16).astype(np.uint16)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + bits.nbytes]}
        offset += bits.nbytes
        blobs.append(bits.tobytes())
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def moed_logprobs(moed, model, formats, sequences, vocabulary):
    """[positions, vocabulary], natural logarithms."""
    lines = "".join(json.dumps({"ids": ids}) + "\n" for ids in sequences)
    command = [moed, "score", "--model", str(model), "--top", str(vocabulary), *formats]
    output = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    rows = []
    for line in output.splitlines():
        answer = json.loads(line)
        for ids, logprobs in zip(answer["top_ids"], answer["top_logprobs"]):
            row = np.full(vocabulary, -np.inf)
            row[ids] = logprobs
            rows.append(row)
    return np.array(rows)


def llama_logprobs(program, model, sequences, vocabulary):
    lines = "".join(" ".join(map(str, ids)) + "\n" for ids in sequences)
    output = subprocess.run([program, str(model)], input=lines.encode(), capture_output=True, check=True).stdout
    logits = np.frombuffer(output, np.float32).reshape(-1, vocabulary).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def divergence(reference, other):
    """Mean over positions of sum p (ln p - ln q), and the share of positions with the same best token."""
    known = np.isfinite(reference)
    terms = np.where(known, np.exp(reference) * (np.where(known, reference, 0) - np.where(known, other, 0)), 0)
    return terms.sum(axis=1).mean(), (reference.argmax(axis=1) == other.argmax(axis=1)).mean()


def build_logits(source, build, program):
    libraries = sorted(str(p) for p in Path(build).rglob("lib*.a") if p.stem in
                       {"libllama", "libggml", "libggml-cpu", "libggml-base"})
    subprocess.run(["g++", "-O2", "-std=c++17", f"-I{source}/include", f"-I{source}/ggml/include",
                    str(HERE / "logits.cpp"), "-Wl,--start-group", *libraries, "-Wl,--end-group",
                    "-fopenmp", "-lpthread", "-ldl", "-o", program], check=True)


def compare(name, model, sequences, work, build, program, moed):
    vocabulary = json.loads((model / "config.json").read_text())["vocab_size"]
    reference = moed_logprobs(moed, model, [], sequences, vocabulary)
    rows = []
    for label, formats in MOED_FORMATS.items():
        other = moed_logprobs(moed, model, formats, sequences, vocabulary)
        rows.append(("moed", label, *divergence(reference, other)))
    unquantised = work / f"{name}-bf16.gguf"
    to_gguf.main(model, str(unquantised))
    rows.append(("llama.cpp", "BF16", *divergence(reference, llama_logprobs(program, unquantised, sequences, vocabulary))))
    for label, arguments in LLAMA_FORMATS.items():
        file = work / f"{name}-{'-'.join(label.replace(',', '').split())}.gguf"
        subprocess.run([f"{build}/bin/llama-quantize", *arguments[:-1], str(unquantised), str(file), arguments[-1], "2"],
                       capture_output=True, check=True)
        rows.append(("llama.cpp", label, *divergence(reference, llama_logprobs(program, file, sequences, vocabulary))))
    print(f"{name}: {len(reference)} positions")
    for engine, label, mean, same in rows:
        print(f"  {engine:10} {label:27} KL {mean:.6f}   same best token {100 * same:.2f} %", flush=True)


def accuracy(moed, formats, prompts):
    """The share of greedy answers that are right, by mode."""
    def messages(prompt):
        system = [] if prompt["system"] is None else [{"role": "system", "content": prompt["system"]}]
        return system + [{"role": "user", "content": prompt["question"]}]

    shares = {}
    for mode in ["thinking", "non_thinking"]:
        lines = "".join(json.dumps({"messages": messages(p), "temperature": 0,
                                    "reasoning": mode, "max_tokens": 600}) + "\n" for p in prompts)
        command = [moed, "generate", "--model", str(SAMPLE), *formats]
        output = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
        answers = [json.loads(line)["choices"][0]["message"]["content"] for line in output.splitlines()]
        shares[mode] = sum(a.strip() == p["expected"] for a, p in zip(answers, prompts)) / len(prompts)
    return shares


def tasks(moed, prompts):
    print(f"sample model's tasks solved: {len(prompts)} prompts, greedy")
    for label, formats in ({"unquantised": []} | MOED_FORMATS).items():
        shares = accuracy(moed, formats, prompts)
        print(f"  {label:27} " + "   ".join(f"{mode} {100 * share:.1f} %" for mode, share in shares.items()), flush=True)


def main(source, build, moed, work):
    work = Path(work)
    work.mkdir(parents=True, exist_ok=True)
    program = str(work / "logits")
    build_logits(source, build, program)
    prompts = [json.loads(line) for line in (SAMPLE / "prompts.jsonl").open()]
    tasks(moed, prompts)
    trained = [p[mode]["prompt_ids"] + p[mode]["output_ids"] for p in prompts[:100] for mode in ["thinking", "direct"]]
    compare("sample", SAMPLE, trained, work, build, program, moed)
    random_model(work / "random")
    ids = np.random.default_rng(2).integers(0, 635, (40, 128)).tolist()
    compare("random", work / "random", ids, work, build, program, moed)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])

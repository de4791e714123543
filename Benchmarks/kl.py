#!/usr/bin/env python3
"""What a Q4_K_M file costs: mean KL divergence to the unquantised model, by llama.cpp and by moed, on the same token ids.

Usage: kl.py LLAMA_CPP BUILD MOED WORK
  LLAMA_CPP  source tree of llama.cpp       BUILD  its build folder (static libraries, llama-quantize)
  MOED       the moed binary                WORK   folder for models and results

Needs numpy, gguf (PyPI) and g++. Each engine's reference is its own run of the unquantised weights. moed runs the file
with the weights in f32 (`bf16`, as stored), with the codes kept (`keep`), and a pack of it.
"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import quality
import to_gguf


def main(source, build, moed, work):
    work = Path(work)
    work.mkdir(parents=True, exist_ok=True)
    program = str(work / "logits")
    quality.build_logits(source, build, program)
    model = work / "random"
    if not model.exists():
        quality.random_model(model)
    folder = work / "q4_k_m"
    folder.mkdir(exist_ok=True)
    # A tokenizer beside the file wins over its metadata.
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(model / name, folder)
    plain, file = work / "random-bf16.gguf", folder / "random-Q4_K_M.gguf"
    if not file.exists():
        to_gguf.main(model, str(plain))
        subprocess.run([f"{build}/bin/llama-quantize", str(plain), str(file), "Q4_K_M", "2"], capture_output=True, check=True)
    pack = work / "pack"
    shutil.rmtree(pack, ignore_errors=True)
    print(subprocess.run([moed, "pack", str(file), str(pack), "--report"], capture_output=True, text=True, check=True).stdout)
    ids = np.random.default_rng(2).integers(0, 635, (40, 128)).tolist()
    vocabulary = json.loads((model / "config.json").read_text())["vocab_size"]

    def moed_run(path, *formats):
        return quality.moed_logprobs(moed, path, formats, ids, vocabulary)

    exact = {"llama.cpp": quality.llama_logprobs(program, plain, ids, vocabulary), "moed": moed_run(model)}
    stored = ["--experts", "bf16", "--dense", "bf16"]
    runs = [
        ("llama.cpp", "Q4_K_M", quality.llama_logprobs(program, file, ids, vocabulary)),
        ("moed", "Q4_K_M, weights in f32", moed_run(file, *stored)),
        ("moed", "Q4_K_M, codes kept", moed_run(file)),
        ("moed", "pack of Q4_K_M", moed_run(pack)),
    ]
    print(f"{len(exact['moed'])} positions; between the engines' unquantised runs: KL "
          f"{quality.divergence(exact['moed'], exact['llama.cpp'])[0]:.6f}")
    for engine, label, found in runs:
        mean, same = quality.divergence(exact[engine], found)
        print(f"  {engine:10} {label:27} KL {mean:.6f}   same best token {100 * same:.2f} %")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])

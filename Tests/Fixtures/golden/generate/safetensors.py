"""Writes safetensors files with the standard library and numpy."""

import json
import struct

import numpy as np


def rounded(values):
    """Floats as bf16, rounded to nearest even: the stored 16 bits, and what they stand for."""
    words = np.ascontiguousarray(values, np.float32).view(np.uint32)
    halves = ((words + 0x7FFF + (words >> 16 & 1)) >> 16).astype("<u2")
    return halves, (halves.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def write(path, tensors):
    """Tensors by name: arrays of u2 (taken for bf16), f4 or i4."""
    header, at, parts = {"__metadata__": {"format": "pt"}}, 0, []
    for name, tensor in tensors.items():
        kind = {"<u2": "BF16", "<f4": "F32", "<i4": "I32"}[tensor.dtype.str]
        data = tensor.tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
        parts.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))

"""Writes recorded/: tiny models packed by GPTQModel, AutoAWQ, auto-round and an old compressed-tensors.

    python record.py --gptqmodel DIR --autoawq DIR --auto-round
    python record.py --compressed-tensors                       (once with 0.20.1 and once with 0.17.0)

DIR is an unpacked package. Each case is a folder with config.json, model.safetensors, and expected.json:
"library", "digests" (of each module's dequantised rows in f32), "ids" and "logprobs" (transformers on those rows).
"""

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import shutil
import sys
import tempfile
import types
from unittest.mock import MagicMock, patch

import sympy  # noqa: F401: torch imports it later, when stubs would answer for what it looks for
import torch
from safetensors.torch import load_file

from tiny import Sizes, draw, logprobs, usual, write_pair

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")

# Rows and columns that no word or group divides, where the packer takes them.
ODD = Sizes(hidden=36, heads=2, key_value_heads=1, head_dim=18, width=44, vocabulary=37, layers=1, tied=True)
PLAIN = Sizes(hidden=64, heads=1, key_value_heads=1, head_dim=32, width=32, vocabulary=24, layers=1, tied=True)
SPARSE = Sizes(
    hidden=32, heads=2, key_value_heads=1, head_dim=16, width=8, expert_width=32, experts=2, vocabulary=19, layers=1,
    dense_layers=[], tied=True)
WIDE = Sizes(hidden=192, heads=1, key_value_heads=1, head_dim=8, width=16, vocabulary=13, layers=1, tied=True)


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules that packers import and do not need for packing."""

    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        class Module(types.ModuleType):
            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return MagicMock(name=name)

        module = Module(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


def packages(root: str, names: list) -> None:
    """Packages of `root` without what their __init__.py does."""
    top = os.path.basename(root)
    for name in ["", *names]:
        module = types.ModuleType(f"{top}.{name}".rstrip("."))
        module.__path__ = [os.path.join(root, *name.split("."))]
        sys.modules[module.__name__] = module


def functions(path: str, names: list, scope: dict) -> dict:
    """Functions of a file, without its other statements."""
    with open(path) as file:
        tree = ast.parse(file.read())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    exec(compile(tree, path, "exec"), scope)
    return scope


def grid(weight: torch.Tensor, bits: int, size: int, symmetric: bool, order=None):
    """Scales and zero points [rows, groups], and the group of each column."""
    columns = weight.shape[1]
    size = columns if size < 1 else size
    index = torch.arange(columns) // size
    if order is not None:
        index = index[torch.argsort(order)]
    top = 2**bits - 1
    scales, zeros = [], []
    for group in range(int(index.max()) + 1):
        part = weight[:, index == group]
        low, high = part.amin(1).clamp(max=0), part.amax(1).clamp(min=0)
        # Every third row has no negative weights: zero point 0.
        low = torch.where(torch.arange(len(low)) % 3 == group % 3, torch.zeros_like(low), low)
        if symmetric:
            scales.append(part.abs().amax(1) * 2 / top)
            zeros.append(torch.full_like(low, (top + 1) / 2))
        else:
            scales.append(((high - low) / top).clamp(min=1e-4))
            zeros.append(torch.round(-low / scales[-1]).clamp(0, top))
    # As stored, so that the codes are right for the scales.
    return torch.stack(scales, 1).half().float(), torch.stack(zeros, 1), index


def linear(weight: torch.Tensor) -> torch.nn.Linear:
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.clone()
    return layer


class GPTQModel:
    library = "gptqmodel 7.7.0"

    def __init__(self, root: str):
        packages(root, ["utils", "nn_modules", "adapter", "models", "quantization"])
        sys.modules["gptqmodel.quantization"].FORMAT = type("FORMAT", (), {"GPTQ": "gptq", "GPTQ_P": "gptq_p"})
        sys.modules["gptqmodel.quantization"].METHOD = MagicMock()
        sys.meta_path.append(Stubs())
        base = importlib.import_module("gptqmodel.nn_modules.qlinear").PackableQuantLinear
        sys.meta_path.pop()
        scope = {"BaseQuantLinear": torch.nn.Module, "QuantizeConfig": object, "log": MagicMock(), "torch": torch}
        self.to_v1 = functions(f"{root}/utils/model.py", ["convert_gptq_v2_to_v1_format_module"], scope)

        class Layer(base):
            def __init__(self, bits, columns):
                torch.nn.Module.__init__(self)
                self.bits, self.in_features, self.planar, self.enable_wf_unsqueeze = bits, columns, False, True
                self.maxq, self.pack_factor = 2**bits - 1, 32 // bits
                self.pack_dtype, self.pack_dtype_bits = torch.int32, 32
                self.pack_np_math_dtype, self.pack_np_dtype = "uint32", "int32"
                self.dequant_dtype = torch.int16 if bits == 8 else torch.int8

            def qzero_format(self, format=None):
                return format

        self.layer = Layer

    def packer(self, bits, size, symmetric, v1, ordered=False, bias=False):
        def pack(module, weight):
            order = None
            if ordered:
                order = torch.randperm(weight.shape[1], generator=torch.Generator().manual_seed(len(module)))
            scales, zeros, index = grid(weight, bits, size, symmetric, order)
            layer = self.layer(bits, weight.shape[1])
            layer.pack_original(linear(weight), scales, zeros, index.int())
            kept = layer.scales
            layer.scales = kept.float()
            matrix = layer.dequantize_weight().T.contiguous()
            if v1:
                with torch.inference_mode():
                    self.to_v1["convert_gptq_v2_to_v1_format_module"](
                        layer, types.SimpleNamespace(bits=bits, pack_dtype=torch.int32))
            tensors = {"qweight": layer.qweight, "qzeros": layer.qzeros, "scales": kept, "g_idx": layer.g_idx}
            if bias:
                tensors["bias"] = torch.zeros(weight.shape[0], dtype=torch.float16)
            return {name: tensor.clone() for name, tensor in tensors.items()}, matrix

        return pack

    def cases(self) -> dict:
        def config(bits, size, symmetric, v1, ordered=False, **others):
            return {
                "bits": bits, "group_size": size, "desc_act": ordered, "sym": symmetric, "lm_head": False,
                "quant_method": "gptq", "checkpoint_format": "gptq" if v1 else "gptq_v2", "pack_dtype": "int32",
                "meta": {"quantizer": ["gptqmodel:7.7.0"]},
            } | others

        def case(sizes, *arguments, **options):
            return sizes, self.packer(*arguments, **options), config(*arguments), usual

        usual4, down8 = self.packer(4, 32, True, True), self.packer(8, 16, False, True, True)
        dynamic = {
            "-:model\\.layers\\.0\\.self_attn\\.q_proj": {},
            "+:.*\\.down_proj$": {"bits": 8, "group_size": 16, "desc_act": True, "sym": False},
        }

        def mixed(module, weight):
            if module == "model.layers.0.self_attn.q_proj":
                return None
            return (down8 if module.endswith("down_proj") else usual4)(module, weight)

        head = self.packer(4, 32, False, True)
        return {
            "gptq4-v1-sym": case(PLAIN, 4, 32, True, True, bias=True) ,
            "gptq4-v1-zeros": case(ODD, 4, 12, False, True),
            "gptq4-v2-zeros": case(ODD, 4, 32, False, False),
            "gptq4-v1-desc_act": case(SPARSE, 4, 16, False, True, True),
            "gptq4-v1-128": case(WIDE, 4, 128, True, True),
            "gptq4-v1-64": case(WIDE, 4, 64, False, True),
            "gptq8-v1-whole-desc_act": case(PLAIN, 8, -1, False, True, True),
            "gptq8-v1-sym": case(ODD, 8, 32, True, True),
            "gptq2-v1-zeros": case(ODD, 2, 16, False, True),
            "gptq-dynamic": (SPARSE, mixed, config(4, 32, True, True, dynamic=dynamic), usual),
            "gptq4-lm_head": (
                ODD, head, config(4, 32, False, True) | {"lm_head": True}, lambda m: usual(m) or m == "lm_head"),
            "gptq4-router": (SPARSE, head, config(4, 32, False, True), lambda m: m.startswith("model.layers")),
        }


class AutoAWQ:
    library = "autoawq 0.2.9"

    def __init__(self, root: str):
        packages(root, ["utils", "modules", "modules.linear"])
        sys.modules["awq.utils.module"] = types.SimpleNamespace(try_import=lambda name: (None, ""))
        sys.modules["awq.utils.utils"] = types.SimpleNamespace(get_best_device=lambda: "cpu")
        self.layer = importlib.import_module("awq.modules.linear.gemm").WQLinear_GEMM
        self.dequantise = importlib.import_module("awq.utils.packing_utils").dequantize_gemm

    def packer(self, size):
        def pack(module, weight):
            scales, zeros, _ = grid(weight, 4, size, False)
            # AutoAWQ packs what is not clipped.
            top = (15 - zeros) * scales
            wide = weight.shape[1] if size < 1 else size
            weight = torch.minimum(weight, top.repeat_interleave(wide, 1))
            weight = torch.maximum(weight, (-zeros * scales).repeat_interleave(wide, 1))
            layer = self.layer.from_linear(
                linear(weight), 4, wide, scales=scales.T.contiguous(), zeros=zeros.T.contiguous())
            matrix = self.dequantise(layer.qweight, layer.qzeros, layer.scales.float(), 4, wide).T.contiguous()
            return {name: getattr(layer, name) for name in ("qweight", "qzeros", "scales")}, matrix

        return pack

    def cases(self) -> dict:
        def config(size):
            return {
                "quant_method": "awq", "bits": 4, "group_size": size, "version": "gemm", "zero_point": True,
                "modules_to_not_convert": ["gate"],
            }

        # The packer takes multiples of 32 outputs.
        sparse = Sizes(
            hidden=32, heads=2, key_value_heads=2, head_dim=16, width=8, expert_width=32, experts=2, vocabulary=19,
            layers=1, dense_layers=[], tied=True)
        dense = Sizes(hidden=64, heads=2, key_value_heads=2, head_dim=16, width=32, vocabulary=21, layers=1, tied=True)
        return {
            "awq-gemm": (sparse, self.packer(32), config(32), usual),
            "awq-gemm-whole": (dense, self.packer(-1), config(-1), usual),
            "awq-gemm-16": (dense, self.packer(16), config(16), usual),
        }


class AutoRound:
    library = "auto-round 0.16.1"

    def __init__(self):
        sys.meta_path.append(Stubs())
        self.v2 = importlib.import_module("auto_round_extension.torch.qlinear_torch").QuantLinear
        self.v1 = importlib.import_module("auto_round_extension.torch.qlinear_torch_zp").QuantLinear
        sys.meta_path.pop()

    def packer(self, kind, bits, size, symmetric):
        def pack(module, weight):
            scales, zeros, _ = grid(weight, bits, size, symmetric)
            zeros = zeros.clamp(min=1)
            if symmetric:
                # As auto-round: the scale has the sign of the largest weight.
                scales = torch.where(torch.arange(scales.shape[0])[:, None] % 2 == 0, -scales, scales)
            wide = weight.shape[1] if size < 1 else size
            layer = kind(bits, wide, weight.shape[1], weight.shape[0], False)
            layer.device = "cpu"
            layer.pack(linear(weight), scales, int(zeros[0, 0]) if symmetric else zeros, device="cpu")
            tensors = {name: getattr(layer, name) for name in ("qweight", "qzeros", "scales")}
            layer.scales = layer.scales.float()
            # The matrix itself: a product with it would lose the signs of zeros.
            with patch("torch.matmul", side_effect=lambda x, matrix: matrix):
                matrix = layer(torch.eye(weight.shape[1])).T.contiguous()
            return tensors, matrix

        return pack

    def cases(self) -> dict:
        def config(bits, size, symmetric, format, method="auto-round", key="packing_format", **others):
            return {
                "quant_method": method, "bits": bits, "group_size": size, "sym": symmetric, key: format,
                "data_type": "int",
                "autoround_version": "0.16.1", "block_name_to_quantize": "model.layers",
            } | others

        four, eight = self.packer(self.v2, 4, 32, False), self.packer(self.v2, 8, 16, True)
        extra = {"model.layers.0.mlp.down_proj": {"bits": 8, "group_size": 16, "sym": True}}
        return {
            "auto-round-gptq-sym": (
                PLAIN, self.packer(self.v1, 4, 32, True), config(4, 32, True, "auto_round:auto_gptq"), usual),
            "auto-round-gptq-zeros": (
                PLAIN, self.packer(self.v1, 4, 16, False), config(4, 16, False, "auto_round:auto_gptq"), usual),
            "auto-round-raw": (
                PLAIN, lambda m, w: (eight if m.endswith("down_proj") else four)(m, w),
                config(4, 32, False, "auto_round", extra_config=extra), usual),
            "auto-round-older": (
                PLAIN, self.packer(self.v2, 2, 32, False),
                config(2, 32, False, "auto_round:gptqmodel", "intel/auto-round", "backend"), usual),
        }


class Compressed:
    """compressed-tensors as it is imported: 0.17.0 has `actorder: group`, 0.20.1 has not."""

    def __init__(self):
        import compressed_tensors

        from compressed import FP8, Scheme, description

        self.version = compressed_tensors.__version__
        self.library = f"compressed-tensors {self.version}"
        self.scheme, self.description, self.fp8 = Scheme, description, FP8

    def ordered(self, module, weight):
        from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor as Packer

        order = torch.randperm(weight.shape[1], generator=torch.Generator().manual_seed(len(module)))
        index = (torch.arange(weight.shape[1]) // 16)[torch.argsort(order)].int()
        state = self.four.state(weight[:, order]) | {"weight": weight, "weight_g_idx": index}
        tensors = Packer.compress(state, self.four.scheme)
        given = dict(tensors) | {"weight_scale": tensors["weight_scale"].float()}
        return tensors, Packer.decompress(given, self.four.scheme)["weight"]

    def cases(self) -> dict:
        packed = {"num_bits": 4, "type": "int", "strategy": "group"}
        if self.version.startswith("0.17"):
            self.four = self.scheme("pack-quantized", group_size=16, symmetric=False, actorder="group", **packed)
            described = self.description({"group_0": self.four}, "pack-quantized", ["lm_head"])
            return {"pack4-actorder-zeros": (PLAIN, self.ordered, described["quantization_config"], usual)}
        fp8 = self.fp8(block=(16, 24), scale=torch.bfloat16)
        schemes = {
            "pack4-group16-zeros": self.scheme("pack-quantized", group_size=16, symmetric=False, **packed),
            "pack4-group16": self.scheme("pack-quantized", group_size=16, **packed),
            "int8-channel-zeros": self.scheme(
                "int-quantized", num_bits=8, type="int", strategy="channel", symmetric=False),
            "nvfp4": self.scheme(
                "nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16,
                scale_dtype=torch.float8_e4m3fn),
            "pack4-group32-zeros": self.scheme(
                "pack-quantized", scale=torch.bfloat16, group_size=32, symmetric=False, **packed),
            "pack8-group32-zeros": self.scheme(
                "pack-quantized", scale=torch.float16, group_size=32, symmetric=False, **packed | {"num_bits": 8}),
        }
        cases = {"fp8-block": (ODD, fp8, fp8.description()["quantization_config"], usual)}
        for name, scheme in schemes.items():
            described = self.description({"group_0": scheme}, scheme.format, ["lm_head"])
            cases[name] = (SPARSE, scheme, described["quantization_config"], usual)
        return cases


def digest(matrix: torch.Tensor) -> str:
    """FNV-1a over the bit patterns of f32."""
    value = 0xCBF29CE484222325
    for bits in matrix.contiguous().view(torch.int32).flatten().tolist():
        value = ((value ^ (bits & 0xFFFFFFFF)) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def record(library: str, name: str, seed: int, sizes, pack, config: dict, chosen) -> None:
    generator = torch.Generator().manual_seed(seed)
    weights = draw(sizes, generator)
    if "lm_head" in name:
        weights["lm_head"] = torch.randn(sizes.vocabulary, sizes.hidden, generator=generator) * 0.15
    folder = f"{FOLDER}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        path = f"{temporary}/{name}"
        write_pair(
            path, sizes, weights, lambda m, w: pack(m, w) if chosen(m) else None, {"quantization_config": config},
            "f16", 1, False)
        reference = load_file(f"{path}.reference/model.safetensors")
        ids = torch.randint(sizes.vocabulary, (20,), generator=generator).tolist()
        scores = logprobs(path + ".reference", ids)
        shutil.move(path, folder)
    digests = {key.removesuffix(".weight"): digest(matrix) for key, matrix in reference.items() if matrix.dim() == 2}
    with open(f"{folder}/expected.json", "w") as file:
        json.dump({"library": library, "ids": ids, "logprobs": scores, "digests": digests}, file, indent=0)
        file.write("\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gptqmodel")
    parser.add_argument("--autoawq")
    parser.add_argument("--auto-round", action="store_true")
    parser.add_argument("--compressed-tensors", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(FOLDER, exist_ok=True)
    tools = [AutoRound()] if options.auto_round else []
    tools += [GPTQModel(options.gptqmodel)] if options.gptqmodel else []
    tools += [AutoAWQ(options.autoawq)] if options.autoawq else []
    tools += [Compressed()] if options.compressed_tensors else []
    for tool in tools:
        for seed, (name, case) in enumerate(tool.cases().items()):
            record(tool.library, name, seed, *case)


if __name__ == "__main__":
    sys.exit(main())

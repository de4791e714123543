"""Formats of compressed-tensors and transformers' FP8, by the libraries' own compressors."""

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme, QuantizationStrategy
from compressed_tensors.quantization.lifecycle.forward import dequantize
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from transformers.integrations.finegrained_fp8 import Fp8Dequantize, Fp8Quantize
from transformers.utils.quantization_config import FineGrainedFP8Config


def blocks(weight: torch.Tensor, args: QuantizationArgs) -> torch.Tensor:
    """The weights that share a scale, in the last dimension."""
    rows, columns = weight.shape
    strategy = QuantizationStrategy(args.strategy).value
    if strategy == "tensor":
        return weight.reshape(-1)
    if strategy == "channel":
        return weight.reshape(rows, 1, columns)
    if strategy in ("group", "tensor_group"):
        return weight.reshape(rows, -1, args.group_size)
    height, width = args.block_structure
    down, across = -(-rows // height), -(-columns // width)
    padded = torch.nn.functional.pad(weight, (0, across * width - columns, 0, down * height - rows))
    return padded.reshape(down, height, across, width).transpose(1, 2).reshape(down, across, -1)


class Scheme:
    """A quantisation scheme of compressed-tensors."""

    def __init__(
        self, format: str, activations: dict | None = None, scale=torch.float32, targets=("Linear",), **weights
    ):
        self.format = format
        self.scale = scale
        self.args = QuantizationArgs(**weights)
        inputs = QuantizationArgs(**activations) if activations else None
        self.scheme = QuantizationScheme(
            targets=list(targets), weights=self.args, input_activations=inputs, format=format)
        self.compressor = BaseCompressor.get_value_from_registry(format)

    def state(self, weight: torch.Tensor) -> dict:
        shared = blocks(weight, self.args)
        state = {"weight": weight}
        whole = None
        if "nvfp4" in self.format:
            whole = generate_gparam(weight.min(), weight.max())
            state["weight_global_scale"] = whole
        scale, zero = calculate_qparams(shared.amin(-1), shared.amax(-1), self.args, global_scale=whole)
        if "fp4" not in self.format and "mxfp8" not in self.format:
            scale = scale.to(self.scale)
        state["weight_scale"] = scale
        if not self.args.symmetric:
            state["weight_zero_point"] = zero.to(torch.int8)
        return state

    def dequantised(self, tensors: dict) -> torch.Tensor:
        """As the compressor's `decompress`, with scales in f32."""
        if "fp4" in self.format:
            packed = tensors["weight_packed"]
            codes = unpack_fp4_from_uint8(packed, packed.shape[0], packed.shape[1] * 2, dtype=torch.float32)
            scale = self.compressor._decompress_scale(tensors["weight_scale"], torch.float32)
            whole = tensors.get("weight_global_scale")
            return dequantize(codes, scale, args=self.args, dtype=torch.float32, global_scale=whole)
        given = dict(tensors)
        if "mxfp8" in self.format:
            scale = self.compressor._decompress_scale(tensors["weight_scale"]).float()
            return dequantize(given["weight"], scale, args=self.args, dtype=torch.float32)
        given["weight_scale"] = given["weight_scale"].float()
        if "weight_packed" in given and not self.args.symmetric:
            # Twice the rows: 0.20.1 cannot unpack the zero points of eight rows or fewer.
            zeros, shape = given["weight_zero_point"], given["weight_shape"].tolist()
            zeros = torch.cat([zeros, zeros])
            per_word = 32 // self.args.num_bits
            zeros = unpack_from_int32(zeros, self.args.num_bits, (zeros.shape[0] * per_word, zeros.shape[1]), 0)
            codes = unpack_from_int32(given["weight_packed"], self.args.num_bits, shape)
            return dequantize(codes, given["weight_scale"], zeros[: shape[0]], args=self.args)
        return self.compressor.decompress(given, self.scheme)["weight"]

    def __call__(self, module: str, weight: torch.Tensor):
        tensors = self.compressor.compress(self.state(weight), self.scheme)
        return tensors, self.dequantised(tensors)

    def in_order(self, module: str, weight: torch.Tensor):
        """`actorder: group`, as the library wrote it to 0.17: groups of columns in another order, codes in place."""
        order = torch.randperm(weight.shape[1], generator=torch.Generator().manual_seed(len(module)))
        back = torch.argsort(order)
        tensors, matrix = self(module, weight[:, order])
        codes = unpack_from_int32(tensors["weight_packed"], self.args.num_bits, weight.shape)
        tensors["weight_packed"] = pack_to_int32(codes[:, back].contiguous(), self.args.num_bits)
        groups = torch.arange(weight.shape[1], dtype=torch.int32) // self.args.group_size
        tensors["weight_g_idx"] = groups[back].contiguous()
        return tensors, matrix[:, back].contiguous()


def description(groups: dict, format: str, ignore: list, actorder: str | None = None) -> dict:
    """`quantization_config` of the schemes."""
    config_groups = {}
    for name, scheme in groups.items():
        config_groups[name] = scheme.scheme.model_dump(mode="json")
        if actorder:
            config_groups[name]["weights"]["actorder"] = actorder
    return {
        "quantization_config": {
            "config_groups": config_groups,
            "format": format,
            "global_compression_ratio": None,
            "ignore": ignore,
            "kv_cache_scheme": None,
            "quant_method": "compressed-tensors",
            "quantization_status": "compressed",
        }
    }


class FP8:
    """transformers' `fp8`; matrices that blocks do not divide come from compressed-tensors' block strategy."""

    def __init__(self, block=(128, 128), scale=torch.float32, ue8m0: bool = False):
        self.block = list(block) if block else None
        self.scale = scale
        options = {"scale_fmt": "ue8m0"} if ue8m0 else {}
        self.config = FineGrainedFP8Config(
            weight_block_size=tuple(block) if block else None, modules_to_not_convert=["lm_head"], **options)
        self.quantizer = type("Quantizer", (), {"quantization_config": self.config})()
        if block:
            self.edges = Scheme(
                "float-quantized", scale=scale, num_bits=8, type="float", strategy="block", block_structure=list(block))

    def __call__(self, module: str, weight: torch.Tensor):
        if self.block and any(size % side for size, side in zip(weight.shape, self.block)):
            tensors, matrix = self.edges(module, weight)
            return {"weight": tensors["weight"], "weight_scale_inv": tensors["weight_scale"]}, matrix
        made = Fp8Quantize(self.quantizer).convert({"x.weight": weight})
        codes, scale = made["x.weight"], made["x.weight_scale_inv"]
        if scale.dtype == torch.float32:
            scale = scale.to(self.scale)
        matrix = Fp8Dequantize(self.quantizer)._dequantize_one(codes, scale, output_dtype=torch.float32)
        if not self.block:
            scale = scale.reshape([])
        return {"weight": codes, "weight_scale_inv": scale}, matrix

    def description(self) -> dict:
        return {"quantization_config": self.config.to_dict()}

"""A network as an ONNX file, for onnxruntime and others to run, and for viewers to show.

Each layer is one operator of ONNX, which means by it what the layer does in evaluation:

    Conv2d → Conv            MaxPool2d → MaxPool          Flatten → Flatten
    ReLU → Relu              AvgPool2d → AveragePool      Linear → Gemm
    BatchNorm2d → BatchNormalization, with the running statistics

Needs the package onnx: pip install onnx
"""

import os
from collections.abc import Sequence

import numpy as np

from .checks import whole_number
from .files import check_ending, check_place, checked_path, write_atomic
from .layer import Layer
from .layers import AvgPool2d, BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU

OPSET = 17  # the version of ONNX's operators; the file says it, too


def export_onnx(model: Layer, path: str | os.PathLike, input_shape: Sequence[int]) -> None:
    """Write a network as an ONNX file (opset 17), as it is in evaluation.

    model: a Sequential or a layer, plain or compiled. input_shape: of one example, (1, 28, 28).
    Input and output are named "x" and "y", with any number of examples as their first axis; the
    weights have the names of state_dict. All are float32, in which every program has all of these
    operators: float64 weights are rounded. An older file stays until the new one is complete.

    Raises, before anything is written, TypeError for a layer or a parameter that ONNX has no
    operator for, such as one of your own, and for what is no Layer, path or shape; ValueError if
    input_shape does not suit the network, or for a path that promises another format; ImportError
    without the package onnx; OSError if the file cannot be written.
    """
    if not isinstance(model, Layer):
        raise TypeError(f"export_onnx: expected model, a Layer, got {type(model).__name__}")
    path = checked_path(path, "export_onnx")
    for name in (path, check_place(path, "export_onnx")):  # a link, and what it leads to
        check_ending(name, (".onnx",), "export_onnx")
    shape = _checked_shape(input_shape)
    operators = _operators(model)
    output_shape = model.output_shape((2, *shape))[1:]
    try:
        import onnx
    except ImportError:
        raise ImportError(
            "export_onnx: needs the package onnx; install it with: pip install onnx"
        ) from None
    file = _file(operators, shape, output_shape)
    file = onnx.shape_inference.infer_shapes(file)  # viewers show the shapes between layers
    onnx.checker.check_model(file, full_check=True)
    content = file.SerializeToString()
    write_atomic(path, lambda stream: stream.write(content), who="export_onnx")


def _checked_shape(input_shape):
    if isinstance(input_shape, np.ndarray):
        input_shape = input_shape.tolist()
    if not isinstance(input_shape, (tuple, list)):
        raise TypeError(
            "export_onnx: expected input_shape, the sizes of one example such as (784,) or "
            f"(1, 28, 28), got {input_shape!r}"
        )
    return tuple(whole_number(size, "export_onnx: input_shape") for size in input_shape)


def _operators(model):
    """[(name, operator, {name: float32 array}, attributes)] of a network's layers, in order."""
    prefixes = {layer: prefix for prefix, layer in model.named_layers()}
    operators = []
    for i, layer in enumerate(model.leaves()):
        kind, arrays, attributes = _operator(layer)
        weights = {f"{prefixes[layer]}{k}": _float32(layer, k, *a) for k, a in arrays.items()}
        operators.append((f"{type(layer).__name__}-{i + 1}", kind, weights, attributes))
    if not operators:
        raise ValueError(f"export_onnx: expected a network with layers, got {model}")
    known = {getattr(layer, k, None) for layer in model.leaves() for k in ("weight", "bias")}
    unknown = [name for name, p in model.named_parameters() if p not in known]
    if unknown:
        raise TypeError(f"export_onnx: ONNX has no operator that takes {', '.join(unknown)}")
    return operators


def _float32(layer, name, array, shape):
    """An array of a layer as ONNX's operator takes it, if it has the shape that belongs there."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.shape != shape:
        came = f"{getattr(array, 'dtype', type(array).__name__)} {np.shape(array)}"
        raise ValueError(f"export_onnx: {layer}: expected {name}, floats {shape}, got {came}")
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float32)
    if not np.array_equal(np.isinf(array), np.isinf(rounded)):
        raise ValueError(
            f"export_onnx: {layer}: expected {name} in the range of float32, "
            f"got {array.dtype} up to {np.nanmax(abs(array)):.3g}"
        )
    return rounded


def _file(operators, input_shape, output_shape):
    """The network in ONNX's data structure; the names of operators are those in summary."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, source = [], {}, "x"
    for i, (name, kind, arrays, attributes) in enumerate(operators):
        result = f"y.{i}" if i < len(operators) - 1 else "y"
        nodes.append(helper.make_node(kind, [source, *arrays], [result], name=name, **attributes))
        weights |= arrays
        source = result
    graph = helper.make_graph(
        nodes,
        "tinynet",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *input_shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *output_shape])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    file = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tinynet"
    )
    file.ir_version = 8  # that of opset 17: older programs read it, too
    return file


def _operator(layer):
    """(operator, {name: (array, its shape)} of its weights in ONNX's order, attributes)."""
    kind = type(layer)
    if kind is ReLU:
        return "Relu", {}, {}
    if kind is Flatten:
        return "Flatten", {}, dict(axis=1)
    if kind is Conv2d:
        shape = layer.out_channels, layer.in_channels, *layer.kernel_size
        return "Conv", _weights(layer, shape), _window(layer)
    if kind is Linear:
        return "Gemm", _weights(layer, (layer.out_features, layer.in_features)), dict(transB=1)
    if kind is MaxPool2d:
        return "MaxPool", {}, _window(layer)
    if kind is AvgPool2d:
        return "AveragePool", {}, _window(layer) | dict(count_include_pad=1)
    if kind is BatchNorm2d:
        shape = (layer.num_features,)
        statistics = {k: (getattr(layer, k), shape) for k in ("running_mean", "running_var")}
        return (
            "BatchNormalization",
            _weights(layer, shape) | statistics,
            dict(epsilon=float(layer.eps)),
        )
    name = str(layer) if str(layer).startswith(kind.__name__) else f"{kind.__name__}, {layer}"
    raise TypeError(f"export_onnx: ONNX has no operator for {name}")


def _weights(layer, shape):
    weights = dict(weight=(layer.weight.data, shape))
    if layer.bias is not None:
        weights["bias"] = layer.bias.data, shape[:1]
    return weights


def _window(layer):
    return dict(kernel_shape=layer.kernel_size, strides=layer.stride, pads=layer.padding * 2)

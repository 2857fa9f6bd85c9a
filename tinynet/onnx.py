"""A network as an ONNX file, for onnxruntime and others to run, and for viewers to show.

Each layer is one operator of ONNX, which means by it what the layer does in evaluation:

    Conv2d → Conv            MaxPool2d → MaxPool          Flatten → Flatten
    ReLU → Relu              AvgPool2d → AveragePool      Linear → Gemm
    BatchNorm2d → BatchNormalization, with the running statistics

Needs the package onnx: pip install 'tinynet[onnx]'
"""

import numpy as np

from .layers import AvgPool2d, BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from .weights_file import write_atomic
from .windows import positive_int

OPSET = 17  # the version of ONNX's operators; the file says it, too


def export_onnx(model, path, input_shape):
    """Write a network as an ONNX file (opset 17), as it is in evaluation.

    model: a Sequential or a layer, plain or compiled. input_shape: of one example, (1, 28, 28).
    Input and output are named "x" and "y", with any number of examples as their first axis; the
    weights have the names of state_dict. An older file stays until the new one is complete.

    Raises TypeError for a layer that ONNX has no operator for, such as one of your own; ValueError
    if input_shape does not suit the network; ImportError without the package onnx; OSError if the
    file cannot be written.
    """
    try:
        import onnx
    except ImportError:
        raise ImportError(
            "export_onnx: needs the package onnx; install it with: pip install 'tinynet[onnx]'"
        ) from None
    from onnx import helper, numpy_helper

    shape = tuple(positive_int(size, "export_onnx: input_shape") for size in input_shape)
    output_shape = model.output_shape((2, *shape))
    layers, names = model.leaves(), {layer: prefix for prefix, layer in model.named_layers()}
    nodes, weights = [], {}
    for i, layer in enumerate(layers):
        operator, arrays, attributes = _operator(layer)
        arrays = {f"{names[layer]}{name}": array for name, array in arrays.items()}
        source = f"y.{i - 1}" if i else "x"
        result = f"y.{i}" if i < len(layers) - 1 else "y"
        name = f"{type(layer).__name__}-{i + 1}"  # as in the table of summary
        nodes.append(
            helper.make_node(operator, [source, *arrays], [result], name=name, **attributes)
        )
        weights |= arrays
    dtype = next(iter(weights.values())).dtype if weights else np.dtype(np.float32)
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    graph = helper.make_graph(
        nodes,
        "tinynet",
        [helper.make_tensor_value_info("x", kind, ["n", *shape])],
        [helper.make_tensor_value_info("y", kind, ["n", *output_shape[1:]])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    file = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tinynet"
    )
    file.ir_version = 8  # that of opset 17: older programs read it, too
    file = onnx.shape_inference.infer_shapes(file)  # viewers show the shapes between layers
    onnx.checker.check_model(file, full_check=True)
    write_atomic(path, lambda stream: stream.write(file.SerializeToString()))


def _operator(layer):
    """(name of the operator, {name: array} of its weights in ONNX's order, attributes)."""
    kind = type(layer)
    if kind is ReLU:
        return "Relu", {}, {}
    if kind is Flatten:
        return "Flatten", {}, dict(axis=1)
    if kind is Conv2d:
        return "Conv", _weights(layer), _window(layer)
    if kind is Linear:
        return "Gemm", _weights(layer), dict(transB=1)
    if kind is MaxPool2d:
        return "MaxPool", {}, _window(layer)
    if kind is AvgPool2d:
        return "AveragePool", {}, _window(layer) | dict(count_include_pad=1)
    if kind is BatchNorm2d:
        statistics = dict(running_mean=layer.running_mean, running_var=layer.running_var)
        return "BatchNormalization", _weights(layer) | statistics, dict(epsilon=layer.eps)
    raise TypeError(f"export_onnx: ONNX has no operator for {layer}")


def _weights(layer):
    weights = dict(weight=layer.weight.data)
    if layer.bias is not None:
        weights["bias"] = layer.bias.data
    return weights


def _window(layer):
    return dict(kernel_shape=layer.kernel_size, strides=layer.stride, pads=layer.padding * 2)

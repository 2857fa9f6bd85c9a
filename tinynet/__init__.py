"""tinynet: a deep-learning framework from scratch in NumPy, made for reading, teaching, running."""

from . import augment, datasets, models, plot, printing, recipes
from .average import WeightAverage
from .compiled import compile
from .errors import FileFormatError, GradientError
from .find_lr import find_lr
from .gradcheck import gradcheck
from .layer import Layer, Parameter
from .layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    col2im,
    im2col,
)
from .loss import CrossEntropyLoss
from .onnx import export_onnx
from .optim import SGD, OneCycleLR
from .recipes import Recipe
from .sequential import Sequential
from .summary import summary
from .train import evaluate, fit, predict_proba
from .weights_file import load, save

__version__ = "0.1.0"

printing.prepare()  # of → and ≥, where sys.stdout and sys.stderr lack them

__all__ = [
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "CrossEntropyLoss",
    "FileFormatError",
    "Flatten",
    "GradientError",
    "Layer",
    "Linear",
    "MaxPool2d",
    "OneCycleLR",
    "Parameter",
    "ReLU",
    "Recipe",
    "SGD",
    "Sequential",
    "WeightAverage",
    "augment",
    "col2im",
    "compile",
    "datasets",
    "evaluate",
    "export_onnx",
    "find_lr",
    "fit",
    "gradcheck",
    "im2col",
    "load",
    "models",
    "plot",
    "predict_proba",
    "recipes",
    "save",
    "summary",
]

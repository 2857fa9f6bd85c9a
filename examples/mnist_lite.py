"""Train the 11,950-parameter network on MNIST, or data like it, and test it after each epoch.

    python examples/mnist_lite.py                   # 20 epochs, a few minutes on two cores
    python examples/mnist_lite.py --recipe quick    # half a minute
    python examples/mnist_lite.py --help            # what can be changed
    python examples/mnist_lite.py --data-dir data/FashionMNIST
    python examples/mnist_lite.py --data-dir data/EMNIST --split letters

Weights and history go to a new folder under runs/, so that no run overwrites another. The tests
after each epoch, in the history and on the page too, are there to be seen and choose nothing: the
weights are those at the end. To choose, hold out digits of the training set, with --validate.
--report adds a page about the run, which needs two packages: pip install matplotlib jinja2

A run that was stopped, by Ctrl-C or otherwise, goes on where it was, to the same weights:

    python examples/mnist_lite.py --resume runs/mnist_lite-…
"""

import argparse
import contextlib
import itertools
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs without installing, too
sys.path.insert(0, str(Path(__file__).resolve().parent))

from parts import shell

RECIPES = ["default", "best", "quick"]  # of tinynet.recipes, which is not imported here: `main`
# first says how many threads NumPy may use
ARGUMENTS = "arguments.json"  # in the folder of a run


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description="Train the 11,950-parameter network on MNIST.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--recipe", choices=RECIPES, default="default", help="settings: see tinynet/recipes.py")
    recipe = dict(default=argparse.SUPPRESS)  # an option that is not given leaves it as it is
    add("--epochs", type=at_least(1), **recipe, help="times through the digits, not the recipe's")
    add("--batch-size", type=at_least(1), **recipe, help="digits a step, not the recipe's")
    add("--max-lr", type=at_least(0, float), **recipe, help="peak rate, not the recipe's")
    add("--augment", choices=["none"], **recipe, help="none: no random maps of digits")
    add("--seed", type=at_least(0), default=0, help="of initial weights, shuffling, augmentation")
    add("--validate", action="store_true", help="hold out 10,000 training digits and test on them")
    add("--data-dir", help="folder with four IDX files, raw or .gz; default: the MNIST inside")
    add("--split", help="of EMNIST, where the folder has several: letters, balanced, ...")
    add("--plain", action="store_true", help="run the plain NumPy layers, without compiling them")
    add("--threads", type=at_least(1), help="of the kernels, or of NumPy; default: all cores")
    add("--report", action="store_true", help="write a page about the run, report.html")
    add("--out", default="runs", help="a folder for this run is made in here")
    add("--checkpoint-every", type=at_least(1), help="steps, besides after each epoch")
    add("--resume", metavar="FOLDER", help="go on with the run in it; its options stay")
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    if options.resume:
        options = parser.parse_args([*kept_arguments(options.resume), *arguments])
    options.arguments = arguments
    return options


def kept_arguments(folder):
    """The arguments that the run in a folder began with."""
    path = Path(folder) / ARGUMENTS
    try:
        arguments = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(argument, str) for argument in arguments):
            raise ValueError("expected a list of texts")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        sys.exit(f"mnist_lite: no run to go on with in {folder}: {error}")
    return arguments


def at_least(least, kind=int):
    def number(text):
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {value}")
        if value == float("inf"):
            raise argparse.ArgumentTypeError("expected a finite number, got inf")
        return value

    number.__name__ = kind.__name__  # argparse names the type in its message
    return number


def main(options):
    if options.plain and options.threads:  # NumPy reads these when it is imported
        for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = str(options.threads)
    import tinynet as tn

    if options.report:
        try:
            from parts import report
        except ImportError:
            sys.exit(
                "mnist_lite: --report needs matplotlib and Jinja2: pip install matplotlib jinja2"
            )

    train, test = tn.datasets.mnist(options.data_dir, options.split)
    if options.validate:
        train, test = tn.datasets.hold_out(*train)
    settings = dict(**tn.recipes.RECIPES[options.recipe])
    settings |= {name: value for name, value in vars(options).items() if name in settings}
    if settings["augment"] == "none":
        settings["augment"] = None
    model = tn.models.mnist_lite(rng=options.seed, num_classes=count_classes(train[1], test[1]))
    print(tn.summary(model, (1, *train[0].shape[1:])))
    try:
        network = model if options.plain else tn.compile(model, threads=options.threads)
    except ImportError as error:  # there is no Numba
        sys.exit(f"mnist_lite: {error} Here that is: --plain")

    folder = Path(options.resume) if options.resume else new_folder(options)
    try:
        history = tn.fit(
            network,
            *train,
            test=test,
            **settings,
            seed=options.seed,
            history_path=folder / "history.csv",
            checkpoint_path=folder / "checkpoint.npz",
            checkpoint_every=options.checkpoint_every,
            resume=options.resume is not None,
        )
    except (KeyboardInterrupt, OSError) as error:
        tn.printing.drop_unprintable(error)
        again = shell.again(Path(__file__), "--resume", folder)
        why = "stopped" if isinstance(error, KeyboardInterrupt) else f"stopped: {error}"
        print(f"\nmnist_lite: {why}; to go on: {again}", file=sys.stderr)
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)
    tn.save(model, folder / "weights.npz")
    accuracies = [epoch["test_accuracy"] for epoch in history]
    best = max(accuracies)
    print(f"Last Test Accuracy: {accuracies[-1]:.2%}")
    print(f"Best Test Accuracy: {best:.2%} (epoch {accuracies.index(best) + 1})")
    print("(The best is there to be seen and chose nothing: the weights are those at the end.)")
    print(f"Weights and history: {folder}")
    if options.report:
        everything = {"run": folder.name} | vars(options) | settings
        names = tn.datasets.class_names(options.data_dir, options.split)
        if names is None and is_mnist(train[0]):
            names = tn.datasets.class_names()
        report.write(folder / "report.html", network, history, everything, test, names)
        print(f"Report: {folder / 'report.html'}")


def count_classes(y_train, y_test):
    """How many classes the labels tell of, from 0 to the largest that is trained on."""
    k = int(y_train.max()) + 1
    if y_test.max() >= k:
        raise ValueError(
            f"expected test labels in 0 … {k - 1}, as in the training set, got {y_test.max()}"
        )
    return k


def is_mnist(images):
    """Whether these are the digits, in a folder of somebody's: they begin with the same one."""
    import tinynet as tn

    (digits, _), _ = tn.datasets.mnist()
    return images.shape[1:] == digits.shape[1:] and (images[0] == digits[0]).all()


def new_folder(options):
    """A folder for this run, with the arguments that --resume will need."""
    name = f"mnist_lite-{time.strftime('%Y%m%d-%H%M%S')}-seed{options.seed}"
    for nth in itertools.count(1):
        folder = Path(options.out) / (f"{name}-{nth}" if nth > 1 else name)
        with contextlib.suppress(FileExistsError):  # of another run that began in this second
            folder.mkdir(parents=True)
            break
    (folder / ARGUMENTS).write_text(json.dumps(options.arguments), encoding="utf-8")
    return folder


if __name__ == "__main__":
    try:
        main(parse())
    except (ValueError, OSError, FloatingPointError) as error:
        from tinynet.printing import drop_unprintable

        sys.exit(1 if drop_unprintable(error) else f"mnist_lite: {error}")
    except KeyboardInterrupt:
        sys.exit(130)

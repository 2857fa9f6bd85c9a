"""What students write: changes after compile, passes that interleave, threads, parts anywhere."""

import collections
import copy
import pickle
import threading
import types
import weakref

import numpy as np
import pytest
from broken import ANSWERS, ERRORS, HARMLESS, Own
from cases import needs_threads

import tinynet as tn
from tinynet import passes


def normal(shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


X = normal((4, 2, 8, 8))


def network():
    rng = np.random.default_rng(0)
    return tn.Sequential(
        tn.Conv2d(2, 4, 3, padding=1, rng=rng),
        tn.ReLU(),
        tn.BatchNorm2d(4),
        tn.MaxPool2d(2),
        tn.Conv2d(4, 3, 3, rng=rng),
        tn.AvgPool2d(2),
        tn.Flatten(),
    )


def run(net, x=X):
    """(y, gradients), or the error, as a text."""
    try:
        y = net(x)
        dx = net.backward(normal(y.shape, 1).astype(y.dtype))
    except (ValueError, TypeError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return [y, dx, *(p.grad for p in net.parameters())]


def same(mine, other):
    if isinstance(mine, str) or isinstance(other, str):
        assert mine == other
        return
    for a, b in zip(mine, other, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


# -- what a layer returns --


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_wrong_answer_is_refused_by_name(name, way, compiled):
    own = Own()
    net = tn.Sequential(
        tn.Conv2d(2, 3, 3, rng=0), own, tn.Conv2d(3, 2, 3, rng=1), tn.BatchNorm2d(2)
    )
    net = tn.compile(net) if compiled else net
    right = [a.copy() for a in run(net)]
    state = net.state_dict()
    setattr(own, f"{way}_does", name)
    with np.errstate(all="ignore"):
        if name in HARMLESS:
            assert not isinstance(run(net), str)
        else:
            y, kinds = None, (*ERRORS, MemoryError)
            with pytest.raises(kinds) as info:
                y = net(X)
                net.backward(normal(y.shape, 1))
            told = " ".join([str(info.value), *getattr(info.value, "__notes__", [])])
            words = ["Own()", "mistake", "read-only"]
            if not hasattr(info.value, "add_note"):  # Python 3.10: only the layer after it
                words.append("layer 2 of Sequential")
            assert any(word in told for word in words), told
            assert str(info.value).count("\n") == 0
            if y is None:  # nothing moved
                for key, array in net.state_dict().items():
                    np.testing.assert_array_equal(array, state[key])
    own.forward_does = own.backward_does = None
    net.load_state_dict(state)
    same(run(net), right)


# -- a network that changes after it was compiled --


def exchange(model):
    model.layers[0], model.layers[2] = model.layers[2], model.layers[0]


def double(model, name):
    parameter = getattr(model[0], name)
    parameter.data = parameter.data.astype(np.float64)


def raw_array(model):
    model[0].weight = model[0].weight.data


def replaced_forward(model):
    model[1].forward = lambda x: np.tanh(x)
    model[1].backward = lambda dy: dy * np.float32(0.5)


def other_class(model):
    model[1].__class__ = Own
    Own.__init__(model[1])


CHANGES = {
    "another head": lambda m: m.layers.__setitem__(4, tn.Conv2d(4, 5, 3, rng=3)),
    "a head that does not fit": lambda m: m.layers.__setitem__(4, tn.Conv2d(3, 5, 3, rng=3)),
    "a layer more": lambda m: m.layers.insert(5, tn.ReLU()),
    "a Linear more": lambda m: m.layers.append(tn.Linear(3, 2, rng=0)),
    "a Linear more that does not fit": lambda m: m.layers.append(tn.Linear(4, 2, rng=0)),
    "a layer less": lambda m: m.layers.pop(2),
    "no ReLU": lambda m: m.layers.pop(1),
    "one layer": lambda m: m.layers.__delitem__(slice(1, None)),
    "exchanged": exchange,
    "reversed": lambda m: m.layers.reverse(),
    "twice": lambda m: m.layers.append(m.layers[1]),
    "no layer": lambda m: m.layers.append(np.tanh),
    "a list in the list": lambda m: m.layers.append([tn.ReLU()]),
    "a network in it": lambda m: m.layers.insert(3, tn.Sequential(tn.ReLU(), tn.BatchNorm2d(4))),
    "an own layer in it": lambda m: m.layers.insert(1, Own()),
    "another list": lambda m: setattr(m, "layers", [tn.Flatten(), tn.Linear(128, 2, rng=0)]),
    "a tuple": lambda m: setattr(m, "layers", tuple(m.layers[:3])),
    "stride": lambda m: setattr(m[0], "stride", (2, 2)),
    "stride, an int": lambda m: setattr(m[0], "stride", 2),
    "padding": lambda m: setattr(m[0], "padding", (2, 0)),
    "padding of a pool": lambda m: setattr(m[3], "padding", (1, 1)),
    "window of a pool": lambda m: setattr(m[3], "kernel_size", (3, 2)),
    "a window too small for its padding": lambda m: vars(m[3]).update(padding=(3, 3)),
    "stride of a pool": lambda m: setattr(m[5], "stride", (1, 1)),
    "kernel_size alone": lambda m: setattr(m[0], "kernel_size", (5, 5)),
    "out_channels alone": lambda m: setattr(m[0], "out_channels", 5),
    "in_channels alone": lambda m: setattr(m[4], "in_channels", 2),
    "num_features alone": lambda m: setattr(m[2], "num_features", 5),
    "eps": lambda m: setattr(m[2], "eps", 0.5),
    "momentum": lambda m: setattr(m[2], "momentum", 0.9),
    "no bias": lambda m: setattr(m[0], "bias", None),
    "another bias": lambda m: setattr(m[0], "bias", tn.Parameter(normal(4, 5))),
    "a bias too long": lambda m: setattr(m[0], "bias", tn.Parameter(normal(5, 5))),
    "weights of another shape": lambda m: setattr(m[0].weight, "data", normal((4, 2, 5, 5))),
    "weights of as many numbers": lambda m: setattr(m[0].weight, "data", normal((2, 4, 3, 3))),
    "float64 weights": lambda m: double(m, "weight"),
    "float64 bias": lambda m: double(m, "bias"),
    "float16 weights": lambda m: setattr(m[0].weight, "data", normal((4, 2, 3, 3), 0, np.float16)),
    "integer weights": lambda m: setattr(m[4].weight, "data", np.ones((3, 4, 3, 3), int)),
    "a list for weights": lambda m: setattr(m[4].weight, "data", [1.0]),
    "a raw array for weights": raw_array,
    "None for weights": lambda m: setattr(m[0], "weight", None),
    "weights in Fortran's order": lambda m: setattr(
        m[0].weight, "data", np.asfortranarray(m[0].weight.data)
    ),
    "read-only scale": lambda m: m[2].weight.data.setflags(write=False),
    "scale with gaps": lambda m: setattr(m[2].weight, "data", normal(8)[::2]),
    "float64 scale": lambda m: setattr(m[2].weight, "data", np.ones(4)),
    "a scale too short": lambda m: setattr(m[2].weight, "data", normal(3)),
    "a scale for a scalar": lambda m: setattr(m[2].weight, "data", np.float32(1)),
    "forward replaced": replaced_forward,
    "another class": other_class,
    "evaluation of one": lambda m: m[2].eval(),
    "frozen": lambda m: m[0:3].freeze(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_compiled_network_notices_a_change(name):
    model = network()
    fast, expected = tn.compile(model), copy.deepcopy(model)
    run(fast)
    run(expected)
    for changed in (model, expected):
        CHANGES[name](changed)
    same(run(fast), run(expected))
    same(run(fast), run(expected))
    same(run(fast, X[:2]), run(expected, X[:2]))
    same(run(fast, X.astype(np.float64)), run(expected, X.astype(np.float64)))


EVALUATED = {
    "running_mean of another shape": lambda m: setattr(m[2], "running_mean", np.zeros(5, "f4")),
    "running_mean with one entry": lambda m: setattr(m[2], "running_mean", np.zeros(1, "f4")),
    "float64 running_var": lambda m: setattr(m[2], "running_var", np.full(4, 2.0)),
    "integer running_var": lambda m: setattr(m[2], "running_var", np.full(4, 2)),
    "a Parameter for running_var": lambda m: setattr(m[2], "running_var", tn.Parameter(np.ones(4))),
    "None for running_mean": lambda m: setattr(m[2], "running_mean", None),
}


@pytest.mark.parametrize("name", EVALUATED)
def test_a_compiled_network_notices_other_statistics(name):
    model = network().eval()
    fast, expected = tn.compile(model), copy.deepcopy(model)
    run(fast)
    for changed in (model, expected):
        EVALUATED[name](changed)
    same(run(fast), run(expected))


@pytest.mark.parametrize("kind", [tn.ReLU, tn.Conv2d, tn.MaxPool2d])
def test_a_lesson_may_replace_a_class_forward(kind, monkeypatch):
    model = network()
    fast, forward = tn.compile(model), kind.forward
    run(fast)
    monkeypatch.setattr(kind, "forward", lambda self, x: forward(self, 2 * x))
    same(run(fast), run(model))


def test_nested_layers_change_too():
    inner = tn.Sequential(tn.ReLU(), tn.BatchNorm2d(4))
    model = tn.Sequential(tn.Conv2d(2, 4, 3, rng=0), inner, tn.Flatten())
    fast, expected = tn.compile(model), copy.deepcopy(model)
    same(run(fast), run(expected))
    for one in (inner, expected[1]):
        one.layers.insert(0, tn.MaxPool2d(2))
    same(run(fast), run(expected))
    inner.forward = lambda x: x  # on this one object
    expected[1].forward = lambda x: x
    assert fast(X).shape == expected(X).shape == (4, 4 * 36)


def test_the_list_of_a_compiled_network_is_the_models():
    model = network()
    fast = tn.compile(model)
    fast.layers[4] = tn.Conv2d(4, 7, 3, rng=0)
    assert model(X).shape == fast(X).shape == (4, 7)
    with pytest.raises(TypeError):  # a nested one has no list of its own
        tn.compile(tn.Sequential(model)).layers[0] = tn.ReLU()


# -- a backward belongs to its own forward --


BETWEEN = {
    "the plain network": lambda model, fast: model(X[::-1]),
    "the compiled network": lambda model, fast: fast(X[::-1]),
    "another compiled one": lambda model, fast: tn.compile(model)(X[::-1]),
    "evaluation": lambda model, fast: tn.predict_proba(model, X[::-1]),
    "evaluation, compiled": lambda model, fast: tn.predict_proba(fast, X[::-1]),
    "one layer": lambda model, fast: model[-1](normal((4, 3, 1, 1))),
    "the own layer": lambda model, fast: model[1](normal((4, 4, 8, 8))),
    "a slice": lambda model, fast: model[:3](X[::-1]),
    "a network around it": lambda model, fast: tn.Sequential(model)(X[::-1]),
    "gradcheck": lambda model, fast: tn.gradcheck(model, X[:1, :, :4, :4] * 3, max_exact=1),
    "summary": lambda model, fast: tn.summary(model, (2, 8, 8)),
    "a copy": lambda model, fast: copy.deepcopy(model)(X[::-1]),
    "a pickle": lambda model, fast: pickle.loads(pickle.dumps(tn.Sequential(*model[2:]))) and None,
    "eval()": lambda model, fast: model.eval(),
}


OF_ITS_OWN = [  # passes of the very network that goes backward
    ("the plain network", "plain"), ("a network around it", "plain"),
    ("the compiled network", "compiled"),
]  # fmt: skip


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize("first", ["plain", "compiled"])
@pytest.mark.parametrize("own", [False, True])
def test_another_pass_between_is_noticed_or_does_no_harm(name, first, own):
    model = network()
    if own:
        model.layers.insert(1, Own())
    expected = run(copy.deepcopy(model))
    fast = tn.compile(model)
    net = model if first == "plain" else fast
    y = net(X)
    statistics = model.state_dict()
    try:
        BETWEEN[name](model, fast)
    except (ValueError, tn.GradientError):
        pass  # a layer that does not fit there
    try:
        dx = net.backward(normal(y.shape, 1))
    except RuntimeError as error:
        assert "forward" in str(error) and name not in ("a copy", "a pickle", "eval()")
        return
    if (name, first) in OF_ITS_OWN:
        net(X[::-1])  # a pass of the network itself: backward belongs to the last one
        expected = [expected[0], net.backward(normal(y.shape, 1))]
        expected += [p.grad for p in model.parameters()]
    same([y, dx, *(p.grad for p in model.parameters())], expected)
    if "evaluation" in name or name in ("summary", "gradcheck", "a copy"):
        for key, array in model.state_dict().items():
            np.testing.assert_array_equal(array, statistics[key])


@pytest.mark.parametrize("compiled", [False, True])
def test_evaluation_between_forward_and_backward_takes_nothing_away(compiled):
    model = network()
    net = tn.compile(model) if compiled else model
    expected = run(copy.deepcopy(net))
    y = net(X)
    probabilities = tn.predict_proba(net, X[:2])
    tn.evaluate(model, X[:2], np.array([0, 1]))
    same([y, net.backward(normal(y.shape, 1)), *(p.grad for p in net.parameters())], expected)
    np.testing.assert_allclose(probabilities, tn.predict_proba(model, X[:2]), atol=1e-5)


class Keeps(tn.Layer):
    """y = x², with x kept as many would keep it: without save."""

    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, dy):
        return 2 * self.x * dy


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("between", ["evaluation", "another network"])
def test_a_layer_that_keeps_what_it_needs_by_itself(between, compiled):
    model = network()
    model.layers.insert(1, Keeps())
    net = tn.compile(model) if compiled else model
    other = tn.Sequential(model[1], tn.Flatten())
    run(net)
    y = net(X)
    if between == "evaluation":
        tn.predict_proba(model, X[::-1])
    else:
        other(normal((4, 4, 8, 8)))
    with pytest.raises(RuntimeError, match=r"another came between, through Keeps\(\)"):
        net.backward(y)
    assert not isinstance(run(net), str)


def test_layers_called_one_by_one_can_go_back_together():
    model, x = network(), X
    expected = run(copy.deepcopy(model))
    for layer in model:
        x = layer(x)
    same([x, model.backward(normal(x.shape, 1)), *(p.grad for p in model.parameters())], expected)


def test_a_network_within_itself_is_refused_and_usable_after():
    for compiled in (False, True):
        model = network()
        own = Own()
        model.layers.insert(1, own)
        net = tn.compile(model) if compiled else model
        own.network, own.forward_does = (lambda net=net: net), "calls its network"
        with pytest.raises(RuntimeError, match="called again from inside its own pass"):
            net(X)
        own.forward_does = None
        assert not isinstance(run(net), str)


def test_an_interrupt_in_a_pass_leaves_the_network_usable():
    class Interrupting(tn.Layer):
        def forward(self, x):
            raise KeyboardInterrupt

    for compiled in (False, True):
        model = network()
        state = model.state_dict()
        net = tn.compile(model) if compiled else model
        model.layers.append(Interrupting())
        with pytest.raises(KeyboardInterrupt):
            net(X)
        for key, array in model.state_dict().items():
            np.testing.assert_array_equal(array, state[key])
        model.layers.pop()
        assert not isinstance(run(net), str)


def test_a_pass_that_never_came_to_its_end_is_forgotten():
    """An interrupt can fall between two steps of Python, so that no __exit__ runs."""
    model = network()

    def broken_off():
        passes.Pass(model).__enter__()

    broken_off()
    assert len(passes._running) == 1
    assert not isinstance(run(model), str)
    assert passes._running == []


# -- several threads --


def in_threads(*functions):
    """Run them at once; [result or exception]."""
    results, barrier = [None] * len(functions), threading.Barrier(len(functions))

    def work(i):
        barrier.wait()
        try:
            results[i] = functions[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


class Slow(tn.Layer):
    """Lets other threads run in the middle of a pass, and keeps x in between, as many would."""

    def time(self):
        threading.Event().wait(0.002)

    def forward(self, x):
        self.x = x
        self.time()
        return np.array(self.x)

    def backward(self, dy):
        return dy.copy()


@needs_threads
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_threads_that_evaluate_get_right_answers(compiled, training):
    model = network()
    model.layers.insert(3, Slow())
    model.train(training)
    net = tn.compile(model) if compiled else model
    parts = [normal((n, 2, 8, 8), n) for n in (1, 5, 7, 3)]
    right = [tn.predict_proba(net, x, batch_size=4) for x in parts]
    before = model.state_dict()
    for _ in range(3):
        answers = in_threads(*(lambda x=x: tn.predict_proba(net, x, batch_size=4) for x in parts))
        for answer, expected in zip(answers, right, strict=True):
            np.testing.assert_array_equal(answer, expected)
    assert all(layer.training == training for _, layer in model.named_layers())
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


@needs_threads
@pytest.mark.parametrize("compiled", [False, True])
def test_forward_in_evaluation_mode_from_threads(compiled):
    model = network().eval()
    model.layers.insert(3, Slow())
    nets = [tn.compile(model), tn.compile(model), model, model] if compiled else [model] * 4
    parts = [normal((n, 2, 8, 8), n) for n in (1, 5, 7, 3)]
    right = [model(x) for x in parts]
    answers = in_threads(*(lambda n=n, x=x: n(x) for n, x in zip(nets, parts, strict=True)))
    for answer, expected in zip(answers, right, strict=True):
        np.testing.assert_allclose(answer, expected, atol=1e-5)


@needs_threads
@pytest.mark.parametrize("compiled", [False, True])
def test_a_second_thread_that_trains_is_refused(compiled):
    refused = threading.Semaphore(0)
    slow, model = Slow(), network()
    slow.time = lambda: refused.acquire(timeout=30) and refused.acquire(timeout=30)  # both others
    model.layers.insert(3, slow)
    net = tn.compile(model) if compiled else model

    def train():
        try:
            return net(X)
        except RuntimeError as error:
            refused.release()
            return error

    answers = in_threads(train, train, train)
    del slow.time
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    assert len(errors) == 2
    assert all("another thread is training these layers" in str(error) for error in errors)
    assert model[2].num_batches_tracked == 1
    assert not isinstance(run(net), str)  # afterwards it is anyone's


@needs_threads
@pytest.mark.parametrize("compiled", [False, True])
def test_training_goes_on_while_others_evaluate(compiled):
    model = network()
    alone, net = copy.deepcopy(model), tn.compile(model) if compiled else model

    def train(net):
        optimizer = tn.SGD(net.parameters(), 0.1)
        for _ in range(5):
            y = net(X)
            net.backward(normal(y.shape, 1))
            optimizer.step()

    train(tn.compile(alone) if compiled else alone)

    def ask():
        return [tn.predict_proba(net, X) for _ in range(20)]

    assert not any(isinstance(a, Exception) for a in in_threads(lambda: train(net), ask, ask))
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, alone.state_dict()[key])


@needs_threads
def test_backward_in_another_thread_is_refused():
    for net in (network(), tn.compile(network()), tn.Conv2d(2, 3, 3, rng=0)):
        y = net(X)
        (answer,) = in_threads(lambda net=net, y=y: net.backward(y))
        assert isinstance(answer, RuntimeError) and "another thread" in str(answer)


@needs_threads
def test_eight_threads_evaluate_while_layers_are_swapped():
    model = network().eval()
    fast = tn.compile(model)
    heads = [tn.Conv2d(4, 3, 3, rng=0).eval(), tn.Conv2d(4, 5, 3, rng=1).eval()]
    right = []
    for head in heads:
        model.layers[4] = head
        right.append(model(X))
    stop = threading.Event()

    def ask(net):
        answers = []
        while not stop.is_set():
            answers.append(net(X))
        return answers

    def swap():
        for i in range(300):
            model.layers[4] = heads[i % 2]
        stop.set()

    results = in_threads(swap, *(lambda net=net: ask(net) for net in [model, fast] * 4))
    for answers in results[1:]:
        assert not isinstance(answers, Exception), answers
        for y in answers:
            (expected,) = (r for r in right if r.shape == y.shape)
            np.testing.assert_allclose(y, expected, atol=1e-4)


@needs_threads
def test_a_layer_that_waits_for_its_own_parts_elsewhere_is_told(monkeypatch):
    monkeypatch.setattr("tinynet.passes.LONGEST", 0.2)

    class Branches(tn.Layer):
        def __init__(self):
            self.parts = [tn.Sequential(conv()), tn.Sequential(conv(1))]

        def forward(self, x):
            answers = in_threads(*(lambda part=part: part(x) for part in self.parts))
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            return sum(answers)

    model = tn.Sequential(Branches())
    with pytest.raises(RuntimeError, match="another thread is training these layers"):
        model(X)
    with pytest.raises(RuntimeError, match="may not wait for threads that run its own parts"):
        model.eval()(X)
    assert model[0].parts[0](X).shape == X.shape


@needs_threads
def test_loading_weights_waits_for_a_pass():
    model = network().eval()
    other = network().eval()
    for p in other.parameters():
        p.data *= 2
    states = [model.state_dict(), other.state_dict()]
    right = []
    for state in states:
        model.load_state_dict(state)
        right.append(model(X))
    stop = threading.Event()

    def load():
        for i in range(100):
            model.load_state_dict(states[i % 2])
        stop.set()

    def ask():
        answers = []
        while not stop.is_set():
            answers.append(model(X))
        return answers

    _, *results = in_threads(load, ask, ask)
    for answers in results:
        assert not isinstance(answers, Exception)
        assert all(any(np.allclose(y, r, atol=1e-5) for r in right) for y in answers)


# -- parts of a layer --


def conv(seed=0):
    return tn.Conv2d(2, 2, 1, rng=seed)


class Block(tn.Layer):
    """Runs what it is given, in order; `hold` says where it keeps that."""

    def __init__(self, hold, parts):
        hold(self, parts)
        self.order = lambda: parts

    def forward(self, x):
        for part in self.order():
            x = part(x)
        self.save(x)
        return x

    def backward(self, dy):
        self.saved(dy)
        for part in reversed(self.order()):
            dy = part.backward(dy)
        return dy


class Holder:
    def __init__(self, parts):
        self.inside = parts


FOUND = {
    "a list": (lambda self, p: setattr(self, "parts", list(p)), ["parts.0", "parts.1"]),
    "a tuple": (lambda self, p: setattr(self, "parts", tuple(p)), ["parts.0", "parts.1"]),
    "a dict": (
        lambda self, p: setattr(self, "parts", {"a": p[0], "b": p[1]}),
        ["parts.a", "parts.b"],
    ),
    "a dict of ints": (
        lambda self, p: setattr(self, "parts", dict(enumerate(p, 5))),
        ["parts.5", "parts.6"],
    ),
    "lists in a dict": (
        lambda self, p: setattr(self, "parts", {"a": [p[0]], "b": (None, [p[1]])}),
        ["parts.a.0", "parts.b.1.0"],
    ),
    "a named tuple": (
        lambda self, p: setattr(self, "parts", collections.namedtuple("P", "a b")(*p)),
        ["parts.0", "parts.1"],
    ),
    "an ordered dict": (
        lambda self, p: setattr(self, "parts", collections.OrderedDict(a=p[0], b=p[1])),
        ["parts.a", "parts.b"],
    ),
    "attributes": (lambda self, p: vars(self).update(a=p[0], b=p[1]), ["a", "b"]),
    "attributes and a list of the same": (
        lambda self, p: vars(self).update(a=p[0], b=p[1], parts=[p[0], p[1]]),
        ["a", "b"],
    ),
    "a Sequential in a list": (
        lambda self, p: setattr(self, "parts", [tn.Sequential(*p)]),
        ["parts.0.0", "parts.0.1"],
    ),
    "a list beside other things": (
        lambda self, p: setattr(self, "parts", [1, "two", None, np.zeros(3), *p]),
        ["parts.4", "parts.5"],
    ),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", FOUND)
def test_parts_are_found_trained_saved_counted_checked_and_switched(name, compiled, tmp_path):
    hold, names = FOUND[name]
    block = Block(hold, [conv(), tn.BatchNorm2d(2)])
    model = tn.Sequential(block, tn.Flatten(), tn.Linear(128, 10, rng=0))
    net = tn.compile(model) if compiled else model
    own = [f"0.{names[0]}.weight", f"0.{names[0]}.bias", f"0.{names[1]}.weight"]
    assert list(net.state_dict())[:3] == own
    assert tn.summary(net, (2, 8, 8)).total_params == 6 + 4 + 1290
    before = net.state_dict()
    x, y = normal((64, 2, 8, 8)), np.arange(64) % 10
    tn.fit(net, x, y, epochs=1, batch_size=16, progress=False)
    after = net.state_dict()
    weights = own[::2]  # the gradient of a bias before a BatchNorm is rounding, or 0
    assert not any(np.array_equal(before[key], after[key]) for key in weights)
    tn.evaluate(net, x, y)
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, after[key])
    assert not net.eval().parameters() == [] and not block.order()[1].training
    tn.save(net, tmp_path / "w.npz")
    other = copy.deepcopy(net)
    for p in other.parameters():
        p.data[...] = 0
    tn.load(other, tmp_path / "w.npz")
    for key, array in other.state_dict().items():
        np.testing.assert_array_equal(array, after[key])
    checked = [a.name for a in tn.gradcheck(model.train(), x[:2], max_exact=5).arrays]
    assert set(own) <= set(checked)


class Weights(tn.Layer):
    """y = Σ w·x, with its Parameters wherever `hold` keeps them."""

    def __init__(self, hold):
        weights = [tn.Parameter(np.full(1, w, np.float32)) for w in (1.0, 2.0)]
        self.all = lambda: weights
        hold(self, self.all())

    def forward(self, x):
        self.save(x, x)
        return sum(w.data.astype(x.dtype) for w in self.all()) * x

    def backward(self, dy):
        (x,) = self.saved(dy)
        for w in self.all():
            w.grad = np.array([(dy * x).sum()], w.data.dtype)
        return sum(w.data.astype(dy.dtype) for w in self.all()) * dy


@pytest.mark.parametrize("name", list(FOUND)[:8])
def test_parameters_are_found_as_layers_are(name):
    hold, names = FOUND[name]
    layer = Weights(hold)
    assert [n for n, _ in layer.named_parameters()] == names
    tn.gradcheck(tn.Sequential(layer), X)


HIDDEN = {
    "a set": lambda p: set(p),
    "a frozen set": lambda p: frozenset(p),
    "a deque": lambda p: collections.deque(p),
    "an array of objects": lambda p: np.array([*p, None], dtype=object),
    "an object": lambda p: Holder(p),
    "an object in a list": lambda p: [Holder(p[0])],
    "a set in a dict": lambda p: {"a": set(p)},
    "a namespace": lambda p: types.SimpleNamespace(a=p[0], b=p[1]),
    "a UserDict": lambda p: collections.UserDict(enumerate(p)),
    "a list in itself": lambda p: (lambda inner: inner.append(inner) or inner)(list(p)),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", HIDDEN)
def test_parts_that_cannot_be_found_are_refused(name, compiled):
    for layer in (
        Block(lambda self, p: setattr(self, "parts", HIDDEN[name](p)), [conv(), tn.ReLU()]),
        Weights(lambda self, p: setattr(self, "parts", HIDDEN[name](p))),
    ):
        model = tn.Sequential(layer, tn.Flatten())
        with pytest.raises((TypeError, ValueError), match=r"\w+\.parts[.:]"):
            (tn.compile(model) if compiled else model)(X)
        with pytest.raises((TypeError, ValueError), match=r"\.parts[.:]"):
            model.state_dict()
        with pytest.raises((TypeError, ValueError), match=r"\.parts[.:]"):
            tn.SGD(model.parameters(), 0.1)


def test_an_object_may_hold_parts_that_are_found_elsewhere():
    class Keeper(tn.Layer):
        def __init__(self):
            self.optimizer = tn.SGD(conv().parameters(), 0.1)  # replaced below
            self.parts = [tn.Sequential(conv(), Block(lambda *_: None, [tn.ReLU()])), conv(1)]
            self.names = {part: i for i, part in enumerate(self.parts)}  # as keys: no parts
            self.optimizer = tn.SGD([p for part in self.parts for p in part.parameters()], 0.1)
            self.holder = Holder([self, self.parts[0][0]])

        def forward(self, x):
            return self.parts[1](self.parts[0][0](x))

    layer = Keeper()
    assert [n for n, _ in layer.named_parameters()] == [
        "parts.0.0.weight", "parts.0.0.bias", "parts.1.weight", "parts.1.bias",
    ]  # fmt: skip
    tn.Sequential(layer)(X)
    layer.holder.inside.append(conv(2))
    with pytest.raises(TypeError, match=r"Keeper\.holder: holds a Conv2d in a Holder"):
        layer.parameters()


LAYER = conv(7)


def made_in_forward(self, x):
    if not hasattr(self, "conv"):
        self.conv = conv()
    return self.conv(x)


def parameter_in_forward(self, x):
    if not hasattr(self, "w"):
        self.w = tn.Parameter(np.ones(1, np.float32))
    return x * self.w.data


USES = {
    "a layer made in forward": (made_in_forward, "make it in __init__|does not hold it"),
    "a Parameter made in forward": (parameter_in_forward, "make it in __init__"),
    "a layer of the module": (lambda self, x: LAYER(x), "does not hold it"),
    "its forward": (lambda self, x: LAYER.forward(x), "does not hold it"),
    "a new layer each time": (lambda self, x: conv()(x), "does not hold it"),
    "a new network each time": (lambda self, x: tn.Sequential(conv())(x), "does not hold it"),
    "a BatchNorm of the module": (lambda self, x: NORM(x), "does not hold it"),
}
NORM = tn.BatchNorm2d(2)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", USES)
def test_what_forward_uses_has_to_be_held(name, compiled):
    forward, message = USES[name]

    class Uses(tn.Layer):
        def forward(self, x):
            return forward(self, x)

    model = tn.Sequential(Uses(), tn.Flatten())
    with pytest.raises(TypeError, match=message):
        (tn.compile(model) if compiled else model)(X)
    with pytest.raises(TypeError, match=message):
        Uses()(X)
    with pytest.raises(TypeError, match=message):
        tn.gradcheck(Uses(), X)
    with pytest.raises(TypeError, match=message):
        layers = Uses(), tn.Flatten(), tn.Linear(128, 4, rng=0)
        tn.fit(tn.Sequential(*layers), X, np.array([0, 1, 2, 3]), progress=False)


def test_layers_without_parameters_may_come_from_anywhere():
    class Activated(tn.Layer):
        def forward(self, x):
            y = tn.ReLU()(x)
            self.save(y)
            return y

        def backward(self, dy):
            self.saved(dy)
            return dy

    assert tn.Sequential(Activated())(X).min() == 0


def test_a_reference_to_the_parent_is_refused_and_a_weak_one_is_not():
    parent, child = tn.Layer(), tn.Layer()
    parent.child, child.parent = child, parent
    for use in (parent.parameters, parent.state_dict, parent.eval, lambda: tn.compile(parent)):
        with pytest.raises(ValueError, match=r"child\.parent is a layer around it.*weakref"):
            use()
    child.parent = weakref.ref(parent)
    assert parent.parameters() == []
    for model in (network(), tn.Sequential(tn.ReLU())):
        model.layers.insert(0, tn.Sequential(model))
        with pytest.raises(ValueError, match="is a layer around it"):
            model(X)


def test_attributes_of_a_sequential_of_ones_own():
    class Net(tn.Sequential):
        def __init__(self):
            super().__init__(conv())
            self.extra = [conv(1)]

    assert [name for name, _ in Net().named_parameters()] == [
        "0.weight", "0.bias", "extra.0.weight", "extra.0.bias",
    ]  # fmt: skip


def test_names_that_clash_are_refused():
    layer = tn.Layer()
    layer.parts = {1: conv(), "1": conv()}
    with pytest.raises(ValueError, match=r"two of its parts are called 'parts\.1'"):
        layer.state_dict()


def test_a_buffer_that_is_not_there_is_named():
    class Counting(tn.Layer):
        buffer_names = ("count",)

        def forward(self, x):
            self.count = np.zeros(())
            return x

    with pytest.raises(TypeError, match="expected the buffer count, .* made in __init__, got None"):
        tn.Sequential(Counting())(X)


# -- copies, fine-tuning --


@pytest.mark.parametrize("compiled", [False, True])
def test_copies_and_pickles_are_the_weights(compiled):
    model = network()
    net = tn.compile(model) if compiled else model
    fresh = len(pickle.dumps(net))
    y = net(X)
    net.backward(y)
    net(np.repeat(X, 50, 0))
    assert abs(len(pickle.dumps(net)) - fresh) < 200
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert all(p.grad is None for p in copy.deepcopy(net).parameters())
        with pytest.raises(RuntimeError, match="without a forward"):
            other.backward(y)
        np.testing.assert_allclose(other.eval()(X), net.eval()(X), atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_frozen_stays_as_it_is(compiled):
    model = network()
    model[:3].freeze()
    net = tn.compile(model) if compiled else model
    before = model.state_dict()
    net.train()
    assert [layer.training for layer in model] == [False] * 3 + [True] * 4
    y = net(X)
    net.backward_parameters(normal(y.shape, 1))
    assert model[0].weight.grad is None  # the backward pass ended before it
    expected = model[4].weight.grad.copy()
    net(X)
    net.backward(normal(y.shape, 1))
    np.testing.assert_array_equal(model[4].weight.grad, expected)
    tn.SGD(net.parameters(), 0.1, weight_decay=0.1).step()
    for key, array in model.state_dict().items():
        assert np.array_equal(array, before[key]) == (not key.startswith("4."))
    model[:3].freeze(False)
    assert all(layer.training for layer in model)
    assert all(p.requires_grad for p in model.parameters())
    model.freeze()
    net(X)
    net.backward_parameters(normal(y.shape, 1))  # nothing to do


def test_single_parameters_can_be_left_out():
    model = network()
    model[0].bias.requires_grad = False
    assert copy.deepcopy(model)[0].bias.requires_grad is False
    bias = model[0].bias.data.copy()
    model.backward_parameters(model(X))
    tn.SGD(model.parameters(), 0.1).step()
    np.testing.assert_array_equal(model[0].bias.data, bias)


def test_parameters_are_floats():
    assert tn.Parameter([1.0, 2.0]).data.dtype == np.float64
    assert repr(tn.Parameter([1.0, 2.0])) == "Parameter(2,)"
    for data in (
        [1, 2],
        np.arange(3),
        np.ones(2, np.float16),
        "w",
        None,
        [1j],
        [[1.0], [1.0, 2.0]],
    ):
        with pytest.raises((TypeError, ValueError)):
            tn.Parameter(data)


INPUTS = {
    "a list": [[1.0]], "None": None, "an int array": np.ones((1, 2, 8, 8), int),
    "float16": X.astype(np.float16), "other bytes": X.astype(">f4"), "a masked array":
    np.ma.masked_less(X, 0), "no images": X[:0], "no columns": X[..., :0], "three axes": X[0],
    "a scalar": np.float32(1), "no axes": np.array(1, np.float32), "objects": X.astype(object),
    "complex": X.astype(complex), "too small": X[..., :3, :3], "other channels": X[:, :1],
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_are_refused_alike(name):
    model = network()
    fast = tn.compile(copy.deepcopy(model))
    errors = [run(net, INPUTS[name]) for net in (model, fast, fast)]
    assert isinstance(errors[0], str) and errors[0] == errors[1] == errors[2]


@pytest.mark.parametrize(
    "x", [X[:0], X[..., :0], np.array(1, np.float32), X.astype(">f4"), np.asfortranarray(X)]
)
def test_a_network_of_relus_takes_any_shape(x):
    model = tn.Sequential(tn.ReLU())
    assert isinstance(run(model, x), str) == isinstance(run(tn.compile(model), x), str)
    if not isinstance(run(model, x), str):
        same(run(tn.compile(model), x), run(model, x))


def test_a_buffer_that_is_no_array_is_refused_before_kernels_are_prepared():
    class Counting(tn.Layer):
        buffer_names = ("count",)

    with pytest.raises(TypeError, match="Counting: expected the buffer count, which buffer_names"):
        tn.compile(tn.Sequential(tn.ReLU(), Counting()))

"""The page where one draws a digit, in a real browser: Chromium without a window.

Needs Chromium and its driver (Debian: apt-get install chromium chromium-driver) and Selenium
(pip install selenium). Without them these tests are skipped. TINYNET_SCREENSHOTS names a folder
for pictures.
"""

import base64
import json
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from glyphs import GLYPHS

import tinynet as tn
from tinynet.datasets.idx import read_idx
from tinynet.train import as_input

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import draw
from parts.draw_page.ink import digit_of
from parts.draw_page.keep import Kept
from parts.draw_page.look import Look

pytestmark = pytest.mark.slow

OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
PATIENCE = 30  # seconds to wait for what takes milliseconds on an idle machine


def start_browser(profile):
    """A WebDriver, or a sentence that says what is missing."""
    try:
        from selenium import webdriver
    except ImportError:
        return "Selenium is not installed: pip install selenium"
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not (binary and driver):
        return "no Chromium with its driver: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in [*OPTIONS, f"--user-data-dir={profile}"]:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


class RecordingLook(Look):
    """Keeps the last question, so that a test can work out the answer on its own."""

    def answer(self, asked):
        answer = super().answer(asked)
        self.asked = asked
        return answer


@pytest.fixture(scope="module")
def server():
    server = draw.Server(0, RecordingLook())
    server.look.mistakes.find(batch_size=100)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = start_browser(tmp_path_factory.mktemp("profile"))
    if isinstance(browser, str):
        pytest.skip(browser)
    yield browser
    browser.quit()


@pytest.fixture
def page(browser, server):
    """A fresh page; afterwards: no error in the console, no request to anywhere but the server."""
    page = Page(browser, server)
    page.set_window(1280, 800)
    page.set_theme("light")
    page.open()
    yield page
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert not complaints
    for message in browser.get_log("performance"):
        event = json.loads(message["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            assert event["params"]["request"]["url"].startswith(page.address)


class Page:
    """What a test does with the page, and what it reads from it."""

    def __init__(self, browser, server):
        self.browser, self.server = browser, server
        self.address = f"http://127.0.0.1:{server.port}/"

    def open(self):
        self.browser.get_log("performance")  # what came before is not this page's
        self.browser.get(self.address)
        self.wait(lambda: len(self.all(".layer")) == 27)

    def wait(self, condition):
        """What the condition gives, once it holds; asks the page again and again."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < deadline, "the page did not get there"
            time.sleep(0.02)
        return value

    def js(self, code, *arguments):
        return self.browser.execute_script(code, *arguments)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def one(self, selector):
        return self.browser.find_element("css selector", selector)

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def cdp(self, command, **arguments):
        return self.browser.execute_cdp_cmd(command, arguments)

    def set_window(self, width, height, mobile=False):
        size = dict(width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.cdp("Emulation.setDeviceMetricsOverride", **size)

    def set_theme(self, theme, motion="no-preference"):
        features = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def draw(self, strokes, kind="mouse"):
        """Move a real pointer along the strokes, in parts of the pad."""
        from selenium.webdriver.common.action_chains import ActionBuilder
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        self.js("window.scrollTo(0, 0)")
        box = self.js("return document.getElementById('pad').getBoundingClientRect().toJSON()")
        pointer = PointerInput(kind, kind)
        actions = ActionBuilder(self.browser, mouse=pointer, duration=0)
        for stroke in strokes:
            for i, (x, y) in enumerate(stroke):
                x, y = box["left"] + x * box["width"], box["top"] + y * box["height"]
                actions.pointer_action.move_to_location(round(x), round(y))
                if i == 0:
                    actions.pointer_action.pointer_down()
            actions.pointer_action.pointer_up()
        actions.perform()

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser, duration=0).send_keys(*keys).perform()

    def tab_to(self, selector):
        """Press Tab until the element has the focus, as a reader without a mouse does."""
        for _ in range(60):
            if self.js("return document.activeElement.matches(arguments[0])", selector):
                return
            self.press("\ue004")
        raise AssertionError(f"{selector} cannot be reached with Tab")

    def drawing(self):
        """The image that the network was last given, and Python's probabilities of it."""
        drawing = self.server.look.asked["drawing"]
        if "strokes" in drawing:
            image = digit_of([np.array(stroke, float) for stroke in drawing["strokes"]])
        else:
            image = self.server.look.x[drawing["digit"]]
        model = tn.models.mnist_lite(pretrained=True)
        return image, tn.predict_proba(model, image[None])[0]

    def shown_probabilities(self):
        texts = self.js(
            "return [...document.querySelectorAll('#probabilities .number')].map("
            "  (e) => e.textContent)"  # which is there while blank paper hides it
        )
        return [number(text.rstrip(" %")) / 100 for text in texts]

    def settled(self):
        """Wait until what is shown is what Python computes of the drawing; its probabilities."""

        def agrees():
            shown, (_, expected) = self.shown_probabilities(), self.drawing()
            return np.abs(np.array(shown) - expected).max() <= 0.5001e-4 and [*expected]

        return self.wait(agrees)

    def explained(self):
        """Wait for an explanation of the pixel asked for; (layer, channel, row, column)."""
        names = ("layer", "channel", "row", "column")

        def matches():
            asked = self.server.look.asked["pixel"]
            place = asked and tuple(asked[name] for name in names)
            axes = 1 if place and place[0] >= 25 else 3  # logits have no rows and columns
            index = f"[{', '.join(map(str, place[1 : 1 + axes]))}]" if place else ""
            return place and index in self.text("#explanation-title") and place

        return self.wait(matches)

    def forward(self):
        """[what each layer gives for the drawing], computed here."""
        model = tn.models.mnist_lite(pretrained=True).eval()
        maps = [as_input(self.drawing()[0][None])]
        for layer in model:
            maps.append(layer(maps[-1]))
        return model, maps

    def pixels(self, canvas):
        """(h, w, 4) uint8: what is painted on a canvas."""
        values = self.js(
            "const c = arguments[0], copy = document.createElement('canvas');"
            "[copy.width, copy.height] = [c.width, c.height];"
            "const context = copy.getContext('2d');"
            "context.drawImage(c, 0, 0);"
            "return [...context.getImageData(0, 0, c.width, c.height).data];",
            canvas,
        )
        height = canvas.get_property("height")
        return np.array(values, np.uint8).reshape(height, -1, 4)

    def screenshot(self, name):
        folder = os.environ.get("TINYNET_SCREENSHOTS")
        if folder:
            time.sleep(0.3)
            data = self.cdp("Page.captureScreenshot")["data"]
            (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(data))


def number(text):
    return float(text.replace("−", "-"))


def numbers(text):
    return [number(x) for x in re.findall(r"−?\d+\.\d+(?:e[+−]?\d+)?", text)]


def shown(value, text, decimals):
    """Whether a text shows a value with this many decimals, rounded."""
    rounded = 0.5001 * 10.0**-decimals
    return abs(number(text) - value) <= max(rounded, 0.06 * abs(value) * ("e" in text))


# -- drawing --


@pytest.mark.parametrize("k", GLYPHS)
def test_drawing_a_digit_gives_that_digit(page, k):
    page.draw(GLYPHS[k])
    page.wait(lambda: page.text("#answer") == str(k))
    probabilities = page.settled()
    assert np.argmax(probabilities) == k
    assert page.text("#probabilities .best").startswith(str(k))
    assert f"{probabilities[k]:.2%}".replace("%", " %") in page.text("#truth")
    assert len(page.server.look.asked["drawing"]["strokes"]) == len(GLYPHS[k])


@pytest.mark.parametrize("kind", ["pen", "touch"])
def test_pen_and_finger_draw_as_well(page, kind):
    page.draw(GLYPHS[3], kind)
    page.wait(lambda: page.text("#answer") == "3")
    page.settled()


def test_the_preview_is_what_the_network_gets(page):
    page.draw(GLYPHS[2])
    page.settled()
    pixels = page.pixels(page.one("#preview"))
    scale = len(pixels) // 28
    grey = pixels[scale // 2 :: scale, scale // 2 :: scale, 0].ravel()  # the middle of each pixel
    image = page.drawing()[0]
    red = np.interp(image.ravel(), [0, 255], [grey[0], grey.min()])  # paper to ink
    assert np.abs(red - grey).max() <= 1


def test_undo_and_clear(page):
    page.draw(GLYPHS[4])
    page.wait(lambda: page.text("#answer") == "4")
    page.one("#undo").click()
    page.wait(lambda: len(page.server.look.asked["drawing"]["strokes"]) == 1)
    page.settled()
    page.one("#clear").click()
    page.wait(lambda: page.text("#answer") == "–")
    assert page.one("#hint").is_displayed()
    page.one("#undo").click()  # what was cleared comes back
    page.wait(lambda: len(page.server.look.asked["drawing"].get("strokes", [])) == 1)
    page.one("#undo").click()
    page.wait(lambda: page.text("#answer") == "–")


def test_loading_test_digits(page):
    field = page.one("#digit")
    field.clear()
    field.send_keys("1234\n")
    page.wait(lambda: "Test digit 1234" in page.text("#truth"))
    page.settled()
    label = page.server.look.y[1234]
    assert f"labelled {label}: read right" in page.text("#truth")
    page.one("#misread").click()
    wrong = [index for index, *_ in page.server.look.mistakes.found]
    following = next(i for i in wrong if i > 1234)
    page.wait(lambda: f"Test digit {following}" in page.text("#truth"))
    assert "read wrong" in page.text("#truth")
    page.one("#random").click()
    page.wait(lambda: f"Test digit {following}" not in page.text("#truth"))
    page.settled()
    page.draw(GLYPHS[1])  # on a test digit, begins a new drawing
    page.wait(lambda: page.text("#answer") == "1" and "read with" in page.text("#truth"))
    assert len(page.server.look.asked["drawing"]["strokes"]) == 1


def test_a_wrong_index_is_refused_by_the_page(page):
    field = page.one("#digit")
    field.clear()
    field.send_keys("10000\n")
    assert page.js("return !document.getElementById('digit').checkValidity()")
    assert not page.text("#truth").startswith("Test digit")


def test_what_the_server_says_is_wrong_is_shown(page):
    page.server.look.mistakes.found, found = [], page.server.look.mistakes.found
    try:
        page.one("#misread").click()
        page.wait(lambda: "no mistake is among them" in page.text("#error"))
        assert page.one("#error").get_attribute("role") == "alert"
    finally:
        page.server.look.mistakes.found = found
    page.draw(GLYPHS[0])  # and the page goes on
    page.wait(lambda: page.text("#answer") == "0" and not page.text("#error"))
    # Chromium itself notes an answer of 400
    (complaint,) = page.browser.get_log("browser")
    assert "400 (Bad Request)" in complaint["message"]


def test_the_nearest_mistakes_can_be_loaded(page):
    page.draw(GLYPHS[9])
    page.settled()
    answer = page.server.look.answer(page.server.look.asked)
    nearest = answer["mistakes"]["nearest"]
    assert "reads 38 of the 10,000 test digits wrongly" in page.text("#mistakes-text")
    buttons = page.all(".mistake")
    assert len(buttons) == len(nearest)
    for button, mistake in zip(buttons, nearest, strict=True):
        assert f"{mistake['label']} read as {mistake['read_as']}" in button.text
        assert f"{mistake['probability']:.2%}".replace("%", " %") in button.text
        assert f"digit {mistake['digit']}" in button.text
        assert f"distance {mistake['distance']:.1f}" in button.text
    buttons[1].click()
    page.wait(lambda: f"Test digit {nearest[1]['digit']}" in page.text("#truth"))


# -- what is inside --


def test_all_layers_are_shown_in_order_with_their_maps(page):
    page.draw(GLYPHS[8])
    page.settled()
    model, maps = page.forward()
    titles = [heading.text for heading in page.all(".layer h3")]
    for i, (layer, y) in enumerate(zip(model, maps[1:], strict=True)):
        assert titles[i].startswith(f"model[{i}]") and str(layer) in titles[i]
        assert " × ".join(map(str, y.shape[1:])) in titles[i]
        assert f"largest {np.abs(y).max():.2f}" in titles[i]
    assert titles[26].startswith("softmax")
    canvases = page.all(".layer > canvas")
    for i in (0, 12, 19, 22, 25):  # many shades, and not one colour
        page.js("arguments[0].scrollIntoView({block: 'center'})", canvases[i])
        page.wait(lambda i=i: len(np.unique(page.pixels(canvases[i])[:, :, :3])) > 20)


@pytest.mark.parametrize("layer", range(27))
def test_a_click_on_a_pixel_shows_how_it_was_made(page, layer):
    from selenium.webdriver.common.action_chains import ActionChains

    page.draw(GLYPHS[5])
    page.settled()
    model, maps = page.forward()
    canvas = page.all(".layer > canvas")[layer]
    page.js("arguments[0].scrollIntoView({block: 'center'})", canvas)
    width, height = canvas.size["width"], canvas.size["height"]
    gap, shape = 6, [*maps[layer + 1].shape[1:], 1, 1][:3] if layer < 26 else (10, 1, 1)
    side = width / shape[0] - gap
    assert side == height - gap  # all maps are in one row, half a gap from the edge
    x, y = gap / 2 + 3 * (side + gap) + int(0.4 * side), gap / 2 + int(0.55 * side)  # the fourth
    # the offset is counted from the middle
    move = ActionChains(page.browser, duration=0).move_to_element_with_offset(
        canvas, int(x - width // 2), int(y - height // 2)
    )
    move.click().perform()
    i, channel, row, column = page.explained()
    scale = side / shape[1]
    assert (i, channel) == (layer, 3)
    assert (row, column) == (int(0.55 * side) // scale, int(0.4 * side) // scale)
    outputs = [*(m[0] for m in maps[1:]), tn.loss.softmax(maps[-1])[0]]
    value = float(np.ravel(outputs[i])[flat(outputs[i].shape, channel, row, column)])
    assert shown(value, page.text("#explanation-title .value"), 4)
    CHECKS[type(model[i]) if i < 26 else "softmax"](page, i, channel, row, column, value)


def flat(shape, channel, row, column):
    return np.ravel_multi_index((channel, row, column), (*shape, 1, 1)[:3])


def cells(element):
    """The numbers of a table of numbers, as texts, row by row."""
    return [td.text for td in element.find_elements("css selector", "td")]


def check_convolution(page, i, channel, row, column, value):
    model, maps = page.forward()
    layer, x = model[i], maps[i][0]
    (ph, pw), weights = layer.padding, layer.weight.data[channel]
    framed = np.pad(x, ((0, 0), (ph, ph), (pw, pw)))
    patches = framed[:, row : row + 3, column : column + 3]
    figures = page.all(".working .channel")
    assert len(figures) == len(x)
    for figure, patch, weight in zip(figures, patches, weights, strict=True):
        tables = figure.find_elements("css selector", "table")
        for table, array in zip(tables, (patch, weight, patch * weight), strict=True):
            for text, number in zip(cells(table), array.ravel(), strict=True):
                assert shown(number, text, 3 if abs(number) < 9.99 else 2)
        part = figure.find_element("css selector", ".part").text
        assert shown((patch * weight).sum(), part, 3)
    products = float((patches.astype(float) * weights).sum())
    bias = float(layer.bias.data[channel])
    assert shown(products, page.text(".total .sum"), 3)
    assert shown(bias, page.text(".total .bias"), 4)
    assert shown(value, page.text(".total .value:last-child"), 4)
    assert abs(products + bias - value) < 1e-3  # the sum that made it


def check_pooling(page, i, channel, row, column, value):
    model, maps = page.forward()
    size = model[i].kernel_size[0]
    window = maps[i][0, channel, row * size : (row + 1) * size, column * size : (column + 1) * size]
    texts = cells(page.one(".grid.window"))
    assert all(shown(x, t, 2) for x, t in zip(window.ravel(), texts, strict=True))
    assert shown(value, page.text(".total .value:last-child"), 4)
    if isinstance(model[i], tn.MaxPool2d):
        winner = page.one(".winner").text
        assert winner == texts[int(window.argmax())] and value == window.max()
    else:
        assert shown(window.sum(), page.text(".total .sum"), 3)
        assert abs(window.mean() - value) < 1e-4


def check_steps(page, i, channel, row, column, value):
    model, maps = page.forward()
    results = [cells(tr)[-1] for tr in page.all(".steps tbody tr")]
    assert shown(value, results[-1], 4)
    if i == 26:
        z = maps[-1][0].astype(float)
        powers = np.exp(z - z.max())
        expected = [z[channel], z[channel] - z.max(), powers[channel], value]
    elif isinstance(model[i], tn.BatchNorm2d):
        x, layer = maps[i][0, channel, row, column], model[i]
        centred = x - layer.running_mean[channel]
        normal = centred / np.sqrt(layer.running_var[channel] + layer.eps)
        scaled = normal * layer.weight.data[channel]
        expected = [x, centred, normal, scaled, scaled + layer.bias.data[channel]]
    elif isinstance(model[i], tn.ReLU):
        x = maps[i][0, channel, row, column]
        expected = [x, max(x, 0)]
    else:
        expected = [value]
    assert len(results) == len(expected)
    assert all(shown(x, text, 3) for x, text in zip(expected, results, strict=True))


CHECKS = {
    tn.Conv2d: check_convolution,
    tn.MaxPool2d: check_pooling,
    tn.AvgPool2d: check_pooling,
    "softmax": check_steps,
    tn.BatchNorm2d: check_steps,
    tn.ReLU: check_steps,
    tn.Flatten: check_steps,
}


def test_the_gradient_of_a_class(page):
    page.draw(GLYPHS[7])
    page.settled()
    for of, k in [("logit", ""), ("probability", "3"), ("logit", "9")]:
        page.js(
            "for (const [id, value] of arguments[0]) document.getElementById(id).value = value;"
            "document.getElementById('gradient-form').dispatchEvent(new Event('change'));",
            [["gradient-of", of], ["gradient-class", k]],
        )
        name = f"the {of} of {k or 7}"
        page.wait(lambda name=name: name in page.text("#gradient-text"))
        model, maps = page.forward()
        p = tn.loss.softmax(maps[-1])
        dz = np.eye(10, dtype=np.float32)[[int(k or 7)]]
        if of == "probability":
            dz = p[:, [int(k)]] * (dz - p)
        steepest = np.abs(model.backward(dz)).max() / 0.3081
        text = page.text("#gradient-most")
        assert abs(number(text) - steepest) <= max(0.06 * steepest * ("e" in text), 0.6e-4)
        assert name in page.one("#gradient").get_attribute("aria-label")


def test_blank_paper_is_not_explained(page):
    hidden = ".layer, .pair, .legend, .caution"
    assert page.text("#truth") == "Nothing is drawn yet."
    assert page.one("#start").is_displayed()
    assert not any(element.is_displayed() for element in page.all(hidden))
    page.screenshot("blank")
    page.draw(GLYPHS[2])
    page.wait(lambda: page.text("#answer") == "2")
    assert not page.one("#start").is_displayed()
    assert all(element.is_displayed() for element in page.all(hidden))
    page.screenshot("drawn")
    page.one("#clear").click()
    page.wait(lambda: page.one("#start").is_displayed())


def test_each_kind_of_layer_says_once_what_it_does_and_leads_to_its_lesson(page):
    page.draw(GLYPHS[2])
    page.wait(lambda: page.text("#answer") == "2")
    model = tn.models.mnist_lite()
    kinds = [*dict.fromkeys(type(layer).__name__ for layer in model), "softmax"]
    assert len(page.all(".about")) == len(kinds)
    for link in page.all(".about a"):
        target = link.get_attribute("href")
        page.js(
            "window.text = ''; fetch(arguments[0]).then(async r => text = await r.text())", target
        )
        lesson = page.wait(lambda: page.js("return window.text"))
        assert f"# # {link.text.removeprefix('Lesson ')} · " in lesson


# -- keeping digits --


@pytest.fixture
def keeping(browser, server, tmp_path):
    """A page whose server keeps digits in tmp_path."""
    keeper = draw.Server(0, server.look, Kept(tmp_path))
    thread = threading.Thread(target=keeper.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    page = Page(browser, keeper)
    page.set_theme("light")
    yield page
    keeper.shutdown()
    keeper.server_close()
    thread.join()
    assert not [entry["message"] for entry in browser.get_log("browser")]


def test_without_keep_there_are_no_buttons_for_it(page):
    assert not page.one("#keep").is_displayed()
    page.draw(GLYPHS[3])
    page.wait(lambda: page.text("#answer") == "3")
    page.press("3")
    assert page.text("#answer") == "3"


@pytest.mark.parametrize("width", [390, 1280])
def test_digits_are_kept_by_buttons_and_by_keys(keeping, tmp_path, width):
    page = keeping
    page.set_window(width, 844 if width == 390 else 800, mobile=width == 390)
    page.open()
    page.wait(lambda: page.text("#kept-text") == "0 digits kept to train with.")
    assert page.js("return document.documentElement.scrollWidth") <= width
    page.press("3")  # of blank paper
    page.wait(lambda: page.text("#error") == "Draw a digit first.")
    page.draw(GLYPHS[3])
    page.wait(lambda: page.text("#answer") == "3")
    page.screenshot(f"keep-{width}")
    page.all("#keep-digits button")[3].click()
    page.wait(lambda: page.text("#kept-text") == "Kept as 3. 1 digit kept to train with.")
    page.wait(lambda: page.text("#answer") == "–")  # ready for the next one
    page.draw(GLYPHS[7])
    page.wait(lambda: page.text("#answer") == "7")
    page.press("1")  # what the reader says counts, not what the network reads
    page.wait(lambda: page.text("#kept-text") == "Kept as 1. 2 digits kept to train with.")
    field = page.one("#digit")
    field.send_keys("5")  # typed there, it keeps nothing
    names = [button.accessible_name for button in page.all("#keep-digits button")]
    assert names[:4] == [f"Keep as {k}; {n} are kept" for k, n in enumerate([0, 1, 0, 1])]
    page.draw(GLYPHS[0])
    page.wait(lambda: page.text("#answer") == "0")
    page.press("0")
    page.wait(lambda: "3 digits" in page.text("#kept-text"))
    page.tab_to("#take-back")
    page.press(ENTER)
    page.wait(lambda: page.text("#kept-text") == "Took back a 0. 2 digits kept to train with.")
    for contrast, text in page.js(CONTRASTS):
        assert contrast >= 4.5, text
    images, labels = (
        read_idx(tmp_path / f"train-{name}-ubyte", ndim)
        for name, ndim in (("images-idx3", 3), ("labels-idx1", 1))
    )
    assert labels.tolist() == [3, 1]
    p = tn.predict_proba(tn.models.mnist_lite(pretrained=True), images)
    assert p.argmax(axis=1).tolist() == [3, 7]


# -- for everyone --

DOWN, UP, LEFT, RIGHT = "\ue015", "\ue013", "\ue012", "\ue014"
ENTER, ESCAPE, BACKSPACE, PAGE_DOWN = "\ue007", "\ue00c", "\ue003", "\ue00f"


def test_a_digit_is_drawn_and_inspected_with_the_keyboard_alone(page):
    def said(text):
        page.wait(lambda: text in page.text("#said-place") + page.text("#said-result"))

    page.tab_to("#pad")
    page.press(UP * 9, RIGHT, " ")
    said("Pen down at row 5, column 15")
    page.press(DOWN * 17)
    said("row 22, column 15, pen down")
    page.press(" ")
    page.wait(lambda: page.text("#answer") == "1")
    page.settled()
    assert len(page.server.look.asked["drawing"]["strokes"][0]) == 18
    said("Read as 1")
    page.screenshot("keyboard")

    page.tab_to(".layer > canvas")
    page.press(ENTER)
    assert page.explained() == (0, 0, 14, 14)
    page.press(RIGHT, DOWN, DOWN, PAGE_DOWN)
    page.wait(lambda: page.explained() == (0, 1, 16, 15))
    value = page.forward()[1][1][0, 1, 16, 15]
    assert shown(value, page.text("#explanation-title .value"), 4)
    said("model[0], channel 1, row 16, column 15")
    page.tab_to(".explanation input")
    page.press(UP)
    page.wait(lambda: page.explained() == (0, 2, 16, 15))
    page.press(ESCAPE)
    page.wait(lambda: not page.all(".explanation"))
    assert page.js("return document.activeElement.matches('.layer > canvas')")

    page.browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    page.open()
    page.tab_to("#pad")
    page.press(" ", RIGHT * 3, " ")
    page.wait(lambda: len(page.server.look.asked["drawing"]["strokes"]) == 1)
    page.press(BACKSPACE)
    page.wait(lambda: page.server.look.asked["drawing"]["strokes"] == [])
    page.tab_to("#digit")
    page.press("\ue009a", "\ue000", "77", ENTER)  # all of it, replaced
    page.wait(lambda: "Test digit 77," in page.text("#truth"))
    said("Test digit 77")


def test_everything_has_a_name_and_the_focus_is_seen(page):
    page.draw(GLYPHS[6])
    page.settled()
    for element in page.all("button, input, select, canvas"):
        if element.is_displayed() and not element.get_attribute("aria-hidden"):
            assert element.accessible_name, element.get_attribute("outerHTML")
    assert page.js("return document.documentElement.lang") == "en"
    zoom = page.one("meta[name=viewport]").get_attribute("content")
    assert "maximum-scale" not in zoom and "user-scalable" not in zoom
    for _ in range(12):
        page.press("\ue004")
        style = page.js("return getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid"
    assert page.js("return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")[
        :4
    ] == [1, 2, 2, 2]


# All text that is seen, and its contrast with what is behind it, as WCAG defines it.
CONTRASTS = """
const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) =>
  0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour[3] !== 0) return colour;
  }
  return [255, 255, 255];
};
const out = [];
for (const e of document.body.querySelectorAll("*")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own || !e.checkVisibility()) continue;
  const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))];
  out.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 100)]);
}
return out;
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_small_and_large_in_light_and_in_dark(page, theme, width):
    page.set_window(width, 844 if width == 390 else 800, mobile=width == 390)
    page.set_theme(theme)
    page.open()
    no_scrolling = lambda: page.js("return document.documentElement.scrollWidth") <= width  # noqa: E731
    assert no_scrolling()
    page.draw(GLYPHS[5])
    page.settled()
    page.screenshot(f"{theme}-{width}")
    for i, place in [
        (0, (2, 0, 12)),
        (2, (2, 12, 12)),
        (20, (7, 2, 2)),
        (9, (2, 6, 6)),
        (26, (5, 0, 0)),
    ]:
        canvas = page.all(".layer > canvas")[i]
        page.js("arguments[0].focus()", canvas)
        page.press(ENTER)
        page.wait(lambda i=i: page.explained()[0] == i)
        page.js(
            "document.querySelectorAll('.explanation input').forEach((e, k) => {"
            "  e.value = arguments[0][k]; e.dispatchEvent(new Event('input', {bubbles: true}))})",
            place,
        )
        page.wait(lambda i=i, place=place: page.explained() == (i, *place))
        assert no_scrolling()
        for contrast, text in page.js(CONTRASTS):
            assert contrast >= 4.5, text
        page.js("arguments[0].closest('section').previousElementSibling.scrollIntoView()", canvas)
        page.screenshot(f"{theme}-{width}-{canvas.accessible_name.split(',')[0]}")
    background = page.js("return getComputedStyle(document.body).backgroundColor")
    assert (int(re.search(r"\d+", background)[0]) > 128) == (theme == "light")


def test_a_change_of_theme_is_followed_at_once(page):
    page.draw(GLYPHS[0])
    page.settled()
    preview = page.one("#preview")
    assert page.pixels(preview)[0, 0, 0] > 200  # paper
    page.set_theme("dark")
    page.wait(lambda: page.pixels(preview)[0, 0, 0] < 50)


def test_who_wants_no_motion_gets_none(page):
    duration = "return getComputedStyle(document.querySelector('.fill')).transitionDuration"
    assert page.js(duration) != "0s"
    page.set_theme("light", motion="reduce")
    assert page.js(duration) == "0s"


def test_the_time_from_pen_to_screen(page):
    """From a change of the drawing until the new maps are painted; -s shows the numbers."""
    for _ in range(2):
        for k in GLYPHS:
            page.draw(GLYPHS[k])
            page.wait(lambda k=k: page.text("#answer") == str(k))
            page.one("#clear").click()
            page.wait(lambda: page.text("#answer") == "–")
    times = page.js("return performance.getEntriesByName('pen to screen').map(e => e.duration)")
    assert len(times) >= 50
    median, p95 = np.percentile(times, [50, 95])
    print(
        f"\nfrom pen to screen, {len(times)} changes: median {median:.0f} ms, "
        f"95 of 100 within {p95:.0f} ms, the fastest {min(times):.0f} ms"
    )
    assert min(times) < 50  # of the machine: others may be at work on it

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
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cases import running
from glyphs import GLYPHS, LETTERS

import tinynet as tn
from tinynet.datasets.idx import read_idx
from tinynet.train import as_input

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import draw
from parts.draw_page.ink import digit_of
from parts.draw_page.keep import Drawn, Kept
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
    server.look.read_digits(batch_size=100)
    with running(server):
        yield server


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

    def draw(self, strokes, kind="mouse", scroll=True):
        """Move a real pointer along the strokes, in parts of the pad."""
        from selenium.webdriver.common.action_chains import ActionBuilder
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        if scroll:
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
    page.one("#undo").click()  # and what the page opened with
    page.wait(lambda: page.text("#truth").startswith("Test digit 0,"))


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
    assert page.text("#truth").startswith("Test digit 0,")  # which the page opened with


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
    model, maps = page.forward()  # of the drawing to its last point, which that answer was for
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


def test_the_page_opens_on_a_digit_that_is_read(page):
    assert page.text("#truth") == "Test digit 0, labelled 7: read right"
    assert page.text("#answer") == "7" and page.text("#hint") == "Draw here"
    assert all(element.is_displayed() for element in page.all(".layer, .pair, #seen"))
    assert len(np.unique(page.pixels(page.one("#pad"))[:, :, 0])) > 10  # its greys
    page.settled()
    page.screenshot("opened")
    page.draw(GLYPHS[2])  # the first stroke clears it
    page.wait(lambda: page.text("#answer") == "2")
    assert len(page.server.look.asked["drawing"]["strokes"]) == 1
    assert not page.one("#hint").is_displayed()


def test_blank_paper_is_not_explained(page):
    hidden = ".layer, .pair, .legend, #seen, #fold"
    page.one("#clear").click()
    page.wait(lambda: page.text("#truth") == "Nothing is drawn yet.")
    assert page.one("#start").is_displayed()
    assert not any(element.is_displayed() for element in page.all(hidden))
    page.screenshot("blank")
    page.draw(GLYPHS[2])
    page.wait(lambda: page.text("#answer") == "2")
    assert not page.one("#start").is_displayed()
    assert all(element.is_displayed() for element in page.all(hidden))
    page.screenshot("drawn")


def test_each_layer_says_what_it_does_and_leads_to_its_lesson(page):
    names = page.js("return [...document.querySelectorAll('.layer h3 code')].map(e => e.innerText)")
    texts = page.js("return [...document.querySelectorAll('.layer .about')].map(e => e.innerText)")
    assert len(texts) == len(names) == 27
    for name, text in zip(names, texts, strict=True):
        if name.startswith("Conv2d"):
            channels = re.search(r"\((\d+)→", name)[1]
            assert ("the image" if channels == "1" else f"all {channels} maps above") in text
    kinds = {text: name.split("(")[0] for name, text in zip(names, texts, strict=True)}
    assert len({text.split(".")[0] for text in texts if "weighted sum" not in text}) == 6
    assert len(set(kinds.values())) == 7
    links = {link.get_attribute("href"): link.text for link in page.all(".about a, #mine a")}
    del links[page.address + "my_hand.zip"]
    for target, text in links.items():
        page.js(
            "window.text = ''; fetch(arguments[0]).then(async r => text = await r.text())", target
        )
        lesson = page.wait(lambda: page.js("return window.text"))
        number = re.search(r"/(\d\d)_", target)[1].lstrip("0")
        assert f"# # {number} · " in lesson
        assert text in ("", f"Lesson {number}")  # "": in what is folded


def test_what_is_no_digit_is_said_to_be_unlike_the_digits(page):
    for strokes, verdict in [
        (LETTERS["star"], "Unlike the digits it has seen."),
        (GLYPHS[3], "Like the digits it has seen."),
    ]:
        page.draw(strokes)
        page.wait(lambda verdict=verdict: page.text("#verdict") == verdict)
        page.settled()
        seen = page.server.look.answer(page.server.look.asked)["seen"]
        words = f"{seen['angle']:.1f}° from the nearest of 2,000 training digits, this "
        part = f"{seen['nearer'] / 10_000:.2%}".replace("%", " %")
        words += f"{seen['label']}: farther than {part} of 10,000 test digits are."
        assert page.text("#seen-text") == words
        grey = page.pixels(page.one("#seen-image"))[::2, ::2, 0].astype(int)
        assert np.corrcoef(grey.ravel(), seen["image"].ravel())[0, 1] < -0.99  # ink is dark
        page.wait(lambda verdict=verdict: verdict in page.text("#said-result"))
        page.screenshot(f"seen-{verdict.split()[0]}")
        page.one("#clear").click()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("layer", [3, 11])
def test_the_explanation_opens_where_one_looks(page, width, layer):
    from selenium.webdriver.common.action_chains import ActionChains

    height = 844 if width == 390 else 800
    page.set_window(width, height, mobile=width == 390)
    page.open()
    canvas = page.all(".layer > canvas")[layer]
    page.js("arguments[0].scrollIntoView({block: 'end'})", canvas)  # nothing is seen below it
    corner = 10 - canvas.size["width"] // 2, 10 - canvas.size["height"] // 2  # from the middle
    move = ActionChains(page.browser, duration=0).move_to_element_with_offset(canvas, *corner)
    move.click().perform()
    assert page.explained()[0] == layer
    page.screenshot(f"explained-{width}-{layer}")
    top = page.js(
        "const e = document.querySelector('.drawing');"
        "return getComputedStyle(e).position === 'sticky' ? e.getBoundingClientRect().bottom : 0"
    )
    assert (top > 0) == (width == 390)
    for selector in (canvas, ".explanation .head", ".working > :first-child"):
        element = page.one(selector) if isinstance(selector, str) else selector
        box = page.js("return arguments[0].getBoundingClientRect().toJSON()", element)
        assert top <= box["top"] < box["bottom"] <= height


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pad_stays_in_sight_and_is_drawn_on_there(page, width):
    page.set_window(width, 844 if width == 390 else 800, mobile=width == 390)
    page.open()
    page.js("scrollTo(0, document.documentElement.scrollHeight / 2)")
    assert page.js("return scrollY") > 500
    page.draw(GLYPHS[3], "touch" if width == 390 else "mouse", scroll=False)
    page.wait(lambda: page.text("#answer") == "3")
    page.settled()
    for selector in ("#pad", "#answer", "#clear"):
        box = page.js("return arguments[0].getBoundingClientRect().toJSON()", page.one(selector))
        assert 0 <= box["top"] < box["bottom"] <= 800
        middle = [box["left"] + box["width"] / 2, box["top"] + box["height"] / 2]
        assert page.js(  # and nothing lies over it
            "return arguments[0].contains(document.elementFromPoint(...arguments[1]))",
            page.one(selector),
            middle,
        )
    page.screenshot(f"scrolled-{width}")
    page.js("document.querySelectorAll('.layer > canvas')[20].focus()")  # not behind the pad
    boxes = "return [...document.querySelectorAll('.drawing, .layer:nth-of-type(21) > canvas')]"
    drawing, canvas = page.js(boxes + ".map(e => e.getBoundingClientRect().toJSON())")
    assert width == 1280 or canvas["top"] >= drawing["bottom"]


def test_rows_are_folded_and_unfolded(page):
    def open_rows():
        return page.js("return [...document.querySelectorAll('.layer')].map(e => e.open)")

    assert open_rows() == [True] * 27
    page.js("document.querySelectorAll('.layer summary')[5].focus()")
    page.press(ENTER)
    assert open_rows() == [i != 5 for i in range(27)]
    assert not page.all(".layer > canvas")[5].is_displayed()
    fold = page.one("#fold")
    assert fold.text == "Fold all"
    fold.click()
    page.wait(lambda: fold.text == "Unfold all")
    assert open_rows() == [False] * 27
    page.js("arguments[0].scrollIntoView()", fold)
    page.screenshot("folded")
    page.draw(GLYPHS[6])  # what is folded follows the drawing as well
    page.settled()
    fold.click()
    page.wait(lambda: fold.text == "Fold all")
    assert open_rows() == [True] * 27
    page.js("arguments[0].scrollIntoView()", page.all(".layer")[5])
    page.wait(lambda: len(np.unique(page.pixels(page.all(".layer > canvas")[5])[:, :, 0])) > 20)
    assert f"largest {np.abs(page.forward()[1][6]).max():.2f}" in page.all(".layer h3")[5].text


def test_it_prints_whole_and_light(page):
    page.set_theme("dark")
    page.set_window(1280, 800)
    page.open()
    page.draw(GLYPHS[5])
    page.settled()
    page.js("document.querySelectorAll('.layer')[4].open = false")
    page.js(
        "addEventListener('beforeprint', () => {"  # after the page's own
        "  const canvases = [...document.querySelectorAll('.layer > canvas')];"
        "  const shades = (c) => new Set(new Uint32Array("
        "    c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size;"
        "  window.printed = {"
        "    open: document.querySelectorAll('.layer[open]').length,"
        "    shades: canvases.map(shades),"
        "    paper: [...preview.getContext('2d').getImageData(0, 0, 1, 1).data],"
        "  }})"
    )
    size = {"paperWidth": 8.27, "paperHeight": 11.69}
    pdf = base64.b64decode(page.cdp("Page.printToPDF", printBackground=True, **size)["data"])
    printed = page.js("return window.printed")
    assert printed["open"] == 27 and min(printed["shades"]) > 5
    assert printed["paper"] == [255, 255, 255, 255]
    assert pdf.count(b"/Subtype /Image") >= 27
    if folder := os.environ.get("TINYNET_SCREENSHOTS"):
        (Path(folder) / "printed.pdf").write_bytes(pdf)
    assert page.js("return document.querySelectorAll('.layer:not([open])').length") == 1
    assert page.pixels(page.one("#preview"))[0, 0, 0] < 50  # dark again
    page.cdp("Emulation.setEmulatedMedia", media="print")
    page.set_window(718, 1000)  # A4 without its margins
    assert page.js("return document.documentElement.scrollWidth") <= 718
    hidden = ["#keep", "#load", "#fold", "#hint", ".help", ".skip"]
    assert not any(page.one(selector).is_displayed() for selector in hidden)
    page.cdp("Emulation.setEmulatedMedia", media="")


# -- keeping digits --


@pytest.fixture
def keeping(browser, server, tmp_path):
    """A page whose server keeps digits in tmp_path."""
    yield from serving(browser, server, Kept(tmp_path))
    assert not [entry["message"] for entry in browser.get_log("browser")]


@pytest.fixture
def remembering(browser, server):
    """A page whose server keeps digits in memory."""
    yield from serving(browser, server, Drawn())
    assert not [entry["message"] for entry in browser.get_log("browser")]


def serving(browser, server, kept):
    with running(draw.Server(0, server.look, kept)) as keeper:
        page = Page(browser, keeper)
        page.set_window(1280, 800)
        page.set_theme("light")
        yield page


def test_digits_are_kept_scored_deleted_and_handed_out(remembering, tmp_path):
    page = remembering
    page.open()
    assert page.text("#mine-score") == "none yet"
    assert not page.one("#download").is_displayed()
    page.one("#mine summary").click()
    for k, label in [(3, 3), (1, 7), (5, 5)]:  # the second is misread, if that is what it is
        page.draw(GLYPHS[k])
        page.wait(lambda k=k: page.text("#answer") == str(k))
        page.press(str(label))
        page.wait(lambda label=label: f"Kept as {label}" in page.text("#kept-text"))
        page.wait(lambda: page.text("#answer") == "–")
    low, high = (f"{100 * end:.1f} %" for end in wilson(2, 3))
    score = f"2 of 3 read right, 66.7 % (95 % interval: {low} to {high})"
    assert page.text("#mine-score") == score
    items = page.all("#mine-digits li")
    assert [item.text.split("\n")[0] for item in items] == ["3", "7 read as 1", "5"]
    for item, k in zip(items, (3, 1, 5), strict=True):
        canvas = item.find_element("css selector", "canvas")
        grey = page.pixels(canvas)[::2, ::2, 0].astype(float)
        image = digit_of([np.array(stroke) for stroke in GLYPHS[k]]).astype(float)
        assert np.corrcoef(grey.ravel(), image.ravel())[0, 1] < -0.85  # drawn by a pointer
    table = [cells(row) for row in page.all("#confusion tr")[1:]]
    expected = {(3, 3), (7, 1), (5, 5)}
    for i, j in np.ndindex(10, 10):
        assert table[i][j] == ("1" if (i, j) in expected else "")
    page.screenshot("mine")
    for contrast, text in page.js(CONTRASTS):
        assert contrast >= 4.5, text

    button = page.one("#mine-digits li:nth-child(2) button")
    assert button.accessible_name == "Delete number 2, a 7"
    button.click()
    page.wait(lambda: page.text("#mine-score").startswith("2 of 2 read right, 100.0 %"))
    page.js(
        "const e = document.getElementById('part'); e.value = 'test';"
        "e.dispatchEvent(new Event('change'))"
    )
    page.wait(lambda: page.text("#kept-text") == "0 digits kept to test on.")
    page.draw(GLYPHS[0])
    page.wait(lambda: page.text("#answer") == "0")
    page.press("0")
    page.wait(lambda: "1 digit kept to test on." in page.text("#kept-text"))
    page.open()  # the server remembers
    page.wait(lambda: page.text("#kept-text") == "1 digit kept to test on.")

    page.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.one("#mine summary").click()
    page.one("#download").click()
    page.wait((tmp_path / "my_hand.zip").exists)
    with zipfile.ZipFile(tmp_path / "my_hand.zip") as archive:
        archive.extractall(tmp_path)
    (x_train, y_train), (x_test, y_test) = tn.datasets.mnist(tmp_path / "my_hand")
    assert (y_train.tolist(), y_test.tolist()) == ([3, 5], [0])
    p = tn.predict_proba(page.server.look.model, np.concatenate([x_train, x_test]))
    assert p.argmax(axis=1).tolist() == [3, 5, 0]


def wilson(right, n, z=1.96):
    """The roots of (right / n − p)² = z² p (1 − p) / n, which lesson 14 solves in another way."""
    return sorted(np.roots([1 + z**2 / n, -(2 * right / n + z**2 / n), (right / n) ** 2]))


@pytest.mark.parametrize("width", [390, 1280])
def test_digits_are_kept_by_buttons_and_by_keys(keeping, tmp_path, width):
    page = keeping
    page.set_window(width, 844 if width == 390 else 800, mobile=width == 390)
    page.open()
    page.wait(lambda: page.text("#kept-text") == "0 digits kept to train with.")
    assert page.js("return document.documentElement.scrollWidth") <= width
    page.press("3")  # of a test digit
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
    page.wait(lambda: len(page.server.look.asked["drawing"].get("strokes", [])) == 1)
    page.press(BACKSPACE)
    page.wait(lambda: page.server.look.asked["drawing"] == {"digit": 0})
    page.tab_to("#digit")
    page.press("\ue009a", "\ue000", "77", ENTER)  # all of it, replaced
    page.wait(lambda: "Test digit 77," in page.text("#truth"))
    said("Test digit 77")


def test_everything_has_a_name_and_the_focus_is_seen(page):
    page.draw(GLYPHS[6])
    page.settled()
    for element in page.all("a, button, input, select, canvas, summary"):
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

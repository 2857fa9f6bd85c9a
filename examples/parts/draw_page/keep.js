// The digits that the reader draws, labels and keeps, and how the network reads them.

import { ask } from "./server.js";
import { drawImage, element, ink } from "./show.js";

const $ = (id) => document.getElementById(id);
const PURPOSE = { train: "to train with", test: "to test on" };
const DIGITS = [...Array(10).keys()];

export class Keep {
  /**
   * strokes(): of the drawing, none if there is nothing to keep; kept(): it is, so begin a new
   * one; say(text), showError(text), which is empty where all is well.
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.state = null; // what the server answered last
    this.busy = false; // one request at a time: who clicks twice keeps once
    this.buttons = DIGITS.map((k) => {
      const count = element("small");
      const button = element("button", { type: "button" }, String(k), count);
      button.addEventListener("click", () => this.keep(k));
      $("keep-digits").append(button);
      return { button, count };
    });
    $("take-back").addEventListener("click", () => this.takeBack(this.state.labels.length - 1));
    $("part").addEventListener("change", (event) => this.choose(event.target.value));
    document.addEventListener("keydown", (event) => this.onKey(event));
    this.send("/kept");
  }

  keep(label) {
    const strokes = this.handlers.strokes();
    if (!strokes.length) return this.handlers.showError("Draw a digit first.");
    return this.send("/keep", { strokes, label }, () => {
      if (this.handlers.strokes() === strokes) this.handlers.kept(); // not one drawn meanwhile
      return `Kept as ${label}`;
    });
  }

  takeBack(index) {
    const question = { index, count: this.state.labels.length };
    return this.send("/take_back", question, ({ label }) => `Took back a ${label}`);
  }

  choose(part) {
    return this.send("/choose", { part });
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    if (!/^\d$/.test(event.key) || event.target.matches("input, select")) return;
    event.preventDefault();
    this.keep(Number(event.key));
  }

  /** Ask the server, show what is kept then, and say what done(answer) gives. */
  async send(path, question, done = () => "") {
    if (this.busy) return;
    this.busy = true;
    try {
      this.state = await ask(path, question);
      this.show(done(this.state));
      this.handlers.showError("");
    } catch (error) {
      this.handlers.showError(error.message);
    }
    this.busy = false;
  }

  show(done = "") {
    const { part, counts, labels, read } = this.state;
    const total = labels.length;
    this.buttons.forEach(({ button, count }, k) => {
      const kept = labels.filter((label) => label === k).length;
      count.textContent = kept;
      button.setAttribute("aria-label", `Keep as ${k}; ${kept} are kept`);
    });
    const text = `${total} ${total === 1 ? "digit" : "digits"} kept ${PURPOSE[part]}.`;
    $("kept-text").textContent = done ? `${done}. ${text}` : text;
    if (done) this.handlers.say($("kept-text").textContent);
    $("take-back").disabled = !total;
    $("part").value = part;
    $("download").hidden = !counts.train && !counts.test;
    const right = read.filter((k, i) => k === labels[i]).length;
    $("mine-score").textContent = total ? score(right, total) : "none yet";
    this.showDigits();
    showConfusion(labels, read);
  }

  showDigits() {
    const { images, labels, read } = this.state;
    const [, h, w] = images.shape;
    const items = labels.map((label, i) => {
      const canvas = element("canvas", { "aria-hidden": "true" });
      const values = images.values.subarray(i * h * w, (i + 1) * h * w);
      drawImage(canvas, { shape: [h, w], values }, ink, 2);
      const isRight = read[i] === label;
      const text = element("span", {}, isRight ? `${label}` : `${label} read as ${read[i]}`);
      const name = `Delete number ${i + 1}, a ${label}`;
      const button = element("button", { type: "button", "aria-label": name }, "×");
      button.addEventListener("click", () => this.takeBack(i));
      return element("li", { className: isRight ? "" : "wrong" }, canvas, text, button);
    });
    $("mine-digits").replaceChildren(...items);
  }
}

/** An accuracy with Wilson's 95 % interval, which Lesson 14 derives. */
function score(right, n) {
  const [p, z] = [right / n, 1.96];
  const centre = p + z ** 2 / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  const [low, high] = [centre - half, centre + half].map(
    (end) => `${((100 * end) / (1 + z ** 2 / n)).toFixed(1)} %`,
  );
  return `${right} of ${n} read right, ${(100 * p).toFixed(1)} % (95 % interval: ${low} to ${high})`;
}

/** How often each digit, a row, was read as each, a column. */
function showConfusion(labels, read) {
  const count = (row, column) =>
    labels.filter((label, i) => label === row && read[i] === column).length;
  const heads = (scope, texts) => texts.map((text) => element("th", { scope }, String(text)));
  const rows = DIGITS.map((row) => {
    const cells = DIGITS.map((column) => {
      const n = count(row, column);
      const kind = row === column ? "right" : "wrong";
      return element("td", { className: n ? kind : "" }, n ? String(n) : "");
    });
    return element("tr", {}, ...heads("row", [row]), ...cells);
  });
  $("confusion").hidden = !labels.length;
  $("confusion").replaceChildren(
    element("caption", {}, "Each row: a digit that you wrote; each column: what it was read as"),
    element("tr", {}, element("td"), ...heads("col", DIGITS)),
    ...rows,
  );
}

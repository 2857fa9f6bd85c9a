// The buttons that keep a drawing as a digit, where the server was started with --keep.

import { ask } from "./server.js";
import { element } from "./show.js";

const $ = (id) => document.getElementById(id);
const PURPOSE = { train: "to train with", test: "to test on" };

export class Keep {
  /**
   * strokes(): of the drawing, none if there is nothing to keep; kept(): it is, so begin a new
   * one; say(text), showError(text), which is empty where all is well.
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.busy = false; // one request at a time: who clicks twice keeps once
    this.buttons = Array.from({ length: 10 }, (_, k) => {
      const count = element("small");
      const button = element("button", { type: "button" }, String(k), count);
      button.addEventListener("click", () => this.keep(k));
      $("keep-digits").append(button);
      return { button, count };
    });
    $("take-back").addEventListener("click", () => this.takeBack());
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

  takeBack() {
    return this.send("/take_back", { count: this.total }, ({ label }) => `Took back a ${label}`);
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.repeat || $("keep").hidden) return;
    if (!/^\d$/.test(event.key) || event.target.matches("input, select")) return;
    event.preventDefault();
    this.keep(Number(event.key));
  }

  /** Ask the server, show what is kept then, and say what done(answer) gives. */
  async send(path, question, done = () => "") {
    if (this.busy) return;
    this.busy = true;
    try {
      const answer = await ask(path, question);
      if (answer) this.show(answer, done(answer)); // null without --keep
      this.handlers.showError("");
    } catch (error) {
      this.handlers.showError(error.message);
    }
    this.busy = false;
  }

  show({ part, counts }, done) {
    this.total = counts.reduce((a, b) => a + b, 0);
    this.buttons.forEach(({ button, count }, k) => {
      count.textContent = counts[k];
      button.setAttribute("aria-label", `Keep as ${k}; ${counts[k]} are kept`);
    });
    const digits = this.total === 1 ? "digit" : "digits";
    const text = `${this.total} ${digits} kept ${PURPOSE[part]}.`;
    $("kept-text").textContent = done ? `${done}. ${text}` : text;
    if (done) this.handlers.say($("kept-text").textContent);
    $("take-back").disabled = !this.total;
    $("keep").hidden = false;
  }
}

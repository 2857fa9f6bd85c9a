// The drawing pad: pointer (mouse, pen, finger) and keyboard make strokes, lists of points [x, y].

import { drawMaps, ink, outline, penColour, resize } from "./show.js";

const GRID = 28; // cells along a side, for the keyboard
const PEN = 2.6 / 28; // width of the line, in parts of the pad's side; as PEN in ink.py
const NEAR = 1 / 200; // points nearer to each other than this add nothing
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Pad {
  strokes = [];
  image = null; // the test digit that is shown, if any
  cell = [14, 14]; // row and column of the keyboard's pen
  penDown = false; // of the keyboard
  usesKeys = false;
  pointer = null; // the id of the one that draws
  side = 0;

  /** begin(): before the drawing changes; change(finished): after; undo(), clear(), say(text). */
  constructor(canvas, handlers) {
    this.canvas = canvas;
    this.handlers = handlers;
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    canvas.addEventListener("pointerup", (event) => this.onUp(event));
    canvas.addEventListener("pointercancel", (event) => this.onUp(event));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener("blur", () => this.lift());
    canvas.addEventListener("focus", () => this.paint());
    new ResizeObserver(([{ contentRect }]) => {
      this.side = Math.round(contentRect.width * devicePixelRatio); // of the canvas, in its pixels
      this.paint();
    }).observe(canvas);
  }

  /** Show these strokes, or this image of a test digit. */
  show(strokes, image = null) {
    this.strokes = [...strokes];
    this.image = image;
    this.paint();
  }

  // -- pointer --

  onDown(event) {
    if (event.button !== 0 || this.pointer !== null) return; // a second finger does not draw
    this.lift();
    this.usesKeys = false;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.begin(this.point(event));
  }

  onMove(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? []; // all that happened since the last frame
    for (const each of events.length ? events : [event]) this.extend(this.point(each));
    this.handlers.change(false);
  }

  onUp(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.handlers.change(true);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const part = (x) => Math.min(Math.max(x, 0), 1);
    return [
      part((event.clientX - box.left) / box.width),
      part((event.clientY - box.top) / box.height),
    ];
  }

  // -- keyboard --

  onKey(event) {
    if (event.altKey || event.metaKey) return;
    if (event.ctrlKey && event.key !== "z") return;
    if (event.key in MOVES) this.move(MOVES[event.key], event.shiftKey ? 4 : 1);
    else if (event.key === " ") this.penDown ? this.lift() : this.put();
    else if (event.key === "Escape") this.lift();
    else if (event.key === "Backspace" || event.key === "z") this.handlers.undo();
    else if (event.key === "Delete") this.handlers.clear();
    else return;
    event.preventDefault();
    this.usesKeys = true;
    this.paint();
  }

  move([down, right], by) {
    const within = (x) => Math.min(Math.max(x, 0), GRID - 1);
    this.cell = [within(this.cell[0] + by * down), within(this.cell[1] + by * right)];
    if (this.penDown) {
      this.extend(this.cellCentre());
      this.handlers.change(false);
    }
    const pen = this.penDown ? ", pen down" : "";
    this.handlers.say(`row ${this.cell[0]}, column ${this.cell[1]}${pen}`);
  }

  put() {
    this.penDown = true;
    this.begin(this.cellCentre());
    this.handlers.say(`Pen down at row ${this.cell[0]}, column ${this.cell[1]}`);
  }

  /** End the stroke that is being drawn, if any. */
  lift() {
    this.pointer = null;
    if (!this.penDown) return;
    this.penDown = false;
    this.handlers.say("Pen up");
    this.handlers.change(true);
    this.paint();
  }

  cellCentre() {
    return [(this.cell[1] + 0.5) / GRID, (this.cell[0] + 0.5) / GRID];
  }

  // -- strokes --

  begin(point) {
    this.handlers.begin();
    if (this.image) this.show([]); // a stroke on a test digit begins a new drawing
    this.strokes.push([point]);
    this.paint();
    this.handlers.change(false);
  }

  extend([x, y]) {
    const stroke = this.strokes.at(-1);
    const [lastX, lastY] = stroke.at(-1);
    if (Math.hypot(x - lastX, y - lastY) < NEAR) return;
    stroke.push([x, y]);
    this.paint();
  }

  paint() {
    const { side } = this;
    resize(this.canvas, side, side);
    const context = this.canvas.getContext("2d");
    if (this.image) {
      const { shape, values } = this.image;
      drawMaps(context, values, shape, ink, [{ x: 0, y: 0 }], side / GRID);
    }
    context.strokeStyle = penColour();
    context.lineWidth = PEN * side;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.strokes) {
      context.beginPath();
      for (const [x, y] of [stroke[0], ...stroke]) context.lineTo(x * side, y * side);
      context.stroke();
    }
    if (this.usesKeys && document.activeElement === this.canvas) {
      const cell = side / GRID;
      const [row, column] = this.cell;
      const inset = this.penDown ? 0.3 : 0; // drawn smaller when it is pressed
      outline(context, (column + inset) * cell, (row + inset) * cell,
        (1 - 2 * inset) * cell, (1 - 2 * inset) * cell);
    }
  }
}

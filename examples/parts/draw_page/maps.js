// The feature maps of one layer, side by side on one canvas, with a cursor that pointer and
// keyboard move.

import { css, decimals, drawMaps, element, largest, outline, resize, signed } from "./show.js";

const GAP = 6; // between maps, in pixels of the page, as all lengths here
const EDGE = GAP / 2; // around them all, for the marks of pixels at the edge
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// What each kind of layer does, and the lesson about it, from which the server takes the text.
const KINDS = {
  Conv2d: (channels) => [
    "Each pixel is a weighted sum over a window of " +
      (channels === "1" ? "the image" : `all ${channels} maps above`) +
      ", and a bias; a map’s weights are the same at every place.",
    "04_convolution",
  ],
  ReLU: () => ["What is negative becomes 0.", "01_forward"],
  BatchNorm2d: () => [
    "Each map is shifted and scaled by its mean and spread in training, then by two learned numbers.",
    "06_batchnorm",
  ],
  MaxPool2d: () => [
    "Of each window the largest value is kept: it matters less where exactly a stroke lies.",
    "05_pooling",
  ],
  AvgPool2d: () => ["The mean of each window: here of a whole map, one for each digit.", "05_pooling"],
  Flatten: () => ["The same ten numbers, as a row: the logits.", "01_forward"],
  softmax: () => [
    "e to the power of each logit, divided by the sum of all ten: positive, and 1 together.",
    "02_loss",
  ],
};

/** The shape of what a layer gave as [channels, rows, columns]: logits have 1 × 1 maps. */
export const asMaps = (shape) => [...shape, 1, 1].slice(0, 3);

export class Maps {
  /** select([channel, row, column]), close() and fold() are called when the reader does so. */
  constructor(index, name, { select, close, fold }) {
    this.index = index;
    this.handlers = { select, close };
    this.title = name === "softmax" ? "softmax" : `model[${index}]`;
    this.canvas = element("canvas", {
      tabIndex: 0,
      role: "application",
      "aria-roledescription": "feature maps",
      "aria-label": `${this.title}, ${name}: feature maps`,
      "aria-describedby": "pad-help",
    });
    this.range = element("span", { className: "range" });
    this.section = element(
      "details",
      { className: "layer", open: true },
      element(
        "summary",
        {},
        element(
          "h3",
          {},
          element("span", { className: "index" }, this.title),
          element("code", {}, name === "softmax" ? "probabilities of the logits" : name),
          (this.size = element("span", { className: "size" })),
          this.range,
        ),
      ),
      about(name),
      this.canvas,
    );
    this.section.addEventListener("toggle", fold);
    this.isSeen = false; // only what is near the window is drawn, and drawn when it comes near
    new IntersectionObserver(
      ([{ isIntersecting }]) => {
        this.isSeen = isIntersecting;
        if (isIntersecting) this.draw();
      },
      { rootMargin: "100px" },
    ).observe(this.canvas);
    this.canvas.addEventListener("click", (event) => this.choose(this.pixelAt(event)));
    this.canvas.addEventListener("pointermove", (event) => this.tell(this.pixelAt(event)));
    this.canvas.addEventListener("pointerleave", () => this.tell(null));
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  /**
   * Show the maps {shape, values} and what is marked on them: a cursor [channel, row, column],
   * and a window {channel, top, left, height, width}, on all maps where it has no channel.
   */
  show({ shape, values }, cursor, source) {
    Object.assign(this, { shape: asMaps(shape), values, cursor, source, most: largest(values) });
    this.axes = shape.length; // 1 for logits, or else 3
    this.size.textContent = shape.join(" × ");
    this.tell(null);
    if (this.isSeen) this.draw();
  }

  /** Arrange the maps in this width. */
  layOut(width) {
    const [channels, h, w] = this.shape;
    const { columns, scale } = arrange(this.shape, width);
    const [stepX, stepY] = [w * scale + GAP, h * scale + GAP];
    this.scale = scale;
    this.places = Array.from({ length: channels }, (_, k) => ({
      x: EDGE + (k % columns) * stepX,
      y: EDGE + Math.floor(k / columns) * stepY,
    }));
    resize(this.canvas, columns * stepX, (channels / columns) * stepY);
    if (this.isSeen) this.draw();
  }

  draw() {
    const { canvas, values, scale, places, cursor, source } = this;
    const [, h, w] = this.shape;
    const context = canvas.getContext("2d");
    const colour = signed(this.most);
    resize(canvas, canvas.width, canvas.height);
    drawMaps(context, values, [h, w], colour, places, scale);
    Object.assign(context, { font: "14px sans-serif", textAlign: "center", textBaseline: "middle" });
    places.forEach(({ x, y }, k) => {
      const box = (top, left, height, width) =>
        outline(context, x + left * scale, y + top * scale, width * scale, height * scale);
      if (h * w === 1) {
        context.fillStyle = css(colour(values[k])).color;
        context.fillText(k, x + scale / 2, y + scale / 2);
      }
      if (source && (source.channel ?? k) === k) {
        box(source.top, source.left, source.height, source.width);
      }
      if (cursor?.[0] === k) box(cursor[1], cursor[2], 1, 1);
    });
  }

  /** The value at [channel, row, column]. */
  at([channel, row, column]) {
    const [, h, w] = this.shape;
    return this.values[(channel * h + row) * w + column];
  }

  /** A pixel's index as Python writes it: [channel, row, column], or [class] of logits. */
  subscript(pixel) {
    return `[${pixel.slice(0, this.axes).join(", ")}]`;
  }

  /** The pixel under a pointer, or null between the maps. */
  pixelAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const [, h, w] = this.shape;
    const pixel = this.places.map(({ x, y }, k) => [
      k,
      Math.floor((event.clientY - box.top - y) / this.scale),
      Math.floor((event.clientX - box.left - x) / this.scale),
    ]);
    return pixel.find(([, i, j]) => i >= 0 && i < h && j >= 0 && j < w) ?? null;
  }

  /** Say in the heading which value is under the pointer, or the range of all. */
  tell(pixel) {
    this.range.textContent = pixel
      ? `${this.subscript(pixel)} ${decimals(this.at(pixel))}`
      : `largest ${decimals(this.most, 2)}`;
  }

  choose(pixel) {
    if (!pixel) return;
    this.cursor = pixel; // at once: the next key moves it on from here
    this.draw();
    this.handlers.select(pixel);
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const [channels, h, w] = this.shape;
    const within = (x, n) => Math.min(Math.max(x, 0), n - 1);
    let [channel, row, column] = this.cursor ?? [0, h >> 1, w >> 1];
    if (event.key in MOVES && h * w === 1) {
      channel += MOVES[event.key][0] + MOVES[event.key][1]; // logits: from class to class
    } else if (event.key in MOVES) {
      row += this.cursor ? MOVES[event.key][0] : 0; // the first key puts the cursor there
      column += this.cursor ? MOVES[event.key][1] : 0;
    } else if (event.key === "PageDown") channel += 1;
    else if (event.key === "PageUp") channel -= 1;
    else if (event.key === "Escape") this.handlers.close();
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (event.key !== "Escape") {
      this.choose([within(channel, channels), within(row, h), within(column, w)]);
    }
  }
}

/** A sentence on what a layer such as "Conv2d(1→8, k=3, p=1)" does, with a link to its lesson. */
function about(name) {
  const [, kind, channels] = name.match(/^(\w+)(?:\((\d+)→)?/);
  const [words, lesson] = KINDS[kind](channels);
  const number = Number(lesson.slice(0, 2));
  const link = element("a", { href: `/${lesson}.py`, target: "_blank" }, `Lesson ${number}`);
  return element("p", { className: "about" }, words, " ", link);
}

/** How many maps stand in a row, and how large a pixel is, for this width of the page. */
function arrange([channels, h, w], width) {
  const most = h >= 28 ? 112 : h >= 14 ? 84 : 48; // for a map's side
  const ways = [1, 2, 4].filter((rows) => channels % rows === 0);
  for (const rows of ways) {
    const columns = channels / rows;
    const room = Math.floor((width - GAP * (columns - 1)) / columns);
    const scale = Math.floor(Math.min(room, most) / w);
    if (scale >= 2 && scale * w >= 26) return { columns, scale };
  }
  return { columns: Math.max(1, channels / ways.at(-1)), scale: 1 };
}

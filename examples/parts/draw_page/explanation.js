// The panel that shows how one pixel was made. The numbers come from explain.py; here they are
// only set out.

import { css, decimals, drawMaps, element, largest, outline, resize, signed } from "./show.js";

const PLACES = ["channel", "row", "column"];

export class Explanation {
  /** select([channel, row, column]) and close() are called when the reader does so. */
  constructor({ select, close }) {
    this.inputs = PLACES.map(() => element("input", { type: "number", min: 0, required: true }));
    this.title = element("h4", { id: "explanation-title" });
    this.map = element("canvas", { role: "img" });
    this.body = element("div", { className: "working" });
    const form = element(
      "form",
      { noValidate: true },
      ...this.inputs.map((input, i) => element("label", {}, PLACES[i], " ", input)),
      element("button", { type: "button", onclick: close }, "Close"),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const valid = this.inputs.every((input) => input.checkValidity());
      if (valid) select(this.inputs.map((input) => input.valueAsNumber));
    });
    this.map.addEventListener("click", (event) => {
      const box = this.map.getBoundingClientRect();
      const [, h, w] = this.maps.shape;
      const row = Math.floor(((event.clientY - box.top) / box.height) * h);
      const column = Math.floor(((event.clientX - box.left) / box.width) * w);
      select([this.pixel.channel, Math.min(row, h - 1), Math.min(column, w - 1)]);
    });
    this.section = element(
      "section",
      { className: "explanation", "aria-labelledby": "explanation-title" },
      element("div", { className: "head" }, this.title, form),
      element("div", { className: "parts" }, this.map, this.body),
    );
    this.section.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
  }

  /** Show how a pixel of maps was made; inputShape: [channels, rows, columns] of the layer's x. */
  show(pixel, maps, inputShape) {
    this.pixel = pixel;
    this.maps = maps;
    const place = PLACES.map((name) => pixel[name]);
    this.inputs.forEach((input, i) => {
      input.max = maps.shape[i] - 1;
      if (input.valueAsNumber !== place[i]) input.value = place[i];
      input.parentElement.hidden = i >= maps.axes;
    });
    this.title.replaceChildren(
      element("code", {}, `${maps.title}, ${maps.subscript(place)}`),
      " = ",
      value(pixel.value),
    );
    this.draw();
    this.body.replaceChildren(...WORKINGS[pixel.kind](pixel, inputShape));
    if (this.section.previousElementSibling === maps.canvas) return;
    maps.canvas.after(this.section);
    this.bringIntoSight();
  }

  /** Scroll as far as it takes to see all of it, but not so far that the row above goes away. */
  bringIntoSight() {
    const { scrollPaddingTop } = getComputedStyle(document.documentElement); // what sticks there
    const edge = 8;
    const top = (parseFloat(scrollPaddingTop) || 0) + edge;
    const room = this.maps.canvas.getBoundingClientRect().top - top;
    const hidden = this.section.getBoundingClientRect().bottom + edge - innerHeight;
    if (room > 0 && hidden > 0) scrollBy(0, Math.min(room, hidden));
  }

  /** The map that the pixel is of, large enough to choose another with a finger. */
  draw() {
    const { maps, pixel } = this;
    const [, h, w] = maps.shape;
    this.map.hidden = h * w === 1;
    if (this.map.hidden) return;
    const scale = Math.floor(224 / w);
    resize(this.map, w * scale, h * scale);
    this.map.setAttribute("aria-label", `Channel ${pixel.channel}, enlarged`);
    const context = this.map.getContext("2d");
    const values = maps.values.subarray(pixel.channel * h * w, (pixel.channel + 1) * h * w);
    drawMaps(context, values, [h, w], signed(maps.most), [{ x: 0, y: 0 }], scale);
    outline(context, pixel.column * scale, pixel.row * scale, scale, scale);
  }
}

const WORKINGS = {
  sum({ channels, source, sum, bias, value: y }, inputShape) {
    const most = {
      patch: largest(channels.flatMap((c) => c.patch.flat())),
      weights: largest(channels.flatMap((c) => c.weights.flat())),
      products: largest(channels.flatMap((c) => c.products.flat())),
    };
    const many = channels.length > 1;
    return [
      element(
        "p",
        { className: "total" },
        many ? `Sum over ${channels.length} channels ` : "Sum of the products ",
        value(sum, "sum"), " + bias ", value(bias, "bias"), " = ", value(y, "value"),
      ),
      ...channels.map((c, k) =>
        element(
          "figure",
          { className: "channel" },
          element(
            "figcaption",
            {},
            `Channel ${k} of the input: sum of products `,
            value(c.sum, "part"),
          ),
          element(
            "div",
            { className: "product" },
            grid(c.patch, most.patch, "patch", outside(source, inputShape)),
            sign("×"),
            grid(c.weights, most.weights, "weights"),
            sign("="),
            grid(c.products, most.products, "products"),
          ),
        ),
      ),
    ];
  },

  window({ patch, winner, sum, count, value: y, source }, inputShape) {
    const chosen = winner ? (i, j) => i === winner[0] && j === winner[1] && "winner" : () => "";
    const words = winner
      ? ["The largest of the window, in row ", `${winner[0]}, column ${winner[1]} of it: `]
      : ["The mean of the window: ", value(sum, "sum"), ` ÷ ${count} = `];
    return [
      element("p", { className: "total" }, ...words, value(y, "value")),
      element(
        "figure",
        { className: "channel" },
        element("figcaption", {}, `Channel ${source.channel} of the input`),
        grid(patch, largest(patch.flat()), "window", chosen),
      ),
    ];
  },

  steps({ steps }) {
    const header = ["step", "number", "result"].map((text) =>
      element("th", { scope: "col" }, text),
    );
    const rows = steps.map(([what, number, result]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, what),
        element("td", {}, number === null ? "" : value(number)),
        element("td", {}, value(result)),
      ),
    );
    return [
      element(
        "table",
        { className: "steps" },
        element("thead", {}, element("tr", {}, ...header)),
        element("tbody", {}, ...rows),
      ),
    ];
  },
};

/** A function (i, j) → class name, for the cells of a patch that are not on the input: padding. */
function outside({ top, left }, [, h, w]) {
  return (i, j) => {
    const [row, column] = [top + i, left + j];
    return row < 0 || row >= h || column < 0 || column >= w ? "padding" : "";
  };
}

/** Rows of numbers as a table in colours; className(i, j) marks single cells. */
function grid(rows, most, name, className = () => "") {
  const colour = signed(most);
  const cell = (x, i, j) => {
    const kind = className(i, j) || "";
    const text = decimals(x, Math.abs(x) < 10 ? 3 : 2);
    const td = element("td", { className: kind, title: kind }, text);
    if (kind !== "padding") Object.assign(td.style, css(colour(x)));
    return td;
  };
  return element(
    "table",
    { className: `grid ${name}`, "aria-label": name },
    ...rows.map((row, i) => element("tr", {}, ...row.map((x, j) => cell(x, i, j)))),
  );
}

const sign = (text) => element("span", { className: "sign" }, text);

const value = (x, name = "") => element("span", { className: `value ${name}` }, decimals(x));

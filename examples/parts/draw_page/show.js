// Numbers as text and as colours, and arrays as pictures: what all other modules use.

/** A number with this many decimals, or with an exponent where these would show only zeros. */
export function decimals(x, n = 4) {
  const tiny = x !== 0 && Math.abs(x) < 0.5 * 10 ** -n;
  const text = tiny ? x.toExponential(1) : x.toFixed(n);
  return text.replaceAll("-", "−").replace(/^−(0\.?0*)$/, "$1");
}

/** A probability in per cent. */
export function percent(p) {
  return `${(100 * p).toFixed(2)} %`;
}

/** An element with properties (attributes, where the name has a dash, or is role) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

// -- colours: style.css has them, for light and for dark --

const STEPS = 256;
let tables;

/** Read the colours of the style sheet again: after a change between light and dark. */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => {
    const text = style.getPropertyValue(name).trim(); // #rrggbb
    return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  };
  const zero = colour("--zero");
  tables = {
    plus: table([zero, colour("--plus"), colour("--plus-most")]),
    minus: table([zero, colour("--minus"), colour("--minus-most")]),
    ink: table([colour("--sheet"), colour("--ink")]),
    mark: style.getPropertyValue("--mark").trim(),
    markEdge: style.getPropertyValue("--sheet").trim(),
    pen: style.getPropertyValue("--ink").trim(),
  };
}

/** STEPS colours that go from stop to stop, as the four bytes of a pixel in one number. */
function table(stops) {
  const pixels = new Uint32Array(STEPS);
  const bytes = new Uint8ClampedArray(pixels.buffer);
  for (let i = 0; i < STEPS; i++) {
    const place = (i / (STEPS - 1)) * (stops.length - 1);
    const k = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) {
      bytes[4 * i + c] = stops[k][c] + (place - k) * (stops[k + 1][c] - stops[k][c]);
    }
    bytes[4 * i + 3] = 255;
  }
  return pixels;
}

/** A function from numbers in −most … most to pixels: one hue below zero, another above. */
export function signed(most) {
  const { plus, minus } = tables;
  const steps = (STEPS - 1) / (most || 1);
  return (x) => (x < 0 ? minus : plus)[Math.min(Math.abs(x) * steps, STEPS - 1) | 0];
}

/** A pixel of 0 … 255, paper to ink. */
export const ink = (x) => tables.ink[x];

/** A pixel as CSS writes it, and black or white for text on it, whichever contrasts more. */
export function css(pixel) {
  const parts = [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const [r, g, b] = parts.map((part) => (part / 255) ** 2.2);
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b; // of WCAG
  return { background: `rgb(${parts})`, color: luminance > 0.18 ? "#000" : "#fff" };
}

export const penColour = () => tables.pen;

// -- pictures --

const scratch = document.createElement("canvas").getContext("2d");

/** Draw maps of h × w values, which follow each other, at places {x, y} of a canvas. */
export function drawMaps(context, values, [h, w], colour, places, scale) {
  const image = new ImageData(w, values.length / w);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = colour(values[i]);
  scratch.canvas.width = w;
  scratch.canvas.height = image.height;
  scratch.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  places.forEach(({ x, y }, k) => {
    context.drawImage(scratch.canvas, 0, k * h, w, h, x, y, w * scale, h * scale);
  });
}

/** Draw one image as large as its canvas is to be. */
export function drawImage(canvas, { shape, values }, colour, scale) {
  const [h, w] = shape.slice(-2);
  resize(canvas, w * scale, h * scale);
  drawMaps(canvas.getContext("2d"), values, [h, w], colour, [{ x: 0, y: 0 }], scale);
}

/** Give a canvas a size, and empty it. */
export function resize(canvas, width, height) {
  if (canvas.width === width && canvas.height === height) {
    canvas.getContext("2d").clearRect(0, 0, width, height); // the page keeps its layout
  } else {
    canvas.width = width;
    canvas.height = height;
  }
}

/** Draw a line of 3 pixels around a rectangle, two of them dark and one light, or the reverse. */
export function outline(context, x, y, width, height) {
  for (const [colour, line] of [[tables.markEdge, 3], [tables.mark, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(x - line / 2, y - line / 2, width + line, height + line);
  }
}

/** The largest |x| of an array. */
export function largest(values) {
  let most = 0;
  for (const x of values) most = Math.max(most, Math.abs(x));
  return most;
}

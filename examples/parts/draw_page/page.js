// The page: what is asked of the server after each change, and where its answer is shown.

import { Explanation } from "./explanation.js";
import { Keep } from "./keep.js";
import { Maps, asMaps } from "./maps.js";
import { Pad } from "./pad.js";
import { ask } from "./server.js";
import {
  decimals, drawImage, element, ink, largest, outline, penColour, percent, readColours, signed,
} from "./show.js";

const $ = (id) => document.getElementById(id);

// -- what is asked --

const OPENING = 0; // the test digit that is read before anything is drawn
let drawing = { digit: OPENING }; // or { strokes }, or { misread_after: index }
const past = []; // the drawings before it, for undo
let pixel = null; // the one that is explained: { layer, channel, row, column }
let answer = null; // the newest

let asking = false;
let askAgain = false;
let askLater; // a timer
let changedAt = null; // when the newest change was made that is not on the screen yet

/** Ask after a change. */
function changed() {
  changedAt = performance.now();
  look();
}

/** Ask about everything as it is now, one question at a time: what changes meanwhile waits. */
async function look() {
  askAgain = asking;
  if (asking) return;
  asking = true;
  const [askedDrawing, askedPixel, start] = [drawing, pixel, changedAt];
  let problem = "";
  try {
    answer = await ask("/look", { drawing, gradient: gradientAsked(), pixel });
    if (drawing === askedDrawing && answer.digit !== null) {
      drawing = { digit: answer.digit }; // now known also of misread_after
      pad.show([], answer.image);
    }
    if (pixel !== askedPixel) answer.pixel = null; // the reader is at another one by now
  } catch (error) {
    if ("misread_after" in drawing) drawing = past.pop();
    problem = error.message;
  }
  asking = false;
  if (askAgain) look(); // the server works on that while this answer is being shown
  showError(problem);
  if (problem) return;
  show();
  if (start !== null) measure(start);
}

function gradientAsked() {
  const k = $("gradient-class").value;
  return { of: $("gradient-of").value, class: k === "" ? null : Number(k) };
}

/** Note the time from a change until the screen shows it, also in the browser's own tools. */
function measure(start) {
  if (changedAt === start) changedAt = null;
  // The frame is painted after this callback, and a task after it comes when that is done.
  requestAnimationFrame(() =>
    setTimeout(() => {
      const { duration } = performance.measure("pen to screen", { start });
      $("latency").textContent = `Last change: ${Math.round(duration)} ms until it was painted.`;
    }),
  );
}

// -- the drawing --

const pad = new Pad($("pad"), {
  begin: () => past.push(drawing),
  change() {
    drawing = { strokes: [...pad.strokes] };
    changed();
  },
  undo,
  clear,
  say: (text) => say("place", text),
});

function load(next) {
  pad.lift();
  past.push(drawing);
  drawing = next;
  changed();
}

function clear() {
  pad.show([]);
  load({ strokes: [] });
}

function undo() {
  pad.lift();
  if (!past.length) return;
  drawing = past.pop();
  pad.show(drawing.strokes ?? []); // a test digit's image comes with the answer
  changed();
}

const keep = new Keep({
  strokes: () => drawing.strokes ?? [],
  kept: clear,
  say: (text) => say("place", text),
  showError,
});
$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clear);
$("load").addEventListener("submit", (event) => {
  event.preventDefault();
  load({ digit: $("digit").valueAsNumber });
});
$("random").addEventListener("click", () =>
  load({ digit: Math.floor(Math.random() * answer.digits) }),
);
$("misread").addEventListener("click", () => load({ misread_after: answer.digit ?? 0 }));
$("gradient-form").addEventListener("change", changed);

// -- the answer --

const bars = Array.from({ length: 10 }, (_, k) => {
  const fill = element("span", { className: "fill" });
  const number = element("span", { className: "number" });
  const bar = element("span", { className: "bar", "aria-hidden": "true" }, fill);
  const row = element("li", {}, element("span", { className: "class" }, String(k)), bar, number);
  $("probabilities").append(row);
  return { row, fill, number };
});
const mistakes = []; // the buttons, as many as are shown
const layers = []; // [Maps]
let width = $("layers").clientWidth; // that they have
const explanation = new Explanation({
  select: (place) => select(pixel.layer, place),
  close: closeExplanation,
});

function show() {
  const { image, probabilities } = answer;
  const blank = image.values.every((value) => value === 0);
  const read = probabilities.indexOf(Math.max(...probabilities));
  $("hint").hidden = drawing.strokes?.length > 0;
  $("hint").classList.toggle("over", !blank); // a digit of the test set: a stroke clears it
  document.body.classList.toggle("blank", blank);
  drawImage($("preview"), image, ink, 5);
  if (answer.pixel?.layer === 0) {
    const { top, left, height, width } = answer.pixel.source;
    outline($("preview").getContext("2d"), 5 * left, 5 * top, 5 * width, 5 * height);
  }
  $("answer").textContent = blank ? "–" : read;
  let truth = `read with ${percent(probabilities[read])}`;
  if (blank) truth = "Nothing is drawn yet.";
  if (answer.digit !== null) {
    const right = read === answer.label ? "right" : "wrong";
    truth = `Test digit ${answer.digit}, labelled ${answer.label}: read ${right}`;
  }
  $("truth").textContent = truth;
  const field = $("digit");
  if (answer.digit !== null && document.activeElement !== field) field.value = answer.digit;
  field.max = answer.digits - 1;
  bars.forEach(({ row, fill, number }, k) => {
    fill.style.transform = `scaleX(${probabilities[k]})`;
    number.textContent = percent(probabilities[k]);
    row.className = k === read && !blank ? "best" : "";
  });
  showSeen(blank);
  showGradient();
  showMistakes();
  showLayers();
  if (!blank && changedAt !== null) {
    const known = answer.digit === null ? $("verdict").textContent : truth;
    say("result", `Read as ${read}, ${percent(probabilities[read])}. ${known}`);
  }
}

/** How far the drawing is from all digits seen. */
function showSeen(blank) {
  $("seen").hidden = blank || !answer.seen;
  if ($("seen").hidden) return;
  const { angle, nearer, compared, digits, label, image } = answer.seen;
  const share = nearer / compared;
  let verdict = "Like the digits it has seen.";
  if (share >= 0.9) verdict = "Unusual for a digit.";
  if (share >= 0.99) verdict = "Unlike the digits it has seen.";
  $("seen").classList.toggle("unlike", share >= 0.99);
  $("verdict").textContent = verdict;
  drawImage($("seen-image"), image, ink, 2);
  const count = (n) => n.toLocaleString("en");
  $("seen-text").textContent =
    `${angle.toFixed(1)}° from the nearest of ${count(digits)} training digits, this ${label}: ` +
    `farther than ${percent(share)} of ${count(compared)} test digits are.`;
}

function showError(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

function showGradient() {
  const { of, class: k, slope } = answer.gradient;
  const scale = 7;
  const most = largest(slope.values);
  drawImage($("gradient"), slope, signed(most), scale);
  drawContour($("gradient").getContext("2d"), answer.image, scale);
  const what = `the ${of} of ${k}`;
  $("gradient").setAttribute("aria-label", `Gradient of ${what} with respect to the pixels`);
  $("gradient-text").replaceChildren(
    element("span", { className: "key plus" }, "Here"),
    ` more ink raises ${what}, `,
    element("span", { className: "key minus" }, "here"),
    " it lowers it. The steepest pixel: ",
    element("span", { id: "gradient-most" }, decimals(most)),
    " from paper to ink, if the slope stayed the same.",
  );
}

/** A line around the ink of an image. */
function drawContour(context, { shape: [h, w], values }, scale) {
  const isInk = (i, j) => i >= 0 && i < h && j >= 0 && j < w && values[i * w + j] >= 128;
  context.beginPath();
  for (let i = 0; i <= h; i++) {
    for (let j = 0; j <= w; j++) {
      if (isInk(i, j) !== isInk(i - 1, j)) {
        context.moveTo(j * scale, i * scale);
        context.lineTo((j + 1) * scale, i * scale);
      }
      if (isInk(i, j) !== isInk(i, j - 1)) {
        context.moveTo(j * scale, i * scale);
        context.lineTo(j * scale, (i + 1) * scale);
      }
    }
  }
  context.strokeStyle = penColour();
  context.globalAlpha = 0.55;
  context.stroke();
  context.globalAlpha = 1;
}

function showMistakes() {
  const { read, count, nearest } = answer.mistakes;
  nearest.forEach((mistake, i) => {
    if (!mistakes[i]) {
      const [canvas, text] = [element("canvas", { "aria-hidden": "true" }), element("span")];
      const button = element("button", { type: "button", className: "mistake" }, canvas, text);
      button.addEventListener("click", () => load({ digit: mistakes[i].digit }));
      $("mistakes").append(button);
      mistakes[i] = { canvas, text };
    }
    const { canvas, text } = mistakes[i];
    mistakes[i].digit = mistake.digit;
    drawImage(canvas, mistake.image, ink, 3);
    text.replaceChildren(
      element("b", {}, `${mistake.label} read as ${mistake.read_as}`),
      " ",
      element("span", { className: "number" }, `(${percent(mistake.probability)})`),
      element("small", {}, `digit ${mistake.digit}, distance ${mistake.distance.toFixed(1)}`),
    );
  });
  const all = answer.digits.toLocaleString("en");
  $("mistakes-text").textContent =
    (read < answer.digits
      ? `${read.toLocaleString("en")} of ${all} test digits are read so far, ${count} wrongly. `
      : `The network reads ${count} of the ${all} test digits wrongly. `) +
    "Shown are those most like this drawing: the distance is the Euclidean one between the " +
    "outputs of model[19], the second pooling.";
  clearTimeout(askLater);
  if (read < answer.digits) askLater = setTimeout(look, 1000); // just after the start
}

function showLayers() {
  const explained = answer.pixel;
  answer.layers.forEach(({ name, maps }, i) => {
    const isNew = !layers[i];
    if (isNew) {
      layers[i] = new Maps(i, name, {
        select: (place) => select(i, place),
        close: closeExplanation,
        fold: nameFold,
      });
      $("layers").append(layers[i].section);
    }
    const cursor = pixel?.layer === i ? [pixel.channel, pixel.row, pixel.column] : null;
    const source = explained?.layer === i + 1 ? explained.source : null;
    layers[i].show(maps, cursor, source);
    if (isNew) layers[i].layOut(width);
  });
  if (!explained) return;
  const i = explained.layer;
  const input = i ? layers[i - 1].shape : asMaps([1, ...answer.image.shape]);
  explanation.show(explained, layers[i], input);
}

function select(layer, [channel, row, column]) {
  pixel = { layer, channel, row, column };
  const maps = layers[layer];
  const place =
    maps.axes === 1 ? `class ${channel}` : `channel ${channel}, row ${row}, column ${column}`;
  say("place", `${maps.title}, ${place}: ${decimals(maps.at([channel, row, column]))}`);
  changed();
}

function closeExplanation() {
  if (!pixel) return;
  layers[pixel.layer].canvas.focus();
  pixel = null;
  explanation.section.remove();
  changed();
}

$("fold").addEventListener("click", () => {
  const open = layers.every(({ section }) => !section.open);
  for (const { section } of layers) section.open = open;
});

/** Called when a row was folded or unfolded. */
function nameFold() {
  const folded = layers.every(({ section }) => !section.open);
  $("fold").textContent = folded ? "Unfold all" : "Fold all";
}

// -- the rest --

const toSay = {}; // timers

/** Tell a screen reader a place or a result, once it has stood still for a moment. */
function say(what, text) {
  clearTimeout(toSay[what]);
  toSay[what] = setTimeout(() => ($(`said-${what}`).textContent = text), 400);
}

/** Paint everything anew, in the colours of the style sheet. */
function repaint() {
  readColours();
  pad.paint();
  if (answer) show();
  if (keep.state) keep.showDigits();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

// On paper all rows are there, in light colours, whatever is folded or not drawn yet.
let folded = [];
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printing");
  folded = [...document.querySelectorAll("details.layer:not([open])")];
  for (const row of folded) row.open = true;
  repaint();
  for (const maps of layers) maps.draw();
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printing");
  for (const row of folded) row.open = false;
  repaint();
});
new ResizeObserver(() => {
  if ($("layers").clientWidth === width) return;
  width = $("layers").clientWidth;
  for (const maps of layers) maps.layOut(width);
}).observe($("layers"));

readColours();
look();

// The search over lessons and exercises. find-index.js has their text, as
// SECTIONS = [[title of the page, address, heading, text], …]; it is loaded at the first search.
"use strict";

const MOST = 15; // results

const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [];

// How well a section fits: 0 unless each word begins a word in it; headings count most.
function fit([title, , heading, text], words) {
  let sum = 0;
  for (const word of words) {
    const begins = new RegExp(`(?<![\\p{L}\\p{N}_])${word}`, "giu");
    const times = (where) => (where.match(begins) || []).length;
    const points = 20 * times(heading) + 10 * times(title) + Math.min(times(text), 9);
    if (points === 0) return 0;
    sum += points;
  }
  return sum;
}

function search(sections, question) {
  const words = wordsOf(question);
  if (words.length === 0) return [];
  return sections
    .map((section) => [fit(section, words), section])
    .filter(([points]) => points > 0)
    .sort(([a], [b]) => b - a)
    .map(([, section]) => section);
}

// The text around the first word that was found, with all of them marked.
function excerpt(text, words) {
  const any = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${words.join("|")})`, "giu");
  const start = text.lastIndexOf(" ", Math.max(0, text.search(any) - 60)) + 1;
  const piece = text.slice(start, start + 180);
  const line = document.createElement("p");
  let end = 0;
  for (const match of piece.matchAll(any)) {
    const mark = document.createElement("mark");
    mark.textContent = match[0];
    line.append(piece.slice(end, match.index), mark);
    end = match.index + match[0].length;
  }
  line.prepend(start > 0 ? "… " : "");
  line.append(piece.slice(end), start + 180 < text.length ? " …" : "");
  return line;
}

function result([title, address, heading, text], words, root) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = root + address;
  link.textContent = heading ? `${title}: ${heading}` : title;
  item.append(link, excerpt(text, words));
  return item;
}

let loading = null; // one promise of the sections, for the whole page

function sections(root) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}find-index.js`;
    script.onload = () => resolve(window.SECTIONS);
    script.onerror = () => reject(new Error("find-index.js is not there"));
    document.head.append(script);
  });
  return loading;
}

function setUpSearch() {
  const root = document.documentElement.dataset.root;
  const form = document.querySelector("form[role=search]");
  const [field, count, found] = ["search", "count", "found"].map((id) => form.querySelector(`#${id}`));

  async function show() {
    const question = field.value;
    const all = search(await sections(root), question);
    if (question !== field.value) return; // typed on meanwhile
    const words = wordsOf(question);
    found.replaceChildren(...all.slice(0, MOST).map((section) => result(section, words, root)));
    const shown = all.length > MOST ? `the first ${MOST} of ${all.length} sections` : `${all.length} sections`;
    count.textContent = words.length === 0 ? "" : all.length === 1 ? "1 section" : shown;
  }

  function close() {
    field.value = "";
    show();
  }

  form.hidden = false; // without scripts there is no search
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    found.querySelector("a")?.click();
  });
  field.addEventListener("focus", () => sections(root), { once: true });
  field.addEventListener("input", show);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    field.focus();
    close();
  });
  document.addEventListener("click", (event) => {
    if (found.contains(event.target) || !form.contains(event.target)) close();
  });
}

setUpSearch();

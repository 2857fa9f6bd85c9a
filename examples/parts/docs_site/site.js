// What can be folded: the contents of a page where they would push its text away, and answers,
// which open when a link leads into one.
"use strict";

const contents = document.querySelector(".contents");
if (contents && matchMedia("(max-width: 70rem)").matches) contents.open = false;

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const fold = target?.closest("main details");
  if (!fold) return;
  fold.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", openTarget);
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("main details")) fold.open = true;
});
openTarget();

// What every page has: parts that follow what happens, figures, things to copy, keys.
import { follow } from "./live.js";
import { draw } from "./figures.js";
import { copying } from "./copying.js";
import { keys } from "./keys.js";
import { forms } from "./forms.js";
import { reviewing } from "./reviewing.js";
import { chosen } from "./chosen.js";

export function wake(part) {
  follow(part);
  draw(part);
  copying(part);
  forms(part);
  reviewing(part);
  chosen(part);
}

wake(document);
// The pages' names are one line that scrolls where there is no room: the one that is shown is in it.
const pages = document.querySelector(".top nav");
const here = pages?.querySelector("[aria-current]");
if (here) pages.scrollLeft = here.offsetLeft - pages.clientWidth / 2 + here.offsetWidth / 2;
keys();

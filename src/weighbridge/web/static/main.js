// What every page has: parts that follow what happens, figures, things to copy, keys.
import { follow } from "./live.js";
import { draw } from "./figures.js";
import { copying } from "./copying.js";
import { keys } from "./keys.js";
import { forms } from "./forms.js";

export function wake(part) {
  follow(part);
  draw(part);
  copying(part);
  forms(part);
}

wake(document);
keys();

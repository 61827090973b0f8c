// What the model offers where it can tell what else the colors may be.

import * as api from "./api.js";

const WIDTH = 260; // pixels
const NAMES = ["as computed", "cooler", "warmer", "paler"];

const element = (id) => document.getElementById(id);

let asked = null; // what the colorings that are shown, or on their way, were asked for

/** Show the colorings to choose from; `take` is called with the number of the one that is. */
export async function propose(photo, decisions, take) {
  // Hints correct any of them; what else is decided, all of them show.
  const wanted = JSON.stringify([photo.id, { ...decisions, hints: [], proposal: 0 }]);
  if (wanted === asked) return;
  asked = wanted;
  const choices = element("choices");
  if (choices.dataset.photo !== photo.id) {
    choices.dataset.photo = photo.id;
    choices.replaceChildren(...NAMES.map((name, number) => makeChoice(photo, name, number, take)));
  }
  for (const [number, button] of [...choices.children].entries()) {
    const url = URL.createObjectURL(await api.proposal(photo.id, number, WIDTH));
    if (wanted !== asked) return URL.revokeObjectURL(url); // others are on their way
    const image = button.querySelector("img");
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    image.src = url;
  }
}

function makeChoice(photo, name, number, take) {
  const button = document.createElement("button");
  button.type = "button";
  const image = document.createElement("img");
  image.alt = "";
  image.style.aspectRatio = `${photo.width} / ${photo.height}`;
  button.append(image, name);
  button.addEventListener("click", () => take(number));
  return button;
}

export function withdrawProposals() {
  asked = null;
  element("choices").dataset.photo = "";
  element("choices").replaceChildren();
}

export function markProposal(chosen) {
  for (const [number, button] of [...element("choices").children].entries())
    button.setAttribute("aria-pressed", number === chosen);
}

/** Show what the model thinks likely at a place; `take` is called with the color that is chosen,
 * `current` tells whether the place is still the one that was picked. */
export async function offerColors(photo, hint, take, current) {
  const row = element("likely");
  row.hidden = true;
  if (!hint || hint.outline) return;
  const colors = await api.likely(photo.id, hint.x, hint.y);
  if (!current()) return;
  for (const button of row.querySelectorAll("button")) button.remove();
  for (const color of colors) {
    const button = document.createElement("button");
    button.type = "button";
    button.style.background = color;
    button.title = color;
    button.setAttribute("aria-label", `Likely color ${color}`);
    button.addEventListener("click", () => take(color));
    row.append(button);
  }
  row.hidden = colors.length === 0;
}

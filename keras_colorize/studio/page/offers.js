// What the model offers where it can tell what else the colors may be.

import * as api from "./api.js";

const COUNT = 4;
const WIDTH = 260; // pixels
const NAMES = ["as computed", "cooler", "warmer", "paler"];

const element = (id) => document.getElementById(id);

/** Show the colorings to choose from; `take` is called with the number of the one that is. */
export async function propose(photo, take) {
  const choices = element("choices");
  choices.replaceChildren();
  for (let number = 0; number < COUNT; number += 1) {
    const button = document.createElement("button");
    button.type = "button";
    const image = document.createElement("img");
    image.alt = "";
    image.style.aspectRatio = `${photo.width} / ${photo.height}`;
    button.append(image, NAMES[number]);
    button.addEventListener("click", () => take(number));
    choices.append(button);
  }
  for (const [number, button] of [...choices.children].entries()) {
    const url = URL.createObjectURL(await api.proposal(photo.id, number, WIDTH));
    if (!button.isConnected) return URL.revokeObjectURL(url); // another photograph is open
    const image = button.querySelector("img");
    image.addEventListener("load", () => URL.revokeObjectURL(url));
    image.src = url;
  }
}

export function markProposal(chosen) {
  for (const [number, button] of [...element("choices").children].entries())
    button.setAttribute("aria-pressed", number === chosen);
}

/** Show what the model thinks likely at a place; `take` is called with the color that is chosen. */
export async function offerColors(photo, hint, take) {
  const row = element("likely");
  row.hidden = true;
  if (!hint || hint.outline) return;
  const colors = await api.likely(photo.id, hint.x, hint.y);
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

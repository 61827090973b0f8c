// Colors that there were, to which the photograph is drawn where the model is unsure.

const MOST = 16; // as decisions have it

const element = (id) => document.getElementById(id);

export class Palette {
  /** `change` is called with the colors, and whether that is a step of its own. */
  constructor(change) {
    this.change = change;
    this.colors = [];
  }

  show(colors, disabled) {
    this.colors = colors;
    const list = element("palette");
    // Rows stay, so that what has the focus keeps it.
    while (list.children.length > colors.length) list.lastChild.remove();
    while (list.children.length < colors.length) list.append(this.makeRow(list.children.length));
    colors.forEach((color, i) => (list.children[i].firstChild.value = color));
    element("no-palette").hidden = colors.length > 0;
    element("add-color").disabled = disabled || colors.length >= MOST;
  }

  makeRow(i) {
    const row = document.createElement("li");
    const color = document.createElement("input");
    color.type = "color";
    color.setAttribute("aria-label", `Color ${i + 1} of the palette`);
    const turn = (settled) =>
      this.change(this.colors.map((old, j) => (j === i ? color.value : old)), settled);
    color.addEventListener("input", () => turn(false));
    color.addEventListener("change", () => turn(true));
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove color ${i + 1} of the palette`);
    remove.addEventListener("click", () => this.remove(i));
    row.append(color, remove);
    return row;
  }

  add(color) {
    this.change([...this.colors, color], true);
    element("palette").lastChild.firstChild.focus();
  }

  remove(i) {
    this.change(
      this.colors.filter((_, j) => j !== i),
      true,
    );
    const next = element("palette").children[Math.min(i, this.colors.length - 1)];
    (next?.firstChild ?? element("add-color")).focus();
  }
}

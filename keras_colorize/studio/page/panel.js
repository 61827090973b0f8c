// The colors that were said and the settings, for the photograph that is being looked at.

import { Palette } from "./palette.js";
import { describe, moved } from "./places.js";

const RECENT = 8;
const SIZES = [128, 160, 192, 224, 256, 320, 384, 512];

const element = (id) => document.getElementById(id);

export class Panel {
  /** `on` holds what to do: change(decisions, settled), pick(i), undo(), redo(), save(). */
  constructor(on) {
    this.on = on;
    this.decisions = null;
    this.picked = null;
    this.recent = [];
    element("undo").addEventListener("click", () => on.undo());
    element("redo").addEventListener("click", () => on.redo());
    element("save").addEventListener("click", () => on.save());
    element("saturation").addEventListener("input", (e) => this.set("saturation", +e.target.value, false));
    element("saturation").addEventListener("change", (e) => this.set("saturation", +e.target.value));
    element("tint").addEventListener("change", (e) => this.set("remove_tint", e.target.checked));
    element("working-size").addEventListener("change", (e) => this.set("working_size", +e.target.value));
    element("look").addEventListener("change", (e) => this.set("look", e.target.value));
    element("add-color").addEventListener("click", () => this.palette.add(this.color));
    this.palette = new Palette((palette, settled) => {
      const reference = palette.length ? null : this.decisions.reference; // one or the other
      on.change({ ...this.decisions, palette, reference }, settled);
    });
  }

  set(name, value, settled = true) {
    if (this.decisions) this.on.change({ ...this.decisions, [name]: value }, settled);
  }

  get color() {
    return element("color").value;
  }

  get radius() {
    return +element("radius").value;
  }

  /** Colors that were used come first next time. */
  use(color) {
    this.recent = [color, ...this.recent.filter((other) => other !== color)].slice(0, RECENT);
    const row = element("recent");
    row.hidden = false;
    row.replaceChildren(
      row.firstElementChild, // what they are
      ...this.recent.map((value) => {
        const button = document.createElement("button");
        button.type = "button";
        button.style.background = value;
        button.setAttribute("aria-label", `Color ${value}`);
        button.title = value;
        button.addEventListener("click", () => (element("color").value = value));
        return button;
      }),
    );
  }

  /** Which sizes can be chosen; the least is what the model can see. */
  setSizes(initial, least) {
    const sizes = [...new Set([...SIZES, initial])].filter((size) => size >= least);
    element("working-size").replaceChildren(
      ...sizes
        .sort((a, b) => a - b)
        .map((size) => new Option(`${size} pixels${size === initial ? " (as usual)" : ""}`, size)),
    );
  }

  /** Which old processes there are, and what each is. */
  setLooks(looks) {
    this.looks = looks;
    const title = (name) => (name[0].toUpperCase() + name.slice(1)).replace("_", " ");
    element("look").replaceChildren(...Object.keys(looks).map((name) => new Option(title(name), name)));
  }

  show(decisions, picked, { toned, look, canUndo, canRedo }) {
    this.decisions = decisions;
    element("undo").disabled = !canUndo;
    element("redo").disabled = !canRedo;
    element("save").disabled = decisions === null;
    element("tint-label").hidden = !toned && !decisions?.remove_tint;
    for (const id of ["saturation", "look", "working-size", "tint", "settings-too", "colors-too"])
      element(id).disabled = decisions === null;
    if (decisions) {
      element("saturation").value = decisions.saturation;
      element("saturation-value").value = `${Math.round(100 * decisions.saturation)} %`;
      element("tint").checked = decisions.remove_tint;
      element("look").value = decisions.look ?? look;
      element("look-is").textContent = this.looks[element("look").value];
      this.offer(decisions.working_size);
      element("working-size").value = decisions.working_size;
    }
    this.palette.show(decisions?.palette ?? [], decisions === null);
    this.showHints(decisions?.hints ?? [], picked);
  }

  offer(size) {
    const select = element("working-size");
    if ([...select.options].every((option) => +option.value !== size))
      select.add(new Option(`${size} pixels`, size));
  }

  showHints(hints, picked) {
    const list = element("hints");
    element("no-hints").hidden = hints.length > 0;
    // Rows stay, so that what has the focus keeps it.
    while (list.children.length > hints.length) list.lastChild.remove();
    while (list.children.length < hints.length) list.append(this.makeRow(list.children.length));
    hints.forEach((hint, i) => {
      const [color, where, remove] = list.children[i].children;
      const name = `${hint.outline ? "Area" : "Point"} ${i + 1}`;
      color.value = hint.color;
      color.setAttribute("aria-label", `Color of ${name}`);
      where.textContent = `${name}, ${describe(hint)}`;
      where.setAttribute("aria-pressed", i === picked);
      remove.setAttribute("aria-label", `Remove ${name}`);
    });
  }

  makeRow(i) {
    const row = document.createElement("li");
    const color = document.createElement("input");
    color.type = "color";
    color.addEventListener("input", () => this.recolor(i, color.value, false));
    color.addEventListener("change", () => this.recolor(i, color.value, true));
    const where = document.createElement("button");
    where.type = "button";
    where.className = "where";
    where.title = "Arrow keys move it, Delete removes it";
    where.addEventListener("click", () => this.on.pick(i));
    where.addEventListener("keydown", (event) => this.key(event, i));
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.addEventListener("click", () => this.remove(i));
    row.append(color, where, remove);
    return row;
  }

  recolor(i, color, settled) {
    const hints = this.decisions.hints.map((hint, j) => (j === i ? { ...hint, color } : hint));
    this.on.change({ ...this.decisions, hints }, settled);
    if (settled) this.use(color);
  }

  remove(i) {
    const hints = this.decisions.hints.filter((_, j) => j !== i);
    this.on.change({ ...this.decisions, hints }, true);
    const next = element("hints").children[Math.min(i, hints.length - 1)];
    (next?.children[1] ?? element("color")).focus();
  }

  key(event, i) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in steps) {
      const [dx, dy] = steps[event.key];
      const hints = this.decisions.hints.map((hint, j) =>
        j === i ? moved(hint, 0.01 * dx, 0.01 * dy) : hint,
      );
      this.on.change({ ...this.decisions, hints }, true);
    } else if (event.key === "Delete" || event.key === "Backspace") this.remove(i);
    else return;
    event.preventDefault();
  }
}

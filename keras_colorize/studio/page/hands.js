// What mouse, fingers, pen and keyboard do on the photograph.

import { middle } from "./places.js";

const NEAR = 14; // pixels: what a finger or a mouse is taken to mean
const MOST_CORNERS = 1500;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const inside = ([x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 1;

export class Hands {
  /** `on` holds what to do: place(x, y), outline(corners), move(i, x, y, final), pick(i). */
  constructor(stage, on) {
    this.stage = stage;
    this.view = stage.view;
    this.on = on;
    this.tool = "look";
    this.corners = []; // of the area that is being drawn
    this.cross = null; // where the keyboard is
    this.pointers = new Map();
    const { canvas } = stage;
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this.view.photo && this[name](event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.setCross(null));
  }

  setTool(tool) {
    this.tool = tool;
    this.stage.canvas.className = tool;
    this.letGo();
    this.setCross(null);
  }

  /** Leave what was begun. */
  letGo() {
    this.corners = [];
    this.drag = null;
    this.pointers.clear();
  }

  // -- mouse, finger, pen -----------------------------------------------------------------------

  pointerdown(event) {
    this.stage.canvas.setPointerCapture(event.pointerId);
    const at = [event.offsetX, event.offsetY];
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size > 1) {
      this.drag = { what: "pinch" };
      this.corners = [];
      return;
    }
    const hint = this.hintAt(...at);
    if (hint >= 0) this.drag = { what: "hint", hint };
    else if (Math.abs(at[0] - this.stage.line) < NEAR) this.drag = { what: "split" };
    else this.drag = { what: this.tool, at };
    if (hint >= 0) this.on.pick(hint);
    if (this.drag.what === "area") this.corners = [this.view.nearest(...at)];
  }

  pointermove(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const at = [event.offsetX, event.offsetY];
    const { what, hint } = this.drag;
    if (what === "pinch") this.pinch(event.pointerId, at);
    this.pointers.set(event.pointerId, at);
    if (what === "look") this.view.pan(at[0] - last[0], at[1] - last[1]);
    else if (what === "split") this.stage.setLine(at[0]);
    else if (what === "hint") this.on.move(hint, ...this.view.nearest(...at), false);
    else if (what === "area" && this.corners.length < MOST_CORNERS) {
      this.corners.push(this.view.nearest(...at));
      this.stage.draw();
    }
  }

  pointerup(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { what, at, hint } = this.drag;
    const here = this.view.nearest(event.offsetX, event.offsetY);
    if (what === "point" && inside(this.view.toPhoto(...at)))
      this.on.place(...this.view.nearest(...at));
    else if (what === "hint") this.on.move(hint, ...here, true);
    else if (what === "area") this.closeArea();
    if (!this.pointers.size) this.drag = null;
  }

  pointercancel() {
    this.letGo();
    this.stage.draw();
  }

  pinch(id, at) {
    const other = [...this.pointers].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const last = this.pointers.get(id);
    const apart = (a, b) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
    const [x, y] = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.view.zoomTo((this.view.scale * apart(at, other)) / apart(last, other), x, y);
  }

  wheel(event) {
    event.preventDefault();
    this.view.zoomTo(this.view.scale * Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }

  /** Which place whose color was said lies there; the last one is on top. */
  hintAt(x, y) {
    return this.stage.hints.findLastIndex((hint) => {
      const [hx, hy] = this.view.toScreen(...middle(hint));
      return Math.hypot(hx - x, hy - y) < NEAR;
    });
  }

  closeArea() {
    const { corners } = this;
    this.corners = [];
    if (corners.length > 2) this.on.outline(corners);
    this.stage.draw();
  }

  // -- keyboard ---------------------------------------------------------------------------------

  setCross(place) {
    this.cross = place;
    this.stage.draw();
  }

  key(event) {
    if (!this.view.photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    if (step && this.tool === "look") this.view.pan(-60 * step[0], -60 * step[1]);
    else if (step) this.moveCross(step, event.shiftKey ? 2 : 16);
    else if (event.key === "Enter" && this.tool !== "look") this.enter();
    else if (event.key === " " && this.tool === "area") this.closeArea();
    else if (event.key === "+") this.view.zoomTo(this.view.scale * 1.25);
    else if (event.key === "-") this.view.zoomTo(this.view.scale / 1.25);
    else if (event.key === "0") this.view.fit();
    else if (event.key === "Escape") this.corners = [];
    else return;
    event.preventDefault();
    this.stage.draw();
  }

  /** Where the cross is, or would begin: in the middle. */
  get aim() {
    const [width, height] = this.view.bounds;
    return this.cross ?? this.view.nearest(width / 2, height / 2);
  }

  moveCross([dx, dy], step) {
    const [x, y] = this.view.toScreen(...this.aim);
    this.cross = this.view.nearest(x + dx * step, y + dy * step);
  }

  enter() {
    this.cross = this.aim;
    if (this.tool === "point") this.on.place(...this.cross);
    else this.corners.push(this.cross);
  }
}

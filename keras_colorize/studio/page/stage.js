// The photograph: before and after, at any size, and the places whose color was said.

import * as api from "./api.js";
import { drawCross, drawOutline, drawPoint } from "./marks.js";

const NEAR = 14; // pixels: what a finger or a mouse is taken to mean
const MOST = 8; // pixels of the screen for one of the photograph
const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Stage {
  /** `on` holds what to do: place(x, y), outline(corners), move(i, x, y), pick(i), fail(error). */
  constructor(on) {
    this.on = on;
    this.canvas = document.getElementById("canvas");
    this.context = this.canvas.getContext("2d");
    this.split = document.getElementById("split");
    this.tool = "look";
    this.side = "after"; // or "certainty", of the whole alone
    this.photo = null;
    this.hints = [];
    this.picked = null;
    this.corners = []; // of the area that is being drawn
    this.cross = null; // where the keyboard is
    this.pointers = new Map();
    this.split.addEventListener("input", () => this.draw());
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"])
      this.canvas.addEventListener(name, (event) => this[name](event));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.setCross(null));
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  /** Show another photograph: its id, width and height. */
  show(photo) {
    this.close();
    this.photo = photo;
    this.hints = [];
    this.fit();
  }

  close() {
    for (const layer of [this.base, this.detail])
      for (const bitmap of Object.values(layer?.bitmaps ?? {})) bitmap.close();
    this.photo = this.base = this.detail = null;
    this.corners = [];
    this.draw();
  }

  setTool(tool) {
    this.tool = tool;
    this.canvas.className = tool;
    this.corners = [];
    this.setCross(null);
  }

  setSide(side) {
    if (side === this.side) return;
    this.side = side;
    this.replace("detail", null);
    this.refresh(true);
  }

  setHints(hints, picked = null) {
    this.hints = hints;
    this.picked = picked;
    this.draw();
  }

  // -- size and place ---------------------------------------------------------------------------

  get bounds() {
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  get fitting() {
    const [width, height] = this.bounds;
    return Math.min(width / this.photo.width, height / this.photo.height);
  }

  resize() {
    const ratio = devicePixelRatio;
    const [width, height] = this.bounds;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    if (this.photo && this.fitted) this.fit();
    else this.refresh();
  }

  fit() {
    if (this.photo) this.zoomTo(this.fitting);
  }

  /** One pixel of the photograph on `scale` of the screen's; the place (x, y) stays. */
  zoomTo(scale, x = this.bounds[0] / 2, y = this.bounds[1] / 2) {
    if (!this.photo) return;
    const before = this.scale ?? this.fitting;
    const least = Math.min(this.fitting, 1);
    this.scale = clamp(scale, least, Math.max(MOST, least));
    this.fitted = this.scale === this.fitting;
    const ratio = this.scale / before;
    this.left = x - (x - (this.left ?? 0)) * ratio;
    this.top = y - (y - (this.top ?? 0)) * ratio;
    this.pan(0, 0);
  }

  pan(dx, dy) {
    const [width, height] = this.bounds;
    const [w, h] = [this.photo.width * this.scale, this.photo.height * this.scale];
    this.left = w <= width ? (width - w) / 2 : clamp(this.left + dx, width - w, 0);
    this.top = h <= height ? (height - h) / 2 : clamp(this.top + dy, height - h, 0);
    document.getElementById("zoom").value = `${Math.round(this.scale * 100)} %`;
    this.refresh();
  }

  toPhoto(x, y) {
    const { width, height } = this.photo;
    return [
      clamp((x - this.left) / (width * this.scale), 0, 1),
      clamp((y - this.top) / (height * this.scale), 0, 1),
    ];
  }

  toScreen(x, y) {
    const { width, height } = this.photo;
    return [this.left + x * width * this.scale, this.top + y * height * this.scale];
  }

  // -- pictures ---------------------------------------------------------------------------------

  /** Draw what is there, and ask for what is missing; `changed`: the colors are others now. */
  refresh(changed = false) {
    this.draw();
    if (!this.photo) return;
    this.changed ||= changed;
    clearTimeout(this.timer);
    this.setBusy(true);
    if (changed) this.load();
    else this.timer = setTimeout(() => this.load(), this.base ? 120 : 0); // when it rests
  }

  /** One after the other: what is asked for meanwhile is asked for once, at the end. */
  async load() {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      await this.loadLayers(this.photo);
    } catch (error) {
      this.again = false;
      this.on.fail(error);
    } finally {
      this.busy = false;
    }
    const more = this.again && this.photo;
    this.again = false;
    if (more) this.load();
    else this.setBusy(false);
  }

  /** Whether what is seen is not yet what it will be. */
  setBusy(busy) {
    this.canvas.setAttribute("aria-busy", busy);
  }

  async loadLayers(photo) {
    const { changed } = this;
    this.changed = false;
    const width = Math.min(this.fitting * photo.width * devicePixelRatio, photo.width);
    const near = this.scale > 1.05 * this.fitting && this.side === "after";
    if (near && this.base) {
      const box = this.seen();
      const wide = (box.right - box.left) * photo.width * Math.min(this.scale * devicePixelRatio, 1);
      await this.fetch(photo, "detail", box, wide, changed);
    }
    await this.fetch(photo, "base", WHOLE, width, changed);
    if (!near && this.photo === photo) this.replace("detail", null);
    if (near && !this.detail) this.again = true;
  }

  /** Have a layer show a part; only what is not there yet is asked for. */
  async fetch(photo, name, box, width, changed) {
    const old = this[name];
    const same = old && old.width === width && JSON.stringify(old.box) === JSON.stringify(box);
    if (same && !changed) return;
    const before = same ? old.bitmaps.before : await api.view(photo.id, "before", box, width);
    const layer = { box, width, bitmaps: { before } };
    if (!old && this.photo === photo) this.replace(name, layer); // gray at once, colors follow
    const after = await api.view(photo.id, this.side, box, width);
    if (this.photo !== photo) {
      after.close();
      return;
    }
    layer.bitmaps = { before, after };
    this.replace(name, layer);
    this.draw();
  }

  replace(name, layer) {
    const kept = Object.values(layer?.bitmaps ?? {});
    for (const bitmap of Object.values(this[name]?.bitmaps ?? {}))
      if (!kept.includes(bitmap)) bitmap.close();
    this[name] = layer;
  }

  seen() {
    const [width, height] = this.bounds;
    const [left, top] = this.toPhoto(0, 0);
    const [right, bottom] = this.toPhoto(width, height);
    return { left, top, right, bottom };
  }

  // -- drawing ----------------------------------------------------------------------------------

  draw() {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.photo || !this.base) return;
    context.scale(devicePixelRatio, devicePixelRatio);
    context.imageSmoothingQuality = "high";
    const [width, height] = this.bounds;
    const line = this.line;
    this.drawSide("before", 0, line);
    this.drawSide("after", line, width);
    context.fillStyle = "#fff";
    context.fillRect(line - 1, 0, 2, height);
    context.beginPath();
    context.arc(line, height / 2, 9, 0, 7);
    context.fill();
    const place = (corner) => this.toScreen(...corner);
    this.hints.forEach((hint, i) => {
      if (hint.outline) drawOutline(context, hint.outline.map(place), hint.color, true);
      if (!hint.outline || i === this.picked)
        drawPoint(context, place(middle(hint)), hint.color, i === this.picked);
    });
    if (this.corners.length) drawOutline(context, this.corners.map(place), "#fff", false);
    if (this.cross) drawCross(context, place(this.cross));
  }

  get line() {
    const [from] = this.toScreen(0, 0);
    const [to] = this.toScreen(1, 0);
    const [left, right] = [Math.max(from, 0), Math.min(to, this.bounds[0])];
    return left + ((right - left) * this.split.value) / 100;
  }

  drawSide(side, from, to) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.bounds[1]);
    context.clip();
    for (const layer of [this.base, this.detail]) {
      const bitmap = layer?.bitmaps[side] ?? layer?.bitmaps.before;
      if (!bitmap) continue;
      const [x, y] = this.toScreen(layer.box.left, layer.box.top);
      const [right, bottom] = this.toScreen(layer.box.right, layer.box.bottom);
      context.imageSmoothingEnabled = this.scale < 3;
      context.drawImage(bitmap, x, y, right - x, bottom - y);
    }
    context.restore();
  }

  // -- mouse, finger, pen -----------------------------------------------------------------------

  pointerdown(event) {
    if (!this.photo) return;
    this.canvas.setPointerCapture(event.pointerId);
    const at = [event.offsetX, event.offsetY];
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size > 1) {
      this.drag = { what: "pinch" };
      this.corners = [];
      return;
    }
    const hint = this.hintAt(...at);
    if (hint >= 0) this.drag = { what: "hint", hint };
    else if (Math.abs(at[0] - this.line) < NEAR) this.drag = { what: "split" };
    else this.drag = { what: this.tool, at };
    if (hint >= 0) this.on.pick(hint);
    if (this.drag.what === "area") this.corners = [this.toPhoto(...at)];
  }

  pointermove(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last || !this.photo) return;
    const at = [event.offsetX, event.offsetY];
    const [dx, dy] = [at[0] - last[0], at[1] - last[1]];
    const { what } = this.drag;
    if (what === "pinch") this.pinch(event.pointerId, at);
    this.pointers.set(event.pointerId, at);
    if (what === "look") this.pan(dx, dy);
    else if (what === "split") this.setSplit(at[0]);
    else if (what === "hint") this.on.move(this.drag.hint, ...this.toPhoto(...at), false);
    else if (what === "area" && this.corners.length < 1500) {
      this.corners.push(this.toPhoto(...at));
      this.draw();
    }
  }

  pointerup(event) {
    if (!this.pointers.delete(event.pointerId) || !this.photo || !this.drag) return;
    const { what, at, hint } = this.drag;
    const here = this.toPhoto(event.offsetX, event.offsetY);
    if (what === "point" && inside(this.rawPlace(...at))) this.on.place(...this.toPhoto(...at));
    else if (what === "hint") this.on.move(hint, ...here, true);
    else if (what === "area") this.closeArea();
    if (!this.pointers.size) this.drag = null;
  }

  pointercancel(event) {
    this.pointers.delete(event.pointerId);
    this.corners = [];
    this.drag = null;
    this.draw();
  }

  rawPlace(x, y) {
    const { width, height } = this.photo;
    return [(x - this.left) / (width * this.scale), (y - this.top) / (height * this.scale)];
  }

  pinch(id, at) {
    const other = [...this.pointers].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const last = this.pointers.get(id);
    const apart = (a, b) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
    const [x, y] = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.zoomTo((this.scale * apart(at, other)) / apart(last, other), x, y);
  }

  setSplit(x) {
    const [from] = this.toScreen(0, 0);
    const [to] = this.toScreen(1, 0);
    const [left, right] = [Math.max(from, 0), Math.min(to, this.bounds[0])];
    this.split.value = (100 * (x - left)) / Math.max(right - left, 1);
    this.draw();
  }

  hintAt(x, y) {
    const near = (hint) => {
      const [hx, hy] = this.toScreen(...middle(hint));
      return Math.hypot(hx - x, hy - y) < NEAR;
    };
    return this.hints.findLastIndex(near);
  }

  closeArea() {
    const corners = this.corners;
    this.corners = [];
    if (corners.length > 2) this.on.outline(corners);
    this.draw();
  }

  wheel(event) {
    event.preventDefault();
    this.zoomTo(this.scale * Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }

  // -- keyboard ---------------------------------------------------------------------------------

  setCross(place) {
    this.cross = place;
    this.draw();
  }

  key(event) {
    if (!this.photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = arrows[event.key];
    if (step && this.tool === "look") this.pan(-60 * step[0], -60 * step[1]);
    else if (step) this.moveCross(step, event.shiftKey ? 2 : 16);
    else if (event.key === "Enter" && this.tool !== "look") this.enter();
    else if (event.key === " " && this.tool === "area") this.closeArea();
    else if (event.key === "+") this.zoomTo(this.scale * 1.25);
    else if (event.key === "-") this.zoomTo(this.scale / 1.25);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.corners = [];
    else return;
    event.preventDefault();
    this.draw();
  }

  moveCross([dx, dy], step) {
    const at = this.cross ?? this.toPhoto(this.bounds[0] / 2, this.bounds[1] / 2);
    const [x, y] = this.toScreen(...at);
    this.cross = this.toPhoto(x + dx * step, y + dy * step);
  }

  enter() {
    const at = this.cross ?? this.toPhoto(this.bounds[0] / 2, this.bounds[1] / 2);
    this.cross = at;
    if (this.tool === "point") this.on.place(...at);
    else this.corners.push(at);
  }
}

/** Where a hint is taken hold of. */
export function middle(hint) {
  if (!hint.outline) return [hint.x, hint.y];
  const sum = hint.outline.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  return sum.map((value) => value / hint.outline.length);
}

const inside = ([x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 1;

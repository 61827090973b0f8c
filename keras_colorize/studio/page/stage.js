// The photograph: before and after, at any size, and the places whose color was said.

import { Hands } from "./hands.js";
import { Layers } from "./layers.js";
import { drawCross, drawOutline, drawPoint } from "./marks.js";
import { middle } from "./places.js";
import { View } from "./view.js";

export class Stage {
  /** `on` holds what to do: place(x, y), outline(corners), move(i, x, y), pick(i), fail(error). */
  constructor(on) {
    this.canvas = document.getElementById("canvas");
    this.context = this.canvas.getContext("2d");
    this.split = document.getElementById("split");
    this.hints = [];
    this.picked = null;
    this.view = new View(this.canvas, () => this.layers.refresh());
    this.layers = new Layers(this.view, {
      draw: () => this.draw(),
      busy: (busy) => this.setBusy(busy),
      fail: on.fail,
    });
    this.hands = new Hands(this, on);
    this.split.addEventListener("input", () => this.draw());
  }

  /** Show another photograph: its id, width and height. */
  show(photo) {
    this.close();
    this.view.show(photo);
  }

  close() {
    this.layers.close();
    this.view.show(null);
    this.hands.letGo();
    this.setHints([]);
  }

  /** Its colors are others now. */
  recolor() {
    this.layers.refresh(true);
  }

  setHints(hints, picked = null) {
    this.hints = hints;
    this.picked = picked;
    this.draw();
  }

  /** Whether what is seen is not yet what it will be. */
  setBusy(busy) {
    this.canvas.setAttribute("aria-busy", busy);
  }

  /** Where after begins, on the screen. */
  get line() {
    const [left, right] = this.view.edges;
    return left + ((right - left) * this.split.value) / 100;
  }

  setLine(x) {
    const [left, right] = this.view.edges;
    this.split.value = (100 * (x - left)) / Math.max(right - left, 1);
    this.draw();
  }

  // -- drawing ----------------------------------------------------------------------------------

  draw() {
    const { context, canvas, view } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!view.photo || !this.layers.base) return;
    context.scale(devicePixelRatio, devicePixelRatio);
    context.imageSmoothingQuality = "high";
    const [width] = view.bounds;
    this.drawSide("before", 0, this.line);
    this.drawSide("after", this.line, width);
    this.drawLine();
    const place = (corner) => view.toScreen(...corner);
    this.hints.forEach((hint, i) => {
      if (hint.outline) drawOutline(context, hint.outline.map(place), hint.color, true);
      if (!hint.outline || i === this.picked)
        drawPoint(context, place(middle(hint)), hint.color, i === this.picked);
    });
    const { corners, cross } = this.hands;
    if (corners.length) drawOutline(context, corners.map(place), "#fff", false);
    if (cross) drawCross(context, place(cross));
  }

  drawLine() {
    const { context, line } = this;
    const [, height] = this.view.bounds;
    context.fillStyle = "#fff";
    context.fillRect(line - 1, 0, 2, height);
    context.beginPath();
    context.arc(line, height / 2, 9, 0, 7);
    context.fill();
  }

  drawSide(side, from, to) {
    const { context, view } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, view.bounds[1]);
    context.clip();
    for (const layer of [this.layers.base, this.layers.detail]) {
      const bitmap = layer?.bitmaps[side] ?? layer?.bitmaps.before;
      if (!bitmap) continue;
      const [x, y] = view.toScreen(layer.box.left, layer.box.top);
      const [right, bottom] = view.toScreen(layer.box.right, layer.box.bottom);
      context.imageSmoothingEnabled = view.scale < 3;
      context.drawImage(bitmap, x, y, right - x, bottom - y);
    }
    context.restore();
  }
}

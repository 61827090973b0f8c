// The pictures that are drawn: the whole photograph as large as it fits, above it what is seen.

import * as api from "./api.js";

const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };
const REST = 120; // milliseconds after which a movement has come to rest

export class Layers {
  /** `on` holds what to do: draw(), busy(whether), fail(error). */
  constructor(view, on) {
    this.view = view;
    this.on = on;
    this.side = "after"; // or "certainty"
    this.base = this.detail = null; // { box, width, bitmaps: { before, after } }
  }

  close() {
    this.replace("base", null);
    this.replace("detail", null);
  }

  setSide(side) {
    if (side === this.side) return;
    this.side = side;
    this.replace("detail", null);
    this.refresh(true);
  }

  /** Draw what is there, and ask for what is missing; `changed`: the colors are others now. */
  refresh(changed = false) {
    this.on.draw();
    if (!this.view.photo) return;
    this.changed ||= changed;
    clearTimeout(this.timer);
    this.on.busy(true);
    if (changed) this.load();
    else this.timer = setTimeout(() => this.load(), this.base ? REST : 0);
  }

  /** One after the other: what is asked for meanwhile is asked for once, at the end. */
  async load() {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    try {
      await this.loadBoth(this.view.photo);
    } catch (error) {
      this.again = false;
      this.on.fail(error);
    } finally {
      this.loading = false;
    }
    const more = this.again && this.view.photo;
    this.again = false;
    if (more) this.load();
    else this.on.busy(false);
  }

  async loadBoth(photo) {
    const { view, changed } = this;
    this.changed = false;
    const width = Math.min(view.fitting * photo.width * devicePixelRatio, photo.width);
    const near = view.scale > 1.05 * view.fitting;
    if (near && this.base) {
      const box = view.part;
      const wide = (box.right - box.left) * photo.width * Math.min(view.scale * devicePixelRatio, 1);
      await this.fetch(photo, "detail", box, wide, changed);
    }
    await this.fetch(photo, "base", WHOLE, width, changed);
    if (!near && view.photo === photo) this.replace("detail", null);
    if (near && !this.detail) this.again = true;
  }

  /** Have a layer show a part; only what is not there yet is asked for. */
  async fetch(photo, name, box, width, changed) {
    const old = this[name];
    const same = old && old.width === width && JSON.stringify(old.box) === JSON.stringify(box);
    if (same && !changed) return;
    const before = same ? old.bitmaps.before : await api.view(photo.id, "before", box, width);
    const layer = { box, width, bitmaps: { before } };
    if (!old && this.view.photo === photo) this.replace(name, layer); // gray at once, colors follow
    const after = await api.view(photo.id, this.side, box, width);
    if (this.view.photo !== photo) {
      after.close();
      return;
    }
    layer.bitmaps = { before, after };
    this.replace(name, layer);
    this.on.draw();
  }

  replace(name, layer) {
    const kept = Object.values(layer?.bitmaps ?? {});
    for (const bitmap of Object.values(this[name]?.bitmaps ?? {}))
      if (!kept.includes(bitmap)) bitmap.close();
    this[name] = layer;
  }
}

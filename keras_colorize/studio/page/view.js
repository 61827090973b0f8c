// Which part of the photograph is seen, and how large: "screen" counts the canvas' own pixels.

const MOST = 8; // pixels of the screen for one of the photograph

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class View {
  /** `changed` is called when another part is seen. */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.photo = null; // with its width and height
    this.zoom = document.getElementById("zoom");
    this.left = this.top = 0;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  get bounds() {
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  /** The scale at which all of it is seen. */
  get fitting() {
    const [width, height] = this.bounds;
    return Math.min(width / this.photo.width, height / this.photo.height);
  }

  resize() {
    const [width, height] = this.bounds;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    if (this.photo && this.fitted) this.fit();
    else this.changed();
  }

  show(photo) {
    this.photo = photo;
    this.zoom.value = "";
    this.fit();
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
    this.left = x - (x - this.left) * ratio;
    this.top = y - (y - this.top) * ratio;
    this.pan(0, 0);
  }

  pan(dx, dy) {
    const [width, height] = this.bounds;
    const [w, h] = [this.photo.width * this.scale, this.photo.height * this.scale];
    this.left = w <= width ? (width - w) / 2 : clamp(this.left + dx, width - w, 0);
    this.top = h <= height ? (height - h) / 2 : clamp(this.top + dy, height - h, 0);
    this.zoom.value = `${Math.round(this.scale * 100)} %`;
    this.changed();
  }

  /** A place of the screen, relative to the photograph. */
  toPhoto(x, y) {
    const { width, height } = this.photo;
    return [(x - this.left) / (width * this.scale), (y - this.top) / (height * this.scale)];
  }

  /** The place of the photograph that is nearest to one of the screen. */
  nearest(x, y) {
    return this.toPhoto(x, y).map((value) => clamp(value, 0, 1));
  }

  toScreen(x, y) {
    const { width, height } = this.photo;
    return [this.left + x * width * this.scale, this.top + y * height * this.scale];
  }

  /** Left and right edge of what is seen of the photograph, on the screen. */
  get edges() {
    const [from] = this.toScreen(0, 0);
    const [to] = this.toScreen(1, 0);
    return [Math.max(from, 0), Math.min(to, this.bounds[0])];
  }

  /** The part that is seen: its edges, relative. */
  get part() {
    const [left, top] = this.nearest(0, 0);
    const [right, bottom] = this.nearest(...this.bounds);
    return { left, top, right, bottom };
  }
}
